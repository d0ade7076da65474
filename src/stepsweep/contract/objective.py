"""What a sweep optimizes, and which epoch of a trial counts.

One function, `Reached.of`, decides a trial's value for the reducer, for halving and for the client.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from stepsweep.contract.errors import Diverged, InvalidMetrics
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.significance import mean_of


class Direction(StrEnum):
    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class When(StrEnum):
    """Which epochs decide a trial's value."""

    BEST = "best"
    LAST = "last"
    EPOCH = "epoch"
    MEAN_OF_LAST = "mean_of_last"


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """The epochs that decide.

    Attributes:
        number: the epoch, or how many of the last ones; None for the best and for the last.
    """

    when: When = When.BEST
    number: int | None = None

    def to_json(self) -> str | dict[str, int]:
        return self.when.value if self.number is None else {self.when.value: self.number}

    @classmethod
    def from_json(cls, raw: object, *, epochs: int | None = None) -> Self:
        """Reads `"best"`, `"last"`, `{"epoch": 10}` or `{"mean_of_last": 3}`.

        Raises:
            ValueError: it is none of these, without the field's name.
        """
        match raw:
            case "best" | "last":
                return cls(when=When(raw))
            case {"epoch": int() as number, **rest} if not rest:
                when = When.EPOCH
            case {"mean_of_last": int() as number, **rest} if not rest:
                when = When.MEAN_OF_LAST
            case _:
                raise ValueError('must be "best", "last", {"epoch": 10} or {"mean_of_last": 3}')
        if isinstance(number, bool) or number < 1 or (epochs is not None and number > epochs):
            raise ValueError(f"{when} must be a whole number from 1 to the sweep's epochs")
        return cls(when=when, number=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a sweep optimizes: a column of the metrics, the better direction, and the epochs that decide."""

    metric: str = "val_accuracy"
    direction: Direction = Direction.MAXIMIZE
    at: At = field(default_factory=At)

    def rank(self, value: float) -> float:
        """Returns a sort key: the better the value, the smaller the key."""
        return -value if self.direction is Direction.MAXIMIZE else value

    def to_json(self) -> dict[str, Any]:
        return {"metric": self.metric, "direction": self.direction.value, "at": self.at.to_json()}

    def value_of(self, metrics: Metrics) -> "Reached":
        """Returns a trial's value.

        An epoch counts if the metric was measured there and is finite. A trial whose last measured value is not finite
        has diverged, whatever it reached before.

        Raises:
            Diverged: the last measured value is not finite.
            InvalidMetrics: the metric was never measured.
        """
        counted = self.counted(metrics)
        number, last = counted[-1]
        best = min(counted, key=lambda each: self.rank(each[1]))
        match self.at.when:
            case When.BEST:
                epoch, value = best
            case When.LAST:
                epoch, value = number, last
            case When.EPOCH:
                # A trial of a lower rung, or one that stopped early, has not reached it.
                until = [each for each in counted if each[0] <= (self.at.number or 0)]
                if not until:
                    raise InvalidMetrics(f"{self.metric} was not measured up to epoch {self.at.number}")
                epoch, value = until[-1]
            case When.MEAN_OF_LAST:
                epoch, value = number, mean_of([each for _, each in counted[-(self.at.number or 1) :]])
        return Reached(value=value, epoch=epoch, best=best[1], last=last)

    def counted(self, metrics: Metrics) -> list[tuple[int, float]]:
        """Returns the epochs that count, each with its value; at least one. Raises as `value_of`."""
        measured = self._measured(metrics)
        if not math.isfinite(measured[-1][1]):
            begin = next((epoch for epoch, value in reversed(measured) if math.isfinite(value)), 0)
            first, value = next((epoch, value) for epoch, value in measured if epoch > begin)
            raise Diverged(f"{self.metric} is {value} at epoch {first}: the trial diverged")
        return [(epoch, value) for epoch, value in measured if math.isfinite(value)]

    def _measured(self, metrics: Metrics) -> Sequence[tuple[int, float]]:
        if self.metric not in metrics.columns:
            names = ", ".join(name for name in metrics.columns if name != EPOCH)
            there = textwrap.shorten(names, 160, placeholder=" …")
            raise InvalidMetrics(
                f"the objective `{self.metric}` is not among the metrics: {there}; name one of them, or say with "
                "`metrics` where it is printed"
            )
        measured = metrics.measured(self.metric)
        if not measured:
            raise InvalidMetrics(f"{self.metric}, the objective, was not measured in any epoch")
        return measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What a trial reached.

    Attributes:
        value: what it is ranked by; with several objectives that of the first.
        epoch: the epoch of the value, counted from 1; of a mean the last one.
        best: the best value over all epochs; None with several objectives, since no epoch is best in all of them.
        last: the value of the last epoch that was measured; None with several objectives.
        by_objective: the value of each of several objectives; empty with one.
    """

    value: float
    epoch: int
    best: float | None = None
    last: float | None = None
    by_objective: tuple[float, ...] = ()

    @staticmethod
    def of(objectives: Sequence[Objective], metrics: Metrics) -> "Reached":
        """Returns what a trial reached.

        Several objectives are read at one epoch: the last one in which all of them were measured and are finite, or the
        last such epoch up to the one that `at` names. A trial of which one objective's last measured value is not
        finite has diverged, as with one objective.

        Raises:
            Diverged: the last measured value of an objective is not finite.
            InvalidMetrics: the metrics were never measured in one epoch.
        """
        if len(objectives) == 1:
            return objectives[0].value_of(metrics)
        counted = [dict(each.counted(metrics)) for each in objectives]
        until = objectives[0].at.number or metrics.epochs
        both = [epoch for epoch in counted[0] if epoch <= until and all(epoch in values for values in counted)]
        if not both:
            names = ", ".join(each.metric for each in objectives)
            up_to = f" up to epoch {until}" if objectives[0].at.number else ""
            raise InvalidMetrics(f"there is no epoch{up_to} in which all objectives ({names}) were measured")
        values = tuple(values[both[-1]] for values in counted)
        return Reached(value=values[0], epoch=both[-1], by_objective=values)
