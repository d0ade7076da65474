"""Which epochs a line of words names, and which part of it each is of.

Scripts that print without ends of lines, as with `end=" "`, have several epochs in one. Others mention one, such as the
best: `epoch 3 loss=0.5 (best epoch 1 loss=0.4)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

_EPOCH = re.compile(
    r"\bepoch[\"']?\s*[:=#]?\s*[\"'\[]?(\d+(?:\.\d+)?)(?![\d.]*(?:%|\s?m?s(?:ec)?\b))",
    re.ASCII | re.IGNORECASE,
)
"""Not the percents of a progress bar, nor how long an epoch takes."""
_AT_START = re.compile(r"\s*\[(\d+)\]|(\d+):\t|Train: (\d+)(?= \[ *\d+/)", re.ASCII)
"""An epoch as LightGBM, CatBoost and timm print it. Beside an epoch in words, one in brackets is a process."""
_OTHER = re.compile(
    r"\b(?:best|last|max|maximum|total|from|to|since|per|each|every|previous|prior|prev)(?:\s+so\s+far)?[\s:=(-]*$"
    r"|\b(?:next|until|till|will)\s+\w[^.;]*$",
    re.ASCII | re.IGNORECASE,
)
"""What before a number of an epoch means that it is not the one whose metrics follow."""
_MEAN = re.compile(r"\b(?:across|over)\s+(?:the\s+)?$", re.ASCII | re.IGNORECASE)
"""Before `epoch: 0.7`, which is a value that was measured in one, and none of an epoch."""
_MOST_WORDS = 80
"""How many characters before the number these words are looked for."""


_LOADED = re.compile(r"(?:continu|load|restor|resum).*\bepoch", re.ASCII | re.IGNORECASE)


class Part(int):
    """An epoch that a line names a part of, such as 1 for 0.5."""


def whole(number: float) -> int:
    """Returns the epoch that a number is in, as Hugging Face prints it."""
    epoch = math.ceil(number)
    return epoch if epoch == number else Part(epoch)


class Named(NamedTuple):
    """An epoch in a line.

    Attributes:
        is_other: whether it is only mentioned.
    """

    start: int
    end: int
    epoch: int
    is_other: bool = False


def _is_value(line: str, start: int) -> bool:
    """Whether a number with a point behind `epoch` is a value, as 12.5 of `time/epoch: 12.5`."""
    return line[start - 1 : start] == "/" or bool(_MEAN.search(line, max(0, start - _MOST_WORDS), start))


def is_loaded(line: str) -> bool:
    """Returns whether an epoch in a line was trained before, as in `=> loaded checkpoint 'x.pt' (epoch 4)`."""
    return bool(_LOADED.search(line))


def in_words(line: str) -> list[Named]:
    """Returns the epochs in a line."""
    named = [
        Named(
            each.start(),
            each.end(),
            whole(float(each[1])),
            is_other=bool(_OTHER.search(line, max(0, each.start() - _MOST_WORDS), each.start())),
        )
        for each in _EPOCH.finditer(line)
        if "." not in each[1] or not _is_value(line, each.start())
    ]
    at_start = _AT_START.match(line)
    if at_start and all(each.is_other for each in named):
        named.insert(0, Named(0, at_start.end(), int(at_start[at_start.lastindex or 1])))
    return named


def in_pattern(line: str, pattern: re.Pattern[str]) -> list[Named]:
    """Returns the epochs that a pattern's first group matches in a line.

    Raises:
        ValueError: the first one is no whole number.
    """
    named = []
    for match in pattern.finditer(line):
        number = next((group for group in match.groups() if group is not None), "")
        if number.isdecimal():
            named.append(Named(match.start(), match.end(), int(number)))
        elif not named:
            raise ValueError(f"its group matched {number!r}, not a whole number")
    return named


def parts(line: str, named: Sequence[Named], names: Callable[[str], set[str]]) -> list[tuple[str, int | None]]:
    """Returns the parts of a line that are of one epoch each, with that epoch; None if the line names none.

    A line is one part, unless behind another epoch a metric is there again. If that epoch is only mentioned, the value
    is of that one, and is left out.

    Args:
        names: returns those of the metrics in a text.

    Raises:
        ValueError: it is unsure which values are of which epoch.
    """
    own = next((at for at, each in enumerate(named) if not each.is_other), len(named))
    borders = named[own + 1 :]
    if not borders:
        return [(line, named[own].epoch if own < len(named) else None)]
    found, epochs = [line[: borders[0].start]], [named[own].epoch]
    seen, is_again = names(found[0]), False
    for border, end in zip(borders, [*(each.start for each in borders[1:]), len(line)]):  # noqa: B905  Python 3.9
        text = line[border.start : end]
        metrics = names(text)
        if border.is_other and metrics & seen:
            continue
        if border.is_other or not metrics or (border.epoch == epochs[-1] and not metrics & seen):
            found[-1] += text
        else:
            is_again = is_again or bool(metrics & seen)
            found.append(text)
            epochs.append(border.epoch)
        seen |= metrics
    start = named[own].start
    is_behind = any(not each.is_other for each in borders) and bool(names(line[:start]) & names(line[start:]))
    if is_behind or (is_again and epochs != sorted(epochs)):
        raise ValueError(f"{line.strip()[:120]!r} has several epochs; print each of them in a line of its own")
    return [*zip(found, epochs)] if is_again else [("".join(found), epochs[0])]  # noqa: B905  Python 3.9
