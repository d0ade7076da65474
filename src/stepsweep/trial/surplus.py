"""A line after the training that looks like those of its epochs, as of the best model that is evaluated once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from stepsweep.trial import line
from stepsweep.trial.kinds import Cells
from stepsweep.trial.numbers import are_same
from stepsweep.trial.reader import Said

_MOST = 2
"""How many lines of a kind an epoch may have: of more, such as one per batch, there is one more by chance."""


class Surplus:
    """Counts the lines below each epoch that do not name it themselves, by name and kind."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[int]] = {}
        # The first values of the epoch that was named last.
        self._firsts: dict[tuple[str, str], list[float]] = {}
        self._epoch: int | None = None

    def add(self, said: Said, epoch: int) -> None:
        """Looks at a line with values.

        Args:
            epoch: the one that they are taken for, from 1.
        """
        if epoch != self._epoch:
            self._firsts, self._epoch = {}, epoch
        if said.epoch is not None or said.bar is not None:
            return
        for one in {one.key: one for one in said.found}.values():
            self._counts.setdefault((one.key, said.kind), Counter())[epoch] += 1
            firsts = self._firsts.setdefault((one.key, said.kind), [])
            if len(firsts) < _MOST:
                firsts.append(one.value)

    def left_out(self, name: str, cells: Cells[float]) -> tuple[Cells[float], list[str]]:
        """Returns the values of a name without those that are after the last epoch, and a line for each of these.

        The last epoch has one more than each other, or it alone has none in a line that names it.
        """
        last = max(cells, default=0)
        if last != self._epoch:
            return cells, []
        before = {epoch: each for epoch, each in cells.items() if epoch != last}
        kinds = {kind for each in before.values() for kind in each}
        is_other = kinds.isdisjoint(cells[last]) and not self._are_nameless(name, kinds)
        if is_other and self._are_nameless(name, cells[last]):
            return before, [
                f"{line.column(name)} {value:g} does not count: its line names no epoch, and all others do"
                for value in cells[last].values()
            ]
        cell, notices = dict(cells[last]), []
        for kind, value in cells[last].items():
            counts = self._counts.get((name, kind), Counter())
            others = {counts[epoch] for epoch, each in before.items() if kind in each}
            if len(others) != 1 or not 0 < counts[last] - 1 <= _MOST or counts[last] - 1 not in others:
                continue
            cell[kind] = self._firsts[name, kind][counts[last] - 2]
            if not are_same(cell[kind], value):
                notices.append(
                    f"{line.column(name)} of epoch {last} is {cell[kind]:g}, not {value:g} of one line more than the "
                    "other epochs have"
                )
        return {**before, last: cell}, notices

    def _are_nameless(self, name: str, kinds: Iterable[str]) -> bool:
        """Whether no line of these kinds names its epoch."""
        return all((name, kind) in self._counts for kind in kinds)
