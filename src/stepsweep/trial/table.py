"""Tables that scripts print: a line of names that begins with `epoch`, and a line of values for each epoch below it."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z][\w./@-]*", re.ASCII)
_WORD = re.compile(r"[^\s|]+")
_RULE = re.compile(r"[\s|+:=-]+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf)", re.ASCII | re.IGNORECASE)
_OTHER = re.compile(r"(?:\d+:)?\d+:\d+(?:\.\d+)?s?|\d+(?:\.\d+)?s|None|-+|[+*]", re.ASCII)
"""A cell that is no metric: a time, nothing, or a mark such as that of a checkpoint."""
_NOT_METRICS = {"dur", "duration", "elapsed", "time"}


class Table:
    """Reads the lines of an output, and knows below which header it is."""

    def __init__(self) -> None:
        self._header: list[re.Match[str]] = []
        self._epoch = -1

    def row(self, line: str) -> dict[str, float] | None:
        """Returns the values of a row, with its epoch; nothing for a header and the rule below it.

        Returns None if the line is no part of a table.
        """
        words = list(_WORD.finditer(line))
        if len(words) > 1 and words[0][0].lower() == "epoch" and all(_NAME.fullmatch(word[0]) for word in words):
            self._header, self._epoch = words, -1
            return {}
        if not self._header or not words:
            return None
        if _RULE.fullmatch(line):
            return {}
        cells = self._cells(words)
        numbers = {name: word for name, word in cells.items() if _NUMBER.fullmatch(word)}
        others = [word for name, word in cells.items() if name not in numbers]
        epoch = words[0][0]
        if not epoch.isdecimal() or int(epoch) <= self._epoch or not all(map(_OTHER.fullmatch, others)):
            return None
        if len(numbers) < 2:
            return None
        self._epoch = int(epoch)
        values = {name: float(word) for name, word in numbers.items() if name.lower() not in {"epoch", *_NOT_METRICS}}
        return {"epoch": float(self._epoch), **values}

    def _cells(self, words: list[re.Match[str]]) -> dict[str, str]:
        """Returns the words by the names above them. A row that lacks some has the others below the ends of theirs."""
        names = [name[0] for name in self._header]
        if len(words) == len(names):
            return dict(zip(names, (word[0] for word in words)))  # noqa: B905  Python 3.9 has no `strict`
        found = {}
        for word in words:
            above = [name[0] for name in self._header if name.start() == word.start() or name.end() == word.end()]
            if len(above) != 1 or above[0] in found:
                return {}
            found[above[0]] = word[0]
        return found
