"""A trial's metrics as curves: which columns share a panel, what they were measured on, and which epoch is best."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stepsweep.contract.errors import InvalidMetrics
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.objective import Objective, Reached

SECONDS = "seconds"
LOSS = "loss"

_DATA = "(?P<{0}>train|training|val|valid|validation|eval|evaluation|dev|test)"
_NAME = re.compile(
    rf"{_DATA.format('before')}[_/.-](?P<what>.+)|(?P<that>.+)[_/.-]{_DATA.format('behind')}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Columns that measure the same on different data, such as `train_loss` and `eval_loss`.

    Attributes:
        name: what they measure, `loss`; of a single column its own name.
        training: those of the columns that were measured on the training data.
    """

    name: str
    columns: tuple[str, ...]
    training: tuple[str, ...] = ()


def metrics_of(curves: Iterable[Metrics]) -> list[str]:
    """Returns the columns that the trainer chose, in the order of the files."""
    names = dict.fromkeys(name for metrics in curves for name in metrics.columns)
    return [name for name in names if name not in (EPOCH, SECONDS)]


def panels(curves: Sequence[Metrics], objective: Objective) -> list[Panel]:
    """Returns the panels for the metrics: loss first, then the objective's, then in the order of the files."""
    grouped: dict[str, list[str]] = {}
    for name in metrics_of(curves):
        grouped.setdefault(_measured(name)[0], []).append(name)
    first = {LOSS: 0, _measured(objective.metric)[0]: 1}
    ordered = sorted(grouped.items(), key=lambda item: first.get(item[0], 2))
    return [_panel(what, columns) for what, columns in ordered]


def losses(columns: Iterable[str]) -> tuple[str | None, str | None]:
    """Returns the loss on validation data, which shows overfitting, and that on training data; None if not named."""
    panel = _panel(LOSS, [name for name in columns if _measured(name)[0] == LOSS])
    validation = [name for name in panel.columns if _measured(name)[1]]
    return next(iter(validation), None), next(iter(panel.training), None)


def _panel(what: str, columns: Sequence[str]) -> Panel:
    # Keras and Hugging Face write `loss` beside `val_loss`, and mean the training data.
    has_validation = any(_measured(name)[1] for name in columns)
    training = tuple(name for name in columns if (on := _measured(name)[1]) is False or (on is None and has_validation))
    return Panel(name=columns[0] if len(columns) == 1 else what, columns=tuple(columns), training=training)


def _measured(column: str) -> tuple[str, bool | None]:
    """Returns what a column measures, and whether on validation data (True) or training data (False), if it says so."""
    found = _NAME.fullmatch(column)
    if found is None:
        return column.lower(), None
    what, data = found["what"] or found["that"], found["before"] or found["behind"]
    return what.lower(), not data.lower().startswith("train")


def best_epoch(metrics: Metrics, objectives: Sequence[Objective]) -> int | None:
    """Returns the epoch that decides a trial's value; None if it has none."""
    try:
        return Reached.of(objectives, metrics).epoch
    except InvalidMetrics:
        return None
