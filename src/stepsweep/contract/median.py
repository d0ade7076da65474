"""The median rule: a running trial that is worse than the completed ones were is ended.

Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.2. A trial is ended at an
epoch if its best value so far is strictly worse than the median of the completed trials' running averages up to there.

The medians are fixed when a trial starts, and the trial ends itself. So nothing has to watch it, and a repeated attempt
is judged as the first one was.
"""

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.reading import Fields

MIN_TRIALS = 5
"""Completed trials, by default, without which a median says little."""

POINTS = 20
"""Epochs at which a trial is judged at most. The events, the snapshot and a job's variables hold a number for each."""

VARIABLE_BYTES = 1_100
"""Size of a job's variable at most."""

Medians = Mapping[int, float]
"""The median by epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianRule:
    """When a trial is judged.

    Attributes:
        min_epochs: that every trial trains.
        min_trials: that have completed, without which nothing is ended.
    """

    min_epochs: int
    min_trials: int = MIN_TRIALS

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    def judged(self, epochs: int) -> list[int]:
        """Returns the epochs at which a trial of so many epochs is judged: all but the last, or evenly spread ones."""
        number = epochs - self.min_epochs
        if number <= POINTS:
            return list(range(self.min_epochs, epochs))
        return [self.min_epochs + (number - 1) * point // (POINTS - 1) for point in range(POINTS)]

    def medians(self, completed: Iterable[Mapping[int, float]], objective: Objective, epochs: int) -> dict[int, float]:
        """Returns the medians by epoch, where enough trials have one.

        Args:
            completed: the running averages of each completed trial, by epoch.
            epochs: the most that a trial trains.
        """
        found: dict[int, list[float]] = {epoch: [] for epoch in self.judged(epochs)}
        for averages in completed:
            for epoch, values in found.items():
                if epoch in averages:
                    values.append(averages[epoch])
        return {epoch: _median(values, objective) for epoch, values in found.items() if len(values) >= self.min_trials}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Where the rule ended a trial.

    Attributes:
        epoch: at which the trial was worse than the median.
        value: its best value up to there.
    """

    epoch: int
    value: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        """Reads what `to_json` wrote. Raises InvalidDocument as `Fields` does."""
        fields = Fields(data, where)
        ended = cls(epoch=fields.whole("epoch"), value=fields.number("value"))
        fields.done()
        return ended


def averages(metrics: Metrics, objective: Objective, epochs: Sequence[int]) -> dict[int, float]:
    """Returns a trial's mean value up to each of the epochs that it trained, of the values that are finite."""
    measured = _finite(metrics, objective)
    found = {}
    for epoch in epochs:
        values = [value for at, value in measured if at <= epoch]
        if values and epoch <= metrics.epochs:
            found[epoch] = statistics.mean(values)  # `fmean` overflows where large values are added
    return found


def verdict(metrics: Metrics, objective: Objective, medians: Medians) -> Ended | None:
    """Returns the first epoch at which the rule ends a trial; None if there is none among those that it has trained.

    It is the same however many epochs the trial has trained since. Without a finite value a trial is not judged.
    """
    measured = _finite(metrics, objective)
    for epoch, median in sorted(medians.items()):
        values = [value for at, value in measured if at <= epoch]
        if not values or epoch > metrics.epochs:
            continue
        best = min(values, key=objective.rank)
        if objective.rank(best) > objective.rank(median):
            return Ended(epoch=epoch, value=best)
    return None


def read_record(data: bytes, *, epochs: int) -> tuple[Ended, int]:
    """Reads what a trial leaves that the rule ended: where it did, and the number of epochs that it trained.

    Raises:
        InvalidDocument: the record breaks a rule, such as an epoch beyond those that the trial was to train.
    """
    where = "the record of the median rule"
    try:
        fields = Fields(json.loads(data), where)
    except (ValueError, RecursionError):
        raise InvalidDocument(f"{where}: not JSON") from None
    trained = fields.whole("epochs_trained")
    ended = Ended.from_json({"epoch": fields.raw("epoch"), "value": fields.raw("value")}, where=where)
    fields.done()
    if not (0 < ended.epoch <= trained <= epochs and math.isfinite(ended.value)):
        raise InvalidDocument(f"{where}: epoch {ended.epoch} of {trained}, value {ended.value}, for {epochs} epochs")
    return ended, trained


def record(ended: Ended, *, epochs_trained: int) -> bytes:
    """Returns what `read_record` reads."""
    return json.dumps({**ended.to_json(), "epochs_trained": epochs_trained}).encode()


def variable(medians: Medians, objective: Objective, *, uri: str) -> str:
    """Returns what a job is told, as JSON: metric and direction, the medians, and where to record that it was ended."""
    return json.dumps(
        {
            "metric": objective.metric,
            "direction": objective.direction.value,
            "medians": pairs(medians),
            "uri": uri,
        },
        separators=(",", ":"),
    )


def read_variable(text: str) -> tuple[Objective, dict[int, float]]:
    """Returns the objective and the medians of a job's variable. Raises InvalidDocument as `Fields` does."""
    fields = Fields(json.loads(text), "the medians")
    objective = Objective(metric=fields.text("metric"), direction=fields.one_of("direction", Direction))
    return objective, by_epoch(fields.pairs("medians"))


def pairs(by_epoch: Mapping[int, float]) -> list[list[float]]:
    """Returns numbers by epoch as JSON, whose objects have no numbers as names."""
    return [[epoch, value] for epoch, value in sorted(by_epoch.items())]


def by_epoch(found: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Returns what `pairs` was given."""
    return {int(epoch): value for epoch, value in found}


def _finite(metrics: Metrics, objective: Objective) -> list[tuple[int, float]]:
    if objective.metric not in metrics.columns:
        return []
    return [(epoch, value) for epoch, value in metrics.measured(objective.metric) if math.isfinite(value)]


def _median(values: Sequence[float], objective: Objective) -> float:
    """Returns the median; of an even number the worse one of the two in the middle, since what lies between stays."""
    ranked = sorted(values, key=objective.rank)
    return ranked[len(ranked) // 2]
