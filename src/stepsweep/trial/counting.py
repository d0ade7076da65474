"""From which number a script counts its epochs: from 0 if that is the first one, unless it names parts of epochs."""

from __future__ import annotations

from collections.abc import Mapping

from stepsweep.trial import line
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.epochs import Epochs
from stepsweep.trial.named_epochs import Part


class Counting:
    """The epochs that an attempt has named, as it counts them.

    Attributes:
        first: of the first attempt, if this one goes on from its checkpoint; None before any.
        newest: None before this attempt has named one.
        named: in the order of the output.
    """

    def __init__(self, epochs: Epochs) -> None:
        self.first: int | None = None
        self.newest: int | None = None
        self.named: dict[int, None] = {}
        self._epochs = epochs
        self._has_parts = False

    def own(self, epoch: int | None, *, has_values: bool) -> int | None:
        """Returns the epoch of a line that names one: 0.0 is the begin of epoch 1 where others are parts, as 0.5.

        Args:
            has_values: whether the line has some. `Mean epoch 0.31 minutes` has none, and is no part of an epoch.
        """
        if isinstance(epoch, Part) and has_values:
            if self.first == 0:
                self.first, self.newest = 1, None if self.newest is None else max(self.newest, 1)
                self.named = dict.fromkeys(max(each, 1) for each in self.named)
                self._epochs.count_from_1()
            self._has_parts = True
        return max(epoch, 1) if epoch is not None and self._has_parts else epoch

    def see(self, epoch: int) -> None:
        """A line names an epoch."""
        if self.first is None:
            self.first = epoch
        self.newest = epoch
        self.named[epoch] = None

    def from_1(self, epoch: int) -> int:
        """Returns an epoch as it counts from 1."""
        return epoch + (self.first == 0)

    @property
    def named_from_1(self) -> list[int]:
        return [self.from_1(epoch) for epoch in self.named]

    def has_values(self, epoch: int) -> None:
        """The epoch has values: if it is 0, the one epoch before it in the output was only mentioned."""
        if epoch == 0 != self.first and not self._epochs.resumed and len(self.named) == 2:
            self.first = 0
            self._epochs.count_from_0()

    def check_order(self, values: Mapping[str, Mapping[int, float]]) -> None:
        """Refuses an epoch that was printed again after later ones, and one before the first.

        Args:
            values: by name and epoch.

        Raises:
            NoMetrics: there is one.
        """
        self._epochs.check_order()
        if late := next((name for name, column in values.items() if 0 in column and len(column) > 1), None):
            raise NoMetrics(
                f"{line.column(late)} has a value of epoch 0, which was named after other epochs; count them from 0, "
                "or print lines that only mention an epoch as `from epoch 5`"
            )
