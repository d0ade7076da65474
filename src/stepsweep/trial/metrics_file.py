"""Metrics that a script leaves in a file: CSV, JSON lines, or Hugging Face's trainer_state.json."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from stepsweep.trial.metrics import Collector, NoMetrics


def collect(path: Path, collector: Collector) -> None:
    """Hands what the file holds to the collector; rows of one epoch are merged, as Lightning's CSVLogger needs it.

    Raises:
        NoMetrics: the file is missing or is none of these.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise NoMetrics(f"--metrics-file {path}: cannot be read: {error}") from None
    if path.suffix == ".csv":
        for row in csv.DictReader(io.StringIO(text, newline="")):
            numbers = {name: _number(cell) for name, cell in row.items()}
            collector.feed(json.dumps({name: number for name, number in numbers.items() if number is not None}))
        return
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    history = document.get("log_history") if isinstance(document, dict) else None
    for line in [json.dumps(row) for row in history] if isinstance(history, list) else text.splitlines():
        if line.startswith("{"):
            collector.feed(line)


def _number(cell: object) -> float | None:
    try:
        return float(str(cell))
    except ValueError:
        return None
