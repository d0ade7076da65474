"""A trial's metrics as curves: which columns share a panel, and which epoch is best."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepsweep.contract.errors import InvalidMetrics
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.objective import Objective

SECONDS = "seconds"
PREFIXES = ("train_", "val_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Columns that measure the same on different data: `loss` for `train_loss` and `val_loss`."""

    name: str
    columns: tuple[str, ...]


def panels(curves: Sequence[Metrics], objective: Objective) -> list[Panel]:
    """Returns the panels for the metrics: loss first, then the objective's, then in the order of the files."""
    grouped: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for metrics in curves for name in metrics.columns):
        if name not in (EPOCH, SECONDS):
            grouped.setdefault(panel_of(name), []).append(name)
    first = {"loss": 0, panel_of(objective.metric): 1}
    ordered = sorted(grouped.items(), key=lambda item: first.get(item[0], 2))
    return [Panel(name=name, columns=tuple(columns)) for name, columns in ordered]


def panel_of(column: str) -> str:
    for prefix in PREFIXES:
        if column.startswith(prefix) and column != prefix:
            return column.removeprefix(prefix)
    return column


def best_epoch(metrics: Metrics, objective: Objective) -> int | None:
    """Returns the epoch that decides a trial's value; None if it has none."""
    try:
        return objective.value_of(metrics).epoch
    except InvalidMetrics:
        return None
