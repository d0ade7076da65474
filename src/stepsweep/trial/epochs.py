"""The values of epochs that lines name, and whether these are one training: its epochs in their order, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stepsweep.trial import line
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.numbers import are_same

_MOST_KINDS = 16
"""Most kinds of lines kept per name and epoch."""


class Epochs:
    """Values by epoch, of this attempt and of those before it whose checkpoint it goes on from.

    Attributes:
        columns: by name, epoch and kind of line; of each kind the last value.
        saved: the last epoch of the attempts before; 0 without one.
    """

    def __init__(self) -> None:
        self.columns: dict[str, dict[int, dict[str, float]]] = {}
        self.saved = 0
        # The epoch that this attempt named first, and the last one.
        self._begins: int | None = None
        self._last = 0
        # Of the last two epochs of this attempt, how often each name was printed.
        self._counts: dict[int, Counter[str]] = {}
        self._again: tuple[str, int] | None = None
        self._renumbered = ""

    @property
    def resumed(self) -> bool:
        """Whether there are values of an earlier attempt."""
        return self.saved > 0

    def since(self, before: Epochs) -> set[str]:
        """Returns the names that have more values than at a moment before."""
        return {
            name
            for epoch, counts in self._counts.items()
            for name, count in counts.items()
            if count > before._counts.get(epoch, Counter())[name]
        }

    def may_have_ended_one(self, before: Epochs) -> bool:
        """Whether an epoch may have ended since a moment before.

        Names that are new then are no metrics of epochs, and values that are printed once more end none.
        """
        if self.columns == before.columns:
            return False
        names = self.since(before)
        return bool(names and (names & before.columns.keys() or not before.columns)) and self._is_like_before()

    def _is_like_before(self) -> bool:
        """Whether the last epoch of this attempt has each value of the one before, as often: it may be whole."""
        last, before = (self._counts.get(epoch, Counter()) for epoch in (self._last, self._last - 1))
        return all(last[name] >= count for name, count in before.items())

    def is_whole(self, epochs: int | None) -> bool:
        """Whether this attempt has come to the end of the last epoch that was asked for.

        One epoch alone may always have more to say.
        """
        return self._last == epochs and self._last - 1 in self._counts and self._is_like_before()

    def go_on_with(self, epoch: int) -> None:
        """This attempt has metrics of an epoch. With its first one, those that an attempt before named later go.

        They were trained after the checkpoint, by what was killed then.
        """
        if self.resumed and self._begins is None:
            self._begins = epoch
            self._forget_after(epoch)

    def _forget_after(self, epoch: int) -> None:
        kept = {name: {at: cell for at, cell in cells.items() if at <= epoch} for name, cells in self.columns.items()}
        self.columns = {name: cells for name, cells in kept.items() if cells}
        self._counts = {at: counts for at, counts in self._counts.items() if at <= epoch}
        self._last = min(self._last, epoch)

    def add(self, name: str, epoch: int, kind: str, value: float) -> None:
        cell = self.columns.setdefault(name, {}).setdefault(epoch, {})
        if not are_same(cell.get(kind, value), value):
            if self.resumed and epoch <= self.saved:
                self._renumbered = self._renumbered or name
                if self._begins is not None and self._begins < epoch < self._last:
                    # Of a file that has the epochs of the attempt before, too.
                    self._forget_after(epoch)
            elif not self.resumed and epoch < self._last:
                self._again = self._again or (name, epoch)
        self._last = max(self._last, epoch)
        self._counts.setdefault(epoch, Counter())[name] += 1
        self._counts.pop(self._last - 2, None)
        cell.pop(kind, None)
        cell[kind] = value
        if len(cell) > _MOST_KINDS:
            del cell[next(iter(cell))]

    def count_from_0(self) -> None:
        """Takes the epochs so far as counted from 0, and so as one more each."""
        self.columns = {name: {at + 1: cell for at, cell in cells.items()} for name, cells in self.columns.items()}
        self._counts = {at + 1: counts for at, counts in self._counts.items()}
        self._last += 1

    def count_from_1(self) -> None:
        """Takes the epochs so far as counted from 1 after all: what seemed to be epoch 0 is the begin of epoch 1."""
        columns, counts = self.columns, self._counts
        self.columns, self._counts = {}, {}
        for name, cells in columns.items():
            for at, cell in cells.items():
                self.columns.setdefault(name, {}).setdefault(max(at - 1, 1), {}).update(cell)
        for at, count in counts.items():
            self._counts.setdefault(max(at - 1, 1), Counter()).update(count)
        self._last, self.saved = max(self._last - 1, 1), max(self.saved - 1, min(self.saved, 1))

    def as_json(self) -> dict[str, Any]:
        return {
            name: [[epoch, list(cell.items())] for epoch, cell in column.items()]
            for name, column in self.columns.items()
        }

    def resume(self, state: Mapping[str, Any], epochs: int | None) -> None:
        """Starts with what `as_json` returned of an earlier attempt, up to `epochs`."""
        self.columns = {
            name: kept
            for name, column in state.items()
            if (kept := {epoch: dict(cell) for epoch, cell in column if epochs is None or epoch <= epochs})
        }
        self.saved = max((epoch for column in self.columns.values() for epoch in column), default=0)

    def check_numbers(self, named: Sequence[int], epochs: int | None) -> None:
        """Refuses epochs that an attempt that goes on from a checkpoint seems to count from 1 again.

        Args:
            named: the epochs that this attempt has named.
        """
        last = max(named, default=0)
        if self._renumbered and epochs is not None and last < epochs == self.saved + last:
            raise NoMetrics(
                f"{line.column(self._renumbered)} of epochs up to {last} has other values after a checkpoint of epoch "
                f"{self.saved}; if these are later epochs, print the number of each, counted from the first attempt's"
            )

    def check_order(self) -> None:
        """Refuses an epoch that was printed again after later ones."""
        if self._again:
            name, epoch = self._again
            raise NoMetrics(
                f"{line.column(name)} of epoch {epoch} was printed again, with another value, after later epochs; if "
                "this is a training per fold, print their mean once per epoch, or let the sweep train the folds "
                "(`folds`)"
            )
