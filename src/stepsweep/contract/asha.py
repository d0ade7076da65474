"""Asynchronous successive halving: a candidate is promoted when it is among the best so far, and no one waits.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020 (https://arxiv.org/abs/1810.05934).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stepsweep.contract.objective import Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What a candidate reached on a rung.

    Attributes:
        value: the mean of its trials' values; None unless all succeeded.
        epoch: that reached the value; a rounded mean for several trials.
        diverged: whether one of its trials has invalid metrics.
        by_objective: with several objectives the value of each.
    """

    value: float | None = None
    epoch: int | None = None
    diverged: bool = False
    by_objective: tuple[float, ...] = ()


class Climber(Protocol):
    """A candidate as this rule sees it."""

    @property
    def rung(self) -> int: ...

    @property
    def reached(self) -> tuple[Reached, ...]:
        """What it reached on each rung that all its trials have ended on."""


def promotion(
    candidates: Sequence[Climber], objective: Objective, *, rungs: int, factor: int, nothing_new: bool
) -> int | None:
    """Returns the number of the candidate to promote next; None if there is none now.

    Of the n candidates that have ended on a rung, failed ones included, the best `floor(n / factor)` go on, the highest
    rung first. Candidates that were promoted keep their place among the best, so a better newcomer goes on too. Once
    nobody can reach a rung any more, the share is rounded up, so that the best candidate always reaches the last rung.

    Args:
        nothing_new: whether the search begins no further candidate.
    """
    for rung in reversed(range(rungs - 1)):
        if (best := _next(candidates, objective, rung, factor, up=False)) is not None:
            return best
    for rung in range(rungs - 1) if nothing_new else ():
        if any(each.rung == rung and len(each.reached) <= rung for each in candidates):
            return None
        if (best := _next(candidates, objective, rung, factor, up=True)) is not None:
            return best
    return None


def _next(candidates: Sequence[Climber], objective: Objective, rung: int, factor: int, *, up: bool) -> int | None:
    """Returns the best candidate that waits on a rung and is among those that go on."""
    ended = [(number, each) for number, each in enumerate(candidates) if len(each.reached) > rung]
    places = -(-len(ended) // factor) if up else len(ended) // factor
    if not places:
        return None
    ranked = sorted(
        (objective.rank(there.value), there.epoch or 0, number)
        for number, each in ended
        if (there := each.reached[rung]).value is not None
    )
    return next((number for _, _, number in ranked[:places] if candidates[number].rung == rung), None)
