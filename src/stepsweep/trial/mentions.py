"""Epochs that lines only mention, such as `Unfreezing at epoch 2`, in an output whose metrics have none.

Taken for the epoch of the metrics below, one would end the count of all others without a word.
"""

from __future__ import annotations

from collections.abc import Sequence

from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.reader import Said
from stepsweep.trial.uncounted import Uncounted


class Mentions:
    """What tells epochs that are mentioned from those that are named."""

    def __init__(self) -> None:
        self._first = ""
        self._are_again = False
        self._have_values = False

    def add(self, said: Said, *, is_again: bool) -> None:
        """Looks at a line.

        Args:
            is_again: whether the line names no epoch, and the latest epoch has its metrics from such a line already.
        """
        if said.epoch is not None:
            self._first = self._first or said.text
            self._have_values |= bool(said.found)
        self._are_again |= is_again

    def check(self, named: Sequence[int], uncounted: Uncounted, epochs: int | None, *, may_be_behind: bool) -> None:
        """Refuses epochs that are probably mentioned only: a training names its first one, and goes on from there.

        Args:
            named: the epochs, in the order of the output.
            uncounted: the values before the first of them.
            epochs: how many were asked for; None by hand.
            may_be_behind: whether the first of these values may be those of the first epoch.

        Raises:
            NoMetrics: it is unsure of which epochs the metrics are.
        """
        if not named or epochs is None:
            return
        is_in_order, is_alone = list(named) == sorted(named), len(named) == 1
        if self._have_values and is_in_order and (not is_alone or named[0] == epochs):
            return  # As where each fifth epoch is validated, and no line of a batch has one.
        begins_late, is_too_few = named[0] > 1, is_alone and named[0] < epochs
        # As where a checkpoint is saved after all epochs but the last, and that is said.
        is_shifted = may_be_behind and not self._have_values and len(named) + 1 == epochs
        if (
            (uncounted.have_again() and (begins_late or is_too_few))
            or (self._are_again and begins_late and (is_too_few or not is_in_order))
            or is_shifted
        ):
            raise NoMetrics(
                f"{self._first.strip()[:120]!r} names an epoch, and the lines with the metrics name none. To fix it, "
                "print the epoch beside the metrics, or say which lines name one, as in metrics: "
                "{epoch: 'epoch (\\d+) begins'}; if no line matches, each line with metrics is an epoch"
            )
