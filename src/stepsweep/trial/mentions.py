"""Metrics whose own lines name no epoch: whether the lines between them name it, or only mention one.

`Unfreezing at epoch 2` begins none. Taken for the epoch of the metrics below, it would hide all others without a word.
A training names its epochs one after the other, each above its metrics or each below them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from stepsweep.trial import below, documents, line
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.kinds import Cells
from stepsweep.trial.reader import Said
from stepsweep.trial.uncounted import Uncounted

_MOST_LINES = {0: 0, 1: 2, 2: 8}
"""How many lines an epoch of a training may have, by those of the one that has the second most. A line per batch, as
Keras prints it where time allows, leads to more than two."""

_HEADING = re.compile(
    r"[\W\d_]*(?:[A-Z]+\b[\W\d_]*)?(?:(?i:begin|start|train)(?:n?ing)?\s+(?:of\s+)?)?(?i:epoch)[\s:=#\[(]*\d+\s*(?:/|of)\s*(\d+)",
    re.ASCII,
)
"""`Epoch 1/3` at the begin of a line, behind a time or a level of `logging`, as a training writes above each epoch."""
_END = re.compile(r"\b(?:completed?|done|end(?:s|ed)?|finished|over|took)\b", re.ASCII | re.IGNORECASE)
"""In a line that names an epoch, that it is over."""


class Mentions:
    """Counts the lines that name no epoch, between those that do.

    Attributes:
        are_ends: whether each line that named an epoch first says that it is over.
    """

    def __init__(self) -> None:
        self._first = ""
        self.are_ends = True
        # By name: how many lines are below each epoch, and below none; and of which kinds they are.
        self._counts: dict[str, Counter[int | None]] = {}
        self._kinds: dict[str, set[str]] = {}
        self._are_out_of_turn: set[str] = set()
        self._have_own = False
        # How many epochs there are, by the headings; and whether other lines name another epoch than that above.
        self._totals: set[int] = set()
        self._have_others = False
        # The epochs of lines that say which is the best one, where metrics have none.
        self._passed_over: set[int] = set()

    def add(self, said: Said, above: int | None, named: Collection[int]) -> None:
        """Looks at a line.

        Args:
            above: the epoch that was named last before it.
            named: all epochs before it.
        """
        if said.epoch is None:
            for name in dict.fromkeys(one.key for one in said.found):
                counts = self._counts.setdefault(name, Counter())
                # How often a bar is redrawn is a matter of time.
                counts[above] += said.bar is None or not counts[above]
                self._kinds.setdefault(name, set()).add(said.kind)
            return
        self._first = self._first or said.text
        self._have_own |= bool(said.found)
        self.are_ends &= said.epoch in named or bool(_END.search(said.text))
        heading = _HEADING.match(said.text)
        self._totals |= {int(heading[1])} if heading else set()
        self._have_others |= heading is None and said.epoch != above
        if above is not None and said.epoch < above and said.epoch not in named:
            self._are_out_of_turn |= {name for name, counts in self._counts.items() if counts[above]}

    @property
    def nameless(self) -> below.Kinds:
        """The kinds of lines that name no epoch."""
        return self._kinds

    def above(
        self, columns: Mapping[str, Cells[float]], named: Sequence[int], firsts: below.Kinds
    ) -> below.Kinds | None:
        """Returns the kinds of lines above the line that names their epoch; None if it is unclear whether there are.

        Args:
            columns: by name, the values by the epoch that was named last before them.
            named: the epochs, in the order of the output.
            firsts: the kinds of lines before the first of them.
        """
        try:
            return below.kinds_above(columns, named, firsts, self._kinds, are_ends=self.are_ends)
        except ValueError:
            return None

    def passes_over(self, said: Said, epoch: int, uncounted: Uncounted) -> bool:
        """Whether a line only says which is the best of the epochs above it, which had no names until now."""
        has_own = any(not one.key.rpartition(line.ON)[2].startswith(line.BEST) for one in said.found)
        are_above = epoch > 1 and uncounted.again() if has_own else uncounted.values
        if not are_above or not line.is_of_the_best(said.text):
            return False
        self._first = self._first or said.text
        self._passed_over.add(epoch)
        return True

    def check_passed_over(self, uncounted: Uncounted, epochs: int) -> None:
        """Refuses metrics without an epoch above all lines that say which is the best one, and below the last.

        Those above the first one may have been measured before the training.

        Raises:
            NoMetrics: it is unsure of which epochs the metrics are.
        """
        named = sorted(self._passed_over)
        is_in_turn = named and named == [*range(min(named[0], 1), min(named[0], 1) + len(named))]
        name, values = max(uncounted.values.items(), key=lambda each: len(each[1]), default=("", []))
        if is_in_turn and len(values) == len(named) + 1 != epochs:
            raise NoMetrics(self.why(name))

    def unsure(self, named: Sequence[int], epochs: int) -> list[str]:
        """Returns the names whose lines may be below an epoch that is not theirs.

        Args:
            named: the epochs, in the order of the output.
            epochs: how many were asked for.
        """
        if not named or self._is_end(named) or self._are_headings(named, epochs):
            return []
        return [
            name for name, counts in self._counts.items() if self._are_out_of_turn or _are_uneven(counts, named, epochs)
        ]

    def _are_headings(self, named: Sequence[int], epochs: int) -> bool:
        """Whether headings name each epoch so far, of as many as were asked for; some count from 0 up to one less.

        One alone may be above the metrics of all epochs.
        """
        is_to_last = self._totals == {epochs - (min(named) == 0 and epochs - 1 in self._totals)}
        return len(named) > 1 and not self._have_others and is_to_last and _are_in_turn(named)

    def _is_end(self, named: Sequence[int]) -> bool:
        """Whether there is one epoch, below all metrics, with their count: `Early stopping at epoch 7`."""
        is_below_all = not self._have_own and all(counts.keys() == {None} for counts in self._counts.values())
        return (
            len(named) == 1
            and is_below_all
            and any(counts[None] in {named[0], named[0] + 1} for counts in self._counts.values())
        )

    def without(self, name: str, cells: Cells[float]) -> Cells[float]:
        """Returns the values of a name from lines that name their epoch."""
        kinds = self._kinds.get(name, set())
        kept = {epoch: {kind: cell[kind] for kind in cell if kind not in kinds} for epoch, cell in cells.items()}
        return {epoch: cell for epoch, cell in kept.items() if cell}

    def why(self, name: str) -> str:
        """Says why the epochs of a name are unsure, and what to write instead."""
        why = f"{self._first.strip()[:120]!r} names an epoch, and lines with {line.column(name)} name none. To fix it, "
        if documents.in_line(self._first):
            return why + f'write each epoch beside its metrics, as {{"epoch": 3, "{line.column(name)}": 0.5}}'
        return why + (
            "print the epoch beside the metrics, or say which lines name one, as in metrics: "
            "{epoch: 'epoch (\\d+) begins'}; if no line matches, each line with metrics is an epoch"
        )


def _are_in_turn(named: Sequence[int]) -> bool:
    """Whether epochs are named from the first one on, without a gap."""
    return sorted(named) == [*range(min(named), min(named) + len(named))] and min(named) <= 1


def _are_uneven(counts: Counter[int | None], named: Sequence[int], epochs: int) -> bool:
    """Whether lines are among the epochs as those of a training are not that names each."""
    lines, before = sum(counts.values()), counts[None]
    below = [counts[epoch] for epoch in named]
    second, most = sorted([0, *below])[-2:]
    if lines < 2:
        return False
    if len(named) >= epochs:
        return len(named) > 1 and (most == lines or (before > 0 and not all(below[:-1])))
    is_in_turn = _are_in_turn(named)
    # Of epochs in turn from the first one, below the metrics, the last is missing.
    is_below = not is_in_turn and not below[-1] and all(below[:-1])
    return (
        (before > 0 and not is_below)
        or (not is_in_turn and max(before, most) > 1)
        or most > (second if lines == epochs else _MOST_LINES.get(second, most))
    )
