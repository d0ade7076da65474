"""Values that are printed where no epoch has been named: the n-th of a name may be that of epoch n."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence

from stepsweep.trial import line, one_more
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.kinds import Cells, pattern_of, words_of
from stepsweep.trial.numbers import are_same


class Uncounted:
    """Values of no epoch, by name.

    Attributes:
        values: in the order of the output.
        kinds: of the lines that have them.
    """

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}
        self.kinds: dict[str, list[str]] = {}
        self._order: dict[str, list[int]] = {}
        # Whether each is in a redraw of a progress bar.
        self._redraws: dict[str, list[bool]] = {}
        # The numbers of folds in the lines of a name.
        self._folds: dict[str, set[str]] = {}
        self._lines = 0

    def begin_line(self) -> None:
        """What is added from now on is of another line."""
        self._lines += 1

    def add(self, name: str, value: float, kind: str, *, fold: str = "", is_redraw: bool = False) -> None:
        self._folds.setdefault(name, set()).update([fold] if fold else [])
        self.values.setdefault(name, []).append(value)
        self.kinds.setdefault(name, []).append(kind)
        self._order.setdefault(name, []).append(self._lines)
        self._redraws.setdefault(name, []).append(is_redraw)

    def of_lines(self) -> Uncounted:
        """Returns those that are in no redraw of a progress bar: how often it is redrawn says nothing about epochs."""
        found = Uncounted()
        for name, redraws in self._redraws.items():
            if kept := [at for at, is_redraw in enumerate(redraws) if not is_redraw]:
                found.values[name] = [self.values[name][at] for at in kept]
                found.kinds[name] = [self.kinds[name][at] for at in kept]
                found._order[name] = [self._order[name][at] for at in kept]
                found._folds[name] = self._folds[name]
                found._redraws[name] = [False] * len(kept)
        return found

    def again(self) -> list[str]:
        """Returns the names that lines of one kind have more than once, as those of several epochs do."""
        return [name for name, kinds in self.kinds.items() if len(set(kinds)) < len(kinds)]

    def names_in(self, columns: Mapping[str, Cells[float]]) -> set[str]:
        """Returns the names of which lines of one kind are among these, too, whose lines name the epoch."""
        return {
            name
            for name, kinds in self.kinds.items()
            if any(kind in cell for cell in columns.get(name, {}).values() for kind in kinds)
        }

    def last_of(self, name: str) -> dict[str, float]:
        """Returns the last value of a name by kind of line."""
        return dict(zip(self.kinds.get(name, ()), self.values.get(name, ())))  # noqa: B905  Python 3.9 has no `strict`

    def by_epoch(self, epochs: int | None) -> tuple[dict[str, dict[int, float]], list[str]]:
        """Returns the values by epoch where none was named, and a line for each name that does not count.

        Raises:
            NoMetrics: lines of several kinds have more values than epochs, or the values are those of folds.
        """
        in_lines = self.of_lines()
        values, notices = self._by_epoch(in_lines, epochs)
        self._check_folds(values)
        in_lines._check_kinds(values, epochs)
        return {name: column for name, column in values.items() if column}, notices + [
            f"{line.column(name)} does not count: it was printed {len(self.values[name])} times, which "
            "is no number of epochs; let its lines name the epoch"
            for name, column in values.items()
            if not column
        ]

    def _by_epoch(self, in_lines: Uncounted, epochs: int | None) -> tuple[dict[str, dict[int, float]], list[str]]:
        if not in_lines.values:
            return {name: {1: list_[-1]} for name, list_ in self.values.items()}, []
        uncounted, orders, notices = in_lines._of_one_kind(epochs)
        more, unclear = one_more.of_none(orders)
        for name, at in more.items():
            value = uncounted[name][at]
            uncounted[name] = [*uncounted[name][:at], *uncounted[name][at + 1 :]]
            orders[name] = [*orders[name][:at], *orders[name][at + 1 :]]
            notices.append(f"{line.column(name)} {value:g} does not count: it has one value more than other metrics")
        counts = [len(list_) for list_ in uncounted.values() if epochs is None or len(list_) <= epochs]
        last = max(counts, default=0)
        # The place in the output where each epoch's values were complete.
        ends = [max(order[at] for order in orders.values() if len(order) == last) for at in range(last)]
        values = {}
        for column, all_ in self.values.items():
            list_ = uncounted.get(column, all_)
            if column in uncounted and (not ends or len(list_) <= last):
                values[column] = dict(enumerate(list_, start=1))
                continue
            before = [bisect.bisect_right(orders.get(column, self._order[column]), end) for end in ends]
            values[column] = {epoch: list_[at - 1] for epoch, at in enumerate(before, start=1) if at}
        return {name: {} if name in unclear else column for name, column in values.items()}, notices

    def _of_one_kind(self, epochs: int | None) -> tuple[dict[str, list[float]], dict[str, list[int]], list[str]]:
        """Returns the values without epochs, their places, and a line for each name of which some do not count. Where a
        name has more values than epochs, and lines of one kind have it once per epoch, only these count."""
        uncounted, orders, notices = dict(self.values), dict(self._order), []
        for name, all_kinds in self.kinds.items():
            kinds = [words_of(kind) for kind in all_kinds]
            fitting = [kind for kind in dict.fromkeys(kinds) if kinds.count(kind) == epochs]
            if epochs is not None and len(kinds) > epochs and len(fitting) == 1:
                kept = [at for at, kind in enumerate(kinds) if kind == fitting[0]]
                uncounted[name] = [uncounted[name][at] for at in kept]
                orders[name] = [orders[name][at] for at in kept]
                others = " and ".join(repr(kind) for kind in dict.fromkeys(kinds) if kind != fitting[0])
                notices.append(
                    f"{line.column(name)} counts in the lines {fitting[0]!r}, which are as many as the epochs, and not "
                    f"in {others[:200]}"
                )
        return uncounted, orders, notices

    def _check_folds(self, values: Mapping[str, Mapping[int, float]]) -> None:
        """Refuses values of folds, of which one more is no epoch."""
        for name, column in values.items():
            if len(column) > 1 and len(self._folds[name]) > 1:
                raise NoMetrics(
                    f"{line.column(name)} is in a line per fold, and a fold is no epoch. To fix it, print their mean, "
                    "and leave `epochs` out of the spec, or let the sweep train the folds (`folds`)"
                )

    def _check_kinds(self, values: Mapping[str, Mapping[int, float]], epochs: int | None) -> None:
        """Refuses more values than epochs if they are of several kinds, such as training and validation.

        To ask for more epochs would make epochs of both.
        """
        for name, column in values.items():
            kinds = list(dict.fromkeys(map(words_of, self.kinds.get(name, ()))))
            if epochs is not None and len(column) > epochs and len(kinds) > 1:
                lines = " and ".join(repr(kind) for kind in kinds[:2])
                printed = name.rpartition(line.ON)[2].removeprefix(line.BEST)
                example = f"metrics: {{{line.column(name)}: '{pattern_of(kinds[-1], printed)}'}}"
                raise NoMetrics(
                    f"{line.column(name)} was printed {len(column)} times for {epochs} epoch{'s' * (epochs != 1)}, in "
                    f"lines of several kinds, such as {lines}, and no line names its epoch. To fix it, say which line "
                    f"counts, as in {example}"
                )

    def check_replayed(self, lost: Mapping[str, Sequence[float]]) -> None:
        """Refuses values that continue after a checkpoint. An attempt that starts over repeats them.

        Args:
            lost: the values of the attempt before, by name.
        """
        for name, values in self.values.items():
            again = zip(values, lost.get(name, []))  # noqa: B905  Python 3.9 has no `strict`
            if not all(are_same(now, before) for now, before in again):
                raise NoMetrics(
                    f"{line.column(name)} has no epochs, and this attempt went on from a checkpoint; print them: "
                    f"epoch 3 {line.column(name)}=0.5"
                )
