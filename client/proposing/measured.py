"""Where the metrics of a short run are: in its output, in a file that it wrote, or in what a tracker left."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepsweep.contract.names import known_direction
from stepsweep.trial import event_files, metrics_file, mlflow_runs
from stepsweep.trial.columns import EPOCH, NoMetrics, columns_of
from stepsweep.trial.metrics import Collector

MAX_FILE = 8 * 2**20
"""Most bytes of a file that is looked through for metrics."""

FILES_OF_METRICS = (".csv", ".json", ".jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The metrics of a short run.

    Attributes:
        metrics: their names, in the order of the output.
        place: what `metrics` of a spec has to name, a file or a tracker with its folder; None for the output.
        epochs: the number of rows.
    """

    metrics: tuple[str, ...] = ()
    place: str | Mapping[str, str] | None = None
    epochs: int = 0


def measured(lines: Sequence[str], work: Path, new: Sequence[str]) -> Measured:
    """Returns what a run measured.

    Args:
        lines: of its output.
        work: the folder that it ran in.
        new: the files that may have metrics and that it wrote there, as paths in the folder.
    """
    printed = _found(None, functools.partial(_read_lines, lines))
    if any(map(known_direction, printed.metrics)):
        return printed
    files = [name for name in new if name.endswith(FILES_OF_METRICS) and (work / name).stat().st_size <= MAX_FILE]
    for name in files:
        written = _found(name, functools.partial(metrics_file.collect, work / name))
        if any(map(known_direction, written.metrics)):  # other numbers may be anything, such as predictions
            return written
    return _tracked(work) or printed


def _tracked(work: Path) -> Measured | None:
    """Returns what a tracker kept; without names where the package that reads it is missing."""
    events = next(iter(sorted(path.relative_to(work) for path in work.rglob(event_files.FILES))), None)
    if events is not None:
        folder = events.parts[0] if len(events.parts) > 1 else "."
        place = {"tensorboard": folder}
        if not event_files.installed():
            return Measured(place=place)
        found = _found(place, lambda collector: event_files.collect(work / folder, None, collector))
    elif runs := next((name for name in (mlflow_runs.DATABASE, mlflow_runs.FOLDER) if (work / name).exists()), None):
        found = _found({"mlflow": runs}, lambda collector: mlflow_runs.collect(work / runs, None, collector))
    else:
        return None
    return found if found.metrics else None


def _found(place: str | Mapping[str, str] | None, read: Callable[[Collector], object]) -> Measured:
    collector = Collector()
    try:
        read(collector)
        rows = _rows(collector)
    except NoMetrics:
        rows = []
    names = tuple(name for name in columns_of(rows) if name != EPOCH)
    return Measured(metrics=names, place=place, epochs=len(rows))


def _rows(collector: Collector) -> list[dict[str, float]]:
    """Returns the rows of all epochs, or where these are unclear, as of folds, the row of a single one."""
    try:
        return collector.rows(None)[0]
    except NoMetrics:
        return collector.rows(1)[0]


def _read_lines(lines: Sequence[str], collector: Collector) -> None:
    for line in lines:
        collector.feed(line)
