"""The progress bars of an output: a redraw is no epoch, but a bar over the epochs says which its values are of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence

from stepsweep.trial import line
from stepsweep.trial.bar import Bar, Drawn
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.kinds import Cells
from stepsweep.trial.line import Found
from stepsweep.trial.uncounted import Uncounted


class Bars:
    """The bars of an output, by their totals."""

    def __init__(self) -> None:
        self._bars: dict[int | None, Bar] = {}
        # By name, of which kinds the lines of bars are.
        self._kinds: dict[str, set[str]] = {}

    def add(self, drawn: Drawn, found: Sequence[Found], kind: str) -> None:
        self._bars.setdefault(drawn.total, Bar()).draw(drawn.at, {one.key: one.value for one in found})
        for one in found:
            self._kinds.setdefault(one.key, set()).add(kind)

    def lines_first(self, name: str, cells: Cells[float]) -> Cells[float]:
        """Returns the values of lines alone if these have each epoch: a bar shows a value until the next one."""
        kinds = self._kinds.get(name, set())
        lines = {epoch: {kind: cell[kind] for kind in cell if kind not in kinds} for epoch, cell in cells.items()}
        return lines if all(lines.values()) else cells

    def settled(
        self,
        values: dict[str, dict[int, float]],
        columns: Mapping[str, Cells[float]],
        uncounted: Uncounted,
        epochs: int | None,
    ) -> tuple[dict[str, dict[int, float]], list[str]]:
        """Takes by the bar's count what it shows before a line names the epoch, and still shows after the last one.

        Below each of these lines is the value of the next epoch. If the count is unclear, such a name does not count.

        Args:
            values: by the epochs that lines name.
            columns: the same, by name, epoch and kind of line.
            uncounted: those before the first epoch.

        Raises:
            NoMetrics: no other values are left.
        """
        last = max((epoch for cells in columns.values() for epoch in cells), default=0)
        early = [
            name
            for name in values
            if name in uncounted.values
            and columns.get(name, {}).get(last, {}).keys() & self._kinds.get(name, set())
            and self.lines_first(name, columns[name]) is columns[name]
        ]
        if not early:
            return values, []
        total, bar = self._over_epochs(epochs)
        found = {}
        why = "shows it before a line names its epoch"
        with contextlib.suppress(ValueError):
            found = bar.values(total) if bar else {}
        kept = {name: found.get(name, {}) if name in early else column for name, column in values.items()}
        kept = {name: column for name, column in kept.items() if column}
        if not kept:
            raise _unclear(early, why)
        return kept, [f"{line.column(name)} does not count: a bar {why}" for name in early if name not in kept]

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
            values, notices = _with_lines(bar.values(total), in_lines.values)
            others = sorted(uncounted.values.keys() - in_lines.values.keys() - values.keys())
            return values, [
                *notices,
                *(f"{line.column(name)} does not count: its bar counts no epochs" for name in others),
            ]
        except ValueError as error:
            if max(map(len, in_lines.values.values()), default=0) < 2:
                raise _unclear(bar.names, str(error)) from None
            values, notices = in_lines.by_epoch(epochs)
            left_out = uncounted.values.keys() - in_lines.values.keys()
            return values, [*notices, *(f"{line.column(name)} does not count: its bar {error}" for name in left_out)]

    def _over_epochs(self, epochs: int | None) -> tuple[int | None, Bar | None]:
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
