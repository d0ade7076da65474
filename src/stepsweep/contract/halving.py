"""Successive halving: every trial trains a few epochs, and only the best are promoted to more.

Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016
(https://arxiv.org/abs/1502.07943). A rung is an epoch budget. Promoted trials continue from their checkpoints, so a
trial has the same curve as without rungs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stepsweep.contract.objective import Objective
from stepsweep.contract.ranking import rank
from stepsweep.contract.results import Group

DEFAULT_FACTOR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Halving:
    """The rungs of a sweep: `min_epochs`, then each `factor` times the one before, up to the sweep's `epochs`.

    Attributes:
        factor: one in `factor` trials of a rung is promoted.
    """

    min_epochs: int
    factor: int = DEFAULT_FACTOR

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """Returns the epochs of every rung; the last rung is the full training."""
        return tuple(self._below(epochs)) + (epochs,)

    def _below(self, epochs: int) -> Iterator[int]:
        budget = self.min_epochs
        while budget < epochs:
            yield budget
            budget *= self.factor

    def places(self, reached: int) -> int:
        """Returns how many are promoted of those that reached a rung."""
        return -(-reached // self.factor)


def default_min_epochs(epochs: int) -> int:
    """Returns a twelfth of the epochs, at least 1.

    Measured in docs/search.md: with factors 2 to 4 a grid then takes less than a quarter of its epochs, and finds a
    winner within a standard error of its own. Half of that lost the winner with factor 3; more only costs more.
    """
    return max(1, epochs // 12)


def promoted(groups: Sequence[Group], halving: Halving, objective: Objective, *, rungs: int) -> list[Group]:
    """Returns the groups to promote: the best of each rung, one in `factor`, by the rules of the ranking.

    A group competes only within its own batch, which reached the rung in the same round. So the best group of all
    always reaches the last rung, and the maximum cost of a sweep is known in advance. Every group planned for a rung
    counts: a failure frees no place. Groups without a value are never promoted.

    Args:
        rungs: number of rungs; nothing is promoted from the last.
    """
    batches: dict[int, list[Group]] = {}
    for group in groups:
        batches.setdefault(group.batch, []).append(group)
    going_on: list[Group] = []
    for there in batches.values():
        for rung in range(rungs - 1):
            reached = sum(group.rung >= rung for group in there)
            beyond = sum(group.rung > rung for group in there)
            waiting = [group for group in there if group.rung == rung and group.value is not None]
            going_on += rank(waiting, objective)[: max(0, halving.places(reached) - beyond)]
    return going_on
