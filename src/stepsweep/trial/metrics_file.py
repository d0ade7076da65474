"""Metrics that a script leaves in a file: CSV, JSON lines, one JSON object, or Hugging Face's trainer_state.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stepsweep.trial import csv_rows, documents
from stepsweep.trial.columns import EPOCH, NoMetrics
from stepsweep.trial.metrics import Collector

_SIGNS = {".csv": ",", ".tsv": "\t"}
"""What is between the cells of a table, by the end of its file's name."""


def collect(path: Path, collector: Collector, *, is_over: bool = True) -> None:
    """Hands what the file holds to the collector; rows of one epoch are merged, as Lightning's CSVLogger needs it.

    If the file is one JSON object, the field `acc` of its field `val` is `val/acc`, and a list has a value per epoch,
    as in a history of Keras. What is no list is of the last epoch.

    Args:
        is_over: whether the script has ended. Otherwise it may be writing the last line.

    Raises:
        NoMetrics: the file is missing or is none of these.
    """
    try:
        text = path.read_text("utf-8-sig")  # Excel and others write a byte-order mark
    except (OSError, ValueError) as error:
        raise NoMetrics(f"--metrics-file {path}: cannot be read: {error}") from None
    sign = _SIGNS.get(path.suffix.lower())
    try:
        rows = _rows_of(text, is_over=is_over) if sign is None else csv_rows.rows(text, sign=sign, is_over=is_over)
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    except ValueError as error:
        raise NoMetrics(f"--metrics-file {path}: {error}") from None
    for line in lines:
        collector.feed(line)


def _rows_of(text: str, *, is_over: bool) -> Iterator[Mapping[str, object] | str]:
    """Yields the rows of a file of JSON; a line that Python wrote of a dict is read as one that it prints."""
    document = documents.whole(text)
    if isinstance(document, dict):
        document = document["log_history"] if isinstance(document.get("log_history"), list) else _history(document)
    if isinstance(document, list):
        yield from (row for row in document if isinstance(row, dict))
        return
    row: Mapping[str, object] | str | None = None
    for row in documents.in_text(text):
        if isinstance(row, str) and not (row.rstrip(", \r").endswith("}") and row.count("{") == row.count("}")):
            if not is_over:  # it may be about to write the rest
                return
            raise ValueError(f"{row[:80]!r} is no whole JSON object; write each whole, as json.dumps does")
        yield row
    if row is None:
        raise ValueError(
            "has no JSON object; the name of a CSV must end in .csv, or in .tsv with tabs between the cells"
        )


def _history(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = {name: value for name, value in documents.fields(document) if name[:1].isalpha()}
    lists = {name: value for name, value in found.items() if isinstance(value, list)}
    if lists:
        found.pop(EPOCH, None)
    last = max(map(len, lists.values()), default=1)
    rows: list[dict[str, Any]] = [{EPOCH: number} for number in range(1, last + 1)] if lists else [{}]
    for name, value in found.items():
        values = value if isinstance(value, list) else [value]
        for row, one in zip(rows if name in lists else rows[-1:], values):  # noqa: B905  Python 3.9 has no `strict`
            row[name] = one
    return rows
