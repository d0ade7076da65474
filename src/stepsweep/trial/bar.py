"""A progress bar of tqdm, and the epochs of its values by its count, if it counts epochs.

By count and loss, such a bar draws `0 -, 0 a, 1 a, 1 b, 2 b, 2 c, 3 c`, as `set_postfix` redraws it at once, or
`0 -, 1 -, 1 a, 2 a, 2 b, 3 b, 3 c` if `update` comes first. So a value belongs to the step between two counts, and the
first or the last step is empty.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stepsweep.trial import line
from stepsweep.trial.numbers import are_same

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


def apart(text: str) -> list[str]:
    """Returns a state of a bar, and what was printed right behind its end, which is a line of its own."""
    behind = text[text.rfind("]") + 1 :]  # of most states nothing
    found = _BAR.search(text) if behind.strip() and "[" in text and len(behind) < len(text) else None
    if not found:
        return [text]
    depth, end = 1, found.end()
    while end < len(text) and depth:
        depth += {"[": 1, "]": -1}.get(text[end], 0)
        end += 1
    return [text] if depth or not text[end:].strip() or text[end].isspace() else [text[:end], *apart(text[end:])]


class Bar:
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
