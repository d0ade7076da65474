"""Tables that scripts print: a line of names that begins with `epoch`, and a line of values for each epoch below it."""

from __future__ import annotations

import re

from stepsweep.trial.numbers import UNSIGNED, read

_BOX = {ord(sign): "|" for sign in "│┃║"} | {ord(sign): "-" for sign in "─━═┌┍┏┐┑┓└┗┘┛├┝┡┢┣┤┥┩┪┫┬┭┯┳┴┷┻┼┿╇╈╋╔╗╚╝╠╣╦╩╬"}
"""What rich and others draw a table with."""
_NAME = re.compile(r"[A-Za-z][\w./@-]*", re.ASCII)
_WORD = re.compile(r"[^\s|]+")
_RULE = re.compile(r"[\s|+:=-]+")
_NUMBER = re.compile(rf"[+-]?{UNSIGNED}", re.ASCII | re.IGNORECASE)
_MARKED = re.compile(rf"({_NUMBER.pattern})[+*%]", re.ASCII | re.IGNORECASE)
"""A number with the mark of a best epoch, or of percents, which count as they are printed."""
_MARK = re.compile(r"[+*]", re.ASCII)
_OTHER = re.compile(r"(?:\d+:)?\d+:\d+(?:\.\d+)?s?|\d+(?:\.\d+)?s|None|-+|[+*]", re.ASCII)
"""A cell that is no metric: a time, nothing, or a mark such as that of a checkpoint."""
_NOT_METRICS = {"dur", "duration", "elapsed", "time"}


class Table:
    """Reads the lines of an output, and knows below which header it is."""

    def __init__(self) -> None:
        self._header: list[re.Match[str]] = []
        self._bars = 0
        self._epoch = -1
        self._passed: dict[int, str] = {}

    def may_have(self, line: str) -> bool:
        """Returns whether the line may be one of a table: it has a header, or is one."""
        return bool(self._header) or "epoch" in line.lower()

    def row(self, line: str) -> dict[str, float] | None:
        """Returns the values of a row, with its epoch; nothing for a header and the rule below it.

        Returns None if the line is no part of a table.

        Raises:
            ValueError: a line above it must have been the row of an epoch between, which may be the best one.
        """
        if not self.may_have(line):
            return None
        line = line.translate(_BOX)
        words = list(_WORD.finditer(line))
        names = [word[0] for word in words]
        if len(words) > 1 and names[0].lower() == "epoch" and all(map(_NAME.fullmatch, names)):
            # Of two columns of one name nobody knows which is meant.
            self._header = words if len(set(names)) == len(names) else []
            self._bars, self._epoch, self._passed = line.count("|"), -1, {}
            return {}
        if not self._header or not words:
            return None
        if _RULE.fullmatch(line):
            return {}
        if not names[0].isdecimal():
            return None
        cells = self._cells(words, has_bars=line.count("|") == self._bars > 0)
        numbers = {name: read(text) for name, text in cells.items() if _NUMBER.fullmatch(text)}
        epoch = int(names[0])
        if epoch <= self._epoch:  # of another step, or of a training that begins again; or else it is no row
            return self._values(numbers, epoch) if len(numbers) == len(names) == len(self._header) else None
        if len(numbers) < 2:
            may_be_row = len(names) >= len(self._header) or all(_is_cell(_plain(name)) for name in names)
            if may_be_row and any(_NUMBER.fullmatch(_plain(name)) for name in names[1:]):
                self._passed[epoch] = line.strip()
            return None
        if between := [text for other, text in self._next if other < epoch]:
            raise ValueError(self._unread(between[0]))
        self._epoch, self._passed = epoch, {}
        return self._values(numbers, epoch)

    @property
    def left_out(self) -> list[str]:
        """What is said about a line that may be the row of the last epoch, and cannot be read; none below it can."""
        return [self._unread(text) for _, text in self._next[-1:]]

    @property
    def _next(self) -> list[tuple[int, str]]:
        """The lines since the last row that may be that of the next epoch, by their epochs.

        Other lines may begin with a number too, but hardly with that of the very next epoch.
        """
        following = (self._epoch + 1,) if self._epoch >= 0 else (0, 1)
        return [(epoch, text) for epoch, text in self._passed.items() if epoch in following]

    def _unread(self, text: str) -> str:
        return f"{text!r} has the epoch of a row, but does not fit below {' '.join(self._names)!r}"

    @staticmethod
    def _values(numbers: dict[str, float], epoch: int) -> dict[str, float]:
        values = {name: value for name, value in numbers.items() if name.lower() not in {"epoch", *_NOT_METRICS}}
        return {"epoch": float(epoch), **values}

    @property
    def _names(self) -> list[str]:
        return [name[0] for name in self._header]

    def _cells(self, words: list[re.Match[str]], *, has_bars: bool) -> dict[str, str]:
        """Returns the words by the names above them; nothing for a line that is no row.

        A row that lacks some has the others below the ends of theirs. A mark of the best epoch may stand among the
        cells, and more words behind them. Other words may only be cells where the line is laid out as the header.
        """
        names, texts = self._names, [_plain(word[0]) for word in words]
        columns = [self._column(word) for word in words]
        without_marks = [text for text in texts if not _MARK.fullmatch(text)]
        is_laid_out = has_bars or columns == names
        if len(texts) == len(names):
            return dict(zip(names, texts)) if is_laid_out or all(map(_is_cell, texts)) else {}  # noqa: B905  Python 3.9
        if len(without_marks) == len(names) and all(map(_is_cell, without_marks)):
            return dict(zip(names, without_marks))  # noqa: B905
        cells, rest = texts[: len(names)], texts[len(names) :]
        if rest and all(map(_is_cell, cells)) and not any(map(_is_cell, rest)):
            return dict(zip(names, cells))  # noqa: B905
        end = self._header[-1].end()
        below = [
            (column, text)
            for word, column, text in zip(words, columns, texts)  # noqa: B905
            if word.start() < end or _is_cell(text)
        ]
        found = {column: text for column, text in below if column and _is_cell(text)}
        return found if len(found) == len(below) else {}

    def _column(self, word: re.Match[str]) -> str:
        """Returns the name that a word begins or ends below, without what sticks to a number; empty if none."""
        ends = {word.end(), word.start() + len(_plain(word[0]))}
        above = [name[0] for name in self._header if name.start() == word.start() or name.end() in ends]
        return above[0] if len(above) == 1 else ""


def _plain(word: str) -> str:
    marked = _MARKED.fullmatch(word)
    return marked[1] if marked else word


def _is_cell(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text) or _OTHER.fullmatch(text))
