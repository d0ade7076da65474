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
        doubt: why a trial of one epoch would fail; empty if it would not, or if the run was of others.
    """

    metrics: tuple[str, ...] = ()
    place: str | Mapping[str, str] | None = None
    epochs: int = 0
    doubt: str = ""


def measured(lines: Sequence[str], work: Path, new: Sequence[str], epochs: int | None = None) -> Measured:
    """Returns what a run measured.

    Args:
        epochs: how many it was asked for; None if it has no option for it.
        lines: of its output.
        work: the folder that it ran in.
        new: the files that may have metrics and that it wrote there, as paths in the folder.
    """
    printed = _found(None, functools.partial(_read_lines, lines), epochs)
    if any(map(known_direction, printed.metrics)):
        return printed
    files = [name for name in new if name.endswith(FILES_OF_METRICS) and (work / name).stat().st_size <= MAX_FILE]
    for name in files:
        written = _found(name, functools.partial(metrics_file.collect, work / name), epochs)
        if any(map(known_direction, written.metrics)):  # other numbers may be anything, such as predictions
            return written
    return _tracked(work, epochs) or printed


def _tracked(work: Path, epochs: int | None) -> Measured | None:
    """Returns what a tracker kept; without names where the package that reads it is missing."""
    events = next(iter(sorted(path.relative_to(work) for path in work.rglob(event_files.FILES))), None)
    if events is not None:
        folder = events.parts[0] if len(events.parts) > 1 else "."
        place = {"tensorboard": folder}
        if not event_files.installed():
            return Measured(place=place)
        found = _found(place, lambda collector: event_files.collect(work / folder, epochs, collector), epochs)
    elif runs := next((name for name in (mlflow_runs.DATABASE, mlflow_runs.FOLDER) if (work / name).exists()), None):
        found = _found({"mlflow": runs}, lambda collector: mlflow_runs.collect(work / runs, epochs, collector), epochs)
    else:
        return None
    return found if found.metrics else None


def _found(place: str | Mapping[str, str] | None, read: Callable[[Collector], object], epochs: int | None) -> Measured:
    collector = Collector()
    rows: list[dict[str, float]] = []
    doubts = []
    try:
        read(collector)
    except NoMetrics as error:
        return Measured(place=place, doubt=str(error))
    for asked in dict.fromkeys((epochs, None, 1)):  # what is unclear of several epochs, as folds, may be one
        try:
            rows = collector.rows(asked)[0]
            break
        except NoMetrics as error:
            doubts.append(str(error))
    if epochs is not None and not doubts and len(rows) > epochs:
        example = "metrics: {epoch: 'Epoch (\\d+)'}"
        doubts.append(
            f"found {len(rows)} epochs, and {epochs} was asked for; name what in a line is the epoch: {example}"
        )
    names = tuple(name for name in columns_of(rows) if name != EPOCH)
    return Measured(
        metrics=names, place=place, epochs=len(rows), doubt="".join(doubts[:1]) if epochs or not rows else ""
    )


def _read_lines(lines: Sequence[str], collector: Collector) -> None:
    for line in lines:
        collector.feed(line)
