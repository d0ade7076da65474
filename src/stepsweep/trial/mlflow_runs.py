"""Metrics from what MLflow keeps on disk: a folder of files, or an SQLite database. Neither needs MLflow to be read."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import sys
from pathlib import Path
from urllib.parse import quote

from stepsweep.trial import steps
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.metrics import Collector

DATABASE, FOLDER = "mlflow.db", "mlruns"
_SYSTEM = "system/"  # the machine's load, which MLflow may log by itself


def collect(path: Path, epochs: int | None, collector: Collector) -> None:
    """Hands the metrics of the run that logged last to the collector.

    Args:
        path: `mlflow.db`, `mlruns`, one experiment or run of it, or a folder that holds one of the first two.

    Raises:
        NoMetrics: there are no runs with metrics, or they cannot be read.
    """
    try:
        runs = _runs(path)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise NoMetrics(f"--mlflow {path}: cannot be read: {error}") from None
    if not runs:
        raise NoMetrics(f"--mlflow {path}: has no run with metrics")
    steps.feed(max(runs, key=lambda run: max(point.time for point in run)), collector, epochs)


def _runs(path: Path) -> list[list[steps.Point]]:
    if path.is_file():
        return _of_database(path)
    if (path / DATABASE).is_file():
        return _of_database(path / DATABASE)
    if (path / FOLDER).is_dir():
        path = path / FOLDER
    # Logged models have a folder of metrics too.
    folders = [
        folder
        for folder in (path, *path.glob("*"), *path.glob("*/*"))
        if (folder / "meta.yaml").is_file() and folder.parent.name != "models"
    ]
    return [points for folder in folders if (points := _of_folder(folder / "metrics"))]


def _of_folder(metrics: Path) -> list[steps.Point]:
    """Each file is a metric, `val/acc` in a folder of its own; each of its lines is `timestamp value step`."""
    points = []
    for file in sorted(metrics.rglob("*")):
        name = file.relative_to(metrics).as_posix()
        if not file.is_file() or name.startswith(_SYSTEM):
            continue
        for line in file.read_text("utf-8").splitlines():
            timestamp, value, *step = line.split(" ")
            points.append(steps.Point(int(step[0]) if step else 0, float(timestamp), name, float(value)))
    return points


def _of_database(file: Path) -> list[list[steps.Point]]:
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT run_uuid, key, value, timestamp, step, is_nan FROM metrics ORDER BY timestamp, rowid"
        )
        runs: dict[str, list[steps.Point]] = {}
        for run, name, value, timestamp, step, is_nan in rows:
            if not name.startswith(_SYSTEM):
                number = _read(float(value), is_nan=is_nan)
                runs.setdefault(run, []).append(steps.Point(step, float(timestamp), name, number))
    return list(runs.values())


def _read(value: float, *, is_nan: bool) -> float:
    """MLflow stores NaN as a flag beside 0, and what is infinite as the largest number: databases may lack both."""
    if is_nan:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= sys.float_info.max else value
