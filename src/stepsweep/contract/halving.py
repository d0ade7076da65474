"""Successive halving: every trial trains a few epochs, and only the best go on to more.

Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016
(https://arxiv.org/abs/1502.07943). A rung is an epoch budget; those that go on train from their checkpoints, so that a
trial's curve is the one it would have had without rungs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stepsweep.contract.metrics import Objective
from stepsweep.contract.ranking import Group, rank

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


def default_min_epochs(epochs: int) -> int:
    """Returns a first rung of a twelfth of the epochs.

    Measured (docs/search.md): with any factor from 2 to 4 a grid then takes less than a quarter of its epochs and finds
    a winner that cannot be told from its own; half of that lost it with a factor of 3, and more only costs more.
    """
    return max(1, epochs // 12)


def promoted(groups: Sequence[Group], halving: Halving, objective: Objective, *, rungs: int) -> list[Group]:
    """Returns who goes on to the next rung: of each rung the best, by the ranking's own rules, one in `factor`.

    Trials are compared with those of their own batch, which reached the rung in the same round. So the best of all goes
    on to the end, whichever batch it is of, and what a sweep costs at most is known before. All that were planned for a
    rung count, so that those that failed make no room for others; who has no value never goes on.

    Args:
        rungs: how many there are; nobody goes on from the last.
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
