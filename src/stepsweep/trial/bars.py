"""Progress bars of tqdm: a redraw is no epoch, and the count of a bar over the epochs says whose its values are.

By count and loss, such a bar draws `0 -, 0 a, 1 a, 1 b, 2 b, 2 c, 3 c`, as `set_postfix` redraws it at once, or
`0 -, 1 -, 1 a, 2 a, 2 b, 3 b, 3 c` if `update` comes first. So a value belongs to the step between two counts, and the
first or the last step is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from stepsweep.trial import line
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.line import Found
from stepsweep.trial.numbers import are_same
from stepsweep.trial.uncounted import Uncounted

_BAR = re.compile(r"(?<![\d.])(\d+)(?:/(\d+)|[A-Za-z]+) \[(?:\d+:)*\d\d:\d\d[<,]", re.ASCII)
"""`1/3 [00:00<00:01, 4.3it/s, loss=2.1]`, or `1it [00:00, …` of who knows how many."""


class Drawn(NamedTuple):
    """How far a state of a bar has counted; `total` is None if it does not say."""

    at: int
    total: int | None


def drawn(text: str) -> Drawn | None:
    """Returns the count of a bar in a line; None if it has none."""
    found = _BAR.search(text) if "[" in text else None
    return Drawn(int(found[1]), int(found[2]) if found[2] else None) if found else None


class _Bar:
    """A bar that counts up once, or several in turn.

    Attributes:
        is_again: whether it began again, as a bar over batches does.
        count: how far it has come.
    """

    def __init__(self) -> None:
        self.is_again, self.count = False, 0
        # By the count at their begin, the values that were shown in them.
        self._steps: list[dict[str, float]] = [{}]
        self._shown: dict[str, float] = {}
        self._jump = ""
        self._several: set[str] = set()

    @property
    def names(self) -> set[str]:
        return {name for step in self._steps for name in step}

    def draw(self, count: int, shown: dict[str, float]) -> None:
        self.is_again |= count < self.count
        if count > self.count + 1:
            self._jump = self._jump or f"counts from {self.count} to {count} at once (tqdm redraws each 0.1 s at most)"
        is_shown = shown.keys() == self._shown.keys() and all(
            are_same(shown[name], self._shown[name]) for name in shown
        )
        if count > self.count or not is_shown:
            step = self._steps[-1]
            self._several |= {name for name, value in shown.items() if not are_same(step.get(name, value), value)}
            step.update(shown)
        if count > self.count:
            self._steps.append({})
        self.count, self._shown = count, shown

    def values(self, total: int | None) -> dict[str, dict[int, float]]:
        """Returns the values by epoch.

        Raises:
            ValueError: it is unclear of which epochs they are; the message says why.
        """
        if self._jump:
            raise ValueError(self._jump)
        if self._several:
            raise ValueError(f"shows several values of {line.column(min(self._several))} in one epoch")
        is_first_empty, is_last_empty = not self._steps[0], len(self._steps) - 1 != total or not self._steps[-1]
        if is_first_empty == is_last_empty:
            raise ValueError("does not show whether its values are of the epoch that it counts or of the next one")
        found: dict[str, dict[int, float]] = {}
        for epoch, step in enumerate(self._steps[is_first_empty:], start=1):
            for name, value in step.items():
                found.setdefault(name, {})[epoch] = value
        return found


class Bars:
    """The bars of an output, by their totals."""

    def __init__(self) -> None:
        self._bars: dict[int | None, _Bar] = {}

    def add(self, drawn: Drawn, found: Sequence[Found]) -> None:
        self._bars.setdefault(drawn.total, _Bar()).draw(drawn.at, {one.key: one.value for one in found})

    def beyond(self, named: int, epochs: int) -> list[str]:
        """Returns the names of a bar that counts more epochs than lines have named: these may be mentions."""
        _, bar = self._over_epochs(epochs)
        return sorted(bar.names) if bar is not None and 0 < named < bar.count else []

    def by_epoch(self, uncounted: Uncounted, epochs: int | None) -> tuple[dict[str, dict[int, float]], list[str]]:
        """Returns the values without a named epoch by epoch, and a line for each name that does not count.

        Args:
            uncounted: those of all lines, also of the bars.
            epochs: how many were asked for; None by hand.

        Raises:
            NoMetrics: it is unclear of which epochs they are.
        """
        in_lines = uncounted.of_lines()
        total, bar = self._over_epochs(epochs)
        if bar is None and uncounted.values and not in_lines.values and epochs is not None and epochs > 1:
            raise _unclear(uncounted.values, f"does not count once to {epochs}, the epochs that were asked for")
        if bar is None:
            return uncounted.by_epoch(epochs)
        try:
            return _with_lines(bar.values(total), in_lines.values)
        except ValueError as error:
            if max(map(len, in_lines.values.values()), default=0) < 2:
                raise _unclear(bar.names, str(error)) from None
            values, notices = in_lines.by_epoch(epochs)
            left_out = uncounted.values.keys() - in_lines.values.keys()
            return values, [*notices, *(f"{line.column(name)} does not count: its bar {error}" for name in left_out)]

    def _over_epochs(self, epochs: int | None) -> tuple[int | None, _Bar | None]:
        """Returns the bar that counts the epochs, with its total; None if none does."""
        for total, bar in self._bars.items():
            if total is not None and total == (epochs or total) and bar.names and not bar.is_again:
                return total, bar
        return None, None


def _with_lines(
    values: dict[str, dict[int, float]], in_lines: Mapping[str, Sequence[float]]
) -> tuple[dict[str, dict[int, float]], list[str]]:
    """Adds the values of lines to those of a bar. One alone is of the last epoch, as what a script prints at its end.

    A line has more digits than the bar, whose value replaces none of it.
    """
    last = max(epoch for column in values.values() for epoch in column)
    notices = []
    for name, column in in_lines.items():
        if len(column) == last or (len(column) == 1 and name not in values):
            values[name] = dict(enumerate(column, start=last + 1 - len(column)))
        else:
            notices.append(
                f"{line.column(name)} of {len(column)} line{'s' * (len(column) != 1)} does not count, as the progress "
                f"bar counts {last} epochs; let the lines name the epoch"
            )
    return values, notices


def _unclear(names: Iterable[str], why: str) -> NoMetrics:
    name = line.column(min(names))
    return NoMetrics(
        f"{name} is in a progress bar that {why}. To fix it, print the metrics of each epoch in a line of their own, "
        f"as in: epoch 3 {name}=0.5"
    )
