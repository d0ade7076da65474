"""Successive halving: every trial trains a few epochs, and only the best go on to more.

Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016
(https://arxiv.org/abs/1502.07943). A rung is an epoch budget; those that go on train from their checkpoints, so that a
trial's curve is the one it would have had without rungs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sweep.metrics import Objective
from sweep.ranking import Group, rank

DEFAULT_FACTOR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Halving:
    """The rungs of a sweep: `min_epochs`, then `factor` times as many each, up to the sweep's `epochs`.

    Attributes:
        factor: of those that reach a rung one in so many goes on.
    """

    min_epochs: int
    factor: int = DEFAULT_FACTOR

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """Returns the epochs of every rung; the last is the whole training."""
        return tuple(self._below(epochs)) + (epochs,)

    def _below(self, epochs: int) -> Iterator[int]:
        budget = self.min_epochs
        while budget < epochs:
            yield budget
            budget *= self.factor

    def places(self, reached: int) -> int:
        """Returns how many of those that reach a rung go on to the next."""
        return -(-reached // self.factor)


def default_min_epochs(epochs: int, factor: int) -> int:
    """Returns a first rung from which `epochs` is two rungs away: a ninth of them with the default factor."""
    return -(-epochs // factor**2)


def promoted(groups: Sequence[Group], halving: Halving, objective: Objective, *, rungs: int) -> list[Group]:
    """Returns who goes on to the next rung: of each rung the best, by the ranking's own rules, one in `factor`.

    All that were ever planned for a rung count, so that trials that failed make no room for others. Who has no value is
    never among those that go on. A rung is filled up when later trials reach it: where a search plans batch by batch,
    each batch opens places for the best that wait there, of whatever batch they are.

    Args:
        rungs: how many there are; nobody goes on from the last.
    """
    going_on = []
    for rung in range(rungs - 1):
        reached = sum(group.rung >= rung for group in groups)
        beyond = sum(group.rung > rung for group in groups)
        waiting = [group for group in groups if group.rung == rung and group.value is not None]
        going_on += rank(waiting, objective)[: max(0, halving.places(reached) - beyond)]
    return going_on
