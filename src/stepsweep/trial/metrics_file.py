"""Metrics that a script leaves in a file: CSV, JSON lines, one JSON object, or Hugging Face's trainer_state.json."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stepsweep.trial.columns import EPOCH, NoMetrics
from stepsweep.trial.metrics import Collector

_SIGNED = re.compile(r"[+-]?\d[\d.,'\u00a0\u202f ]*(?:[eE][+-]?\d+)?\s*%?", re.ASCII)
"""A number with signs that Python does not read, such as 1,234.5; no time."""


def collect(path: Path, collector: Collector) -> None:
    """Hands what the file holds to the collector; rows of one epoch are merged, as Lightning's CSVLogger needs it.

    If the file is one JSON object, the field `acc` of its field `val` is `val/acc`, and a list has a value per epoch,
    as in a history of Keras. What is no list is of the last epoch.

    Raises:
        NoMetrics: the file is missing or is none of these.
    """
    try:
        text = path.read_text("utf-8-sig")  # Excel and others write a byte-order mark
    except (OSError, ValueError) as error:
        raise NoMetrics(f"--metrics-file {path}: cannot be read: {error}") from None
    if path.suffix == ".csv":
        _collect_csv(path, text, collector)
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and isinstance(document.get("log_history"), list):
        rows = document["log_history"]
    elif isinstance(document, list):
        rows = document
    elif isinstance(document, dict):
        rows = _rows(document)
    else:
        rows = None
    for line in text.splitlines() if rows is None else map(json.dumps, rows):
        if line.startswith("{"):
            collector.feed(line)


def _collect_csv(path: Path, text: str, collector: Collector) -> None:
    header, *lines = [*csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)] or [[]]
    names = [name.strip() for name in header]  # aligned, as YOLO's
    below = "".join(lines[0]).strip() if lines else ""
    if len(names) == 1 and (sign := next((sign for sign in ";\t " if sign in names[0] and sign in below), "")):
        raise NoMetrics(f"--metrics-file {path}: its names have {sign!r} between them; write commas: {names[0]!r}")
    if twice := [name for name in dict.fromkeys(names) if name and names.count(name) > 1]:
        raise NoMetrics(f"--metrics-file {path}: two columns are named {twice[0]!r}; rename one of them")
    _check_columns(path, names, lines)
    for cells in lines:
        numbers = {name: _number(cell) for name, cell in zip(names, cells)}  # noqa: B905  Python 3.9 has no `strict`
        collector.feed(json.dumps({name: number for name, number in numbers.items() if number is not None}))


def _check_columns(path: Path, names: list[str], lines: list[list[str]]) -> None:
    """Refuses a cell such as 1,234.5 in a column of numbers: to leave its epoch out may leave out the best one."""
    for at, name in enumerate(names):
        cells = [cells[at] for cells in lines if at < len(cells)]
        odd = [cell for cell in cells if _SIGNED.fullmatch(cell.strip()) and _number(cell) is None]
        if odd and any(_number(cell) is not None for cell in cells):
            raise NoMetrics(f"--metrics-file {path}: {name} is {odd[0]!r} in one row, which is no number; write 1234.5")


def _rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    fields = {name: value for name, value in _fields(document) if name[:1].isalpha()}
    lists = {name: value for name, value in fields.items() if isinstance(value, list)}
    if lists:
        fields.pop(EPOCH, None)
    last = max(map(len, lists.values()), default=1)
    rows: list[dict[str, Any]] = [{EPOCH: number} for number in range(1, last + 1)] if lists else [{}]
    for name, value in fields.items():
        values = value if name in lists else [value]
        for row, one in zip(rows if name in lists else rows[-1:], values):  # noqa: B905  Python 3.9 has no `strict`
            row[name] = one
    return rows


def _fields(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _fields(value, f"{before}{name}/")
        else:
            yield f"{before}{name}", value


def _number(cell: object) -> float | None:
    try:
        return float(str(cell))
    except ValueError:
        return None
