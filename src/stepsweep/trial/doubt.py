"""Which other number of a line may be that of a name: where a line leaves this open, none counts.

A line of output has endless forms, so this knows few of them: a number that stands alone beside the one that was read.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from stepsweep.trial.numbers import IN_WORDS
from stepsweep.trial.words import ANY_SPLIT, ANY_USUAL, SPLITS

_APART = rf"(?:[^\w(\uff08\[{{<±↑↓▲▼+=:#@$]|\b(?:to|and|or|vs|x|{ANY_SPLIT})\b|\([A-Za-z ]+\))"
"""What stands between two numbers of which the second has no name of its own, and is no deviation or change."""
_UNIT = rf"(?!(?:{ANY_SPLIT}|{ANY_USUAL})\b)[^\W\d_][\w./@-]*(?![\w./@-]|[\"']?\s*[=:])"
"""A word that is neither what a number was measured on nor the name of another one."""
_SECOND = re.compile(
    rf"{_APART}{{1,24}}?({IN_WORDS})(?!\s*[:=/]|-\d|%\||\s*%?\s*{_UNIT}|\s*%\s*[A-Za-z]\w*:)", re.IGNORECASE
)
_SUPPORT = re.compile(r"\s{3,}\d+\s*$", re.ASCII)
"""Behind a mean, of how many, as in a report of scikit-learn: `accuracy     0.94     200`."""
_PROGRESS = re.compile(r"\s*\|\s*\d{1,3}%(?!\s*\w)", re.ASCII)
"""In a column of its own, how far the training has come, behind a number that has no `%`."""
_NAMED_BY_SPLIT = re.compile(rf"[^(]*\b(?:{ANY_SPLIT})\b[^(]*$", re.IGNORECASE)
_SPLIT_BEHIND = re.compile(rf"\s*%?\s*(?:{ANY_SPLIT})\b", re.IGNORECASE)
_FIRST = re.compile(r"[+-]?(?:\d*\.\d+(?:[eE][+-]?\d+)?|\d+\.?\d*[eE][+-]?\d+)", re.ASCII)
_NAMELESS = re.compile(r"|[-|*>]+|.*[,;|]|[^A-Za-z]*[\d\])%]|.*[\d\])]:", re.DOTALL)
"""A word before a number that does not name it."""
_STUCK = re.compile(r"\d(?!it\b|[eE][+-]?\d)[^\W\d]")
"""A letter behind a digit, but in an exponent or the count of a progress bar."""
_WITH_UNIT = re.compile(
    rf"(?<![\w./@-])((?:[A-Za-z][\w./@-]*[_./@-])?(?:{ANY_USUAL}))(?:[\"']?\s*[=:]\s*|\s+(?=\d*\.\d))"
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![eE][+-]?\d|it\b)[^\W\d][\w.]*)",
    re.IGNORECASE,
)
"""A usual name, and a number to which a unit sticks, as in `mse=1.5M`; not the count of a progress bar."""
_USUAL = re.compile(rf"(?<![A-Za-z0-9])(?:{ANY_USUAL})(?:@[\d.]+)?$", re.ASCII | re.IGNORECASE)
_TIME = re.compile(r"[+-]?[\d.]+(?:[mµun]?s|secs?|min|h)", re.ASCII)
_FAR = 64
"""How far before a name a number is looked for."""


def second(line: str, at: int, taken: Collection[int]) -> str:
    """Returns what a line has behind a number up to another one without a name; empty if there is none.

    Args:
        at: where the number ends.
        taken: where numbers that have a name begin.
    """
    match = _SECOND.match(line, at)
    if not match or match.start(1) in taken or _SUPPORT.match(line, at) or _PROGRESS.match(line, at):
        return ""
    # Of `loss 2.1 val 0.4` the second number is `val`, and of `loss 2.1 train 2.3 val` it is a loss.
    is_named = _NAMED_BY_SPLIT.match(line[at : match.start(1)]) and not _SPLIT_BEHIND.match(line, match.end())
    return "" if is_named else match[0]


def first(line: str, at: int, taken: Collection[int]) -> str:
    """Returns the number that stands before a name, and may be that name's, as in `2.1 loss 0.49 acc`; empty if none.

    Args:
        at: where the name begins.
        taken: where numbers that have a name end.
    """
    words = line[max(0, at - _FAR) : at].split()
    while words and words[-1].lower() in SPLITS:
        words.pop()
    if not words or not _FIRST.fullmatch(words[-1]):
        return ""
    before = words[-2] if len(words) > 1 else ""
    is_named = not _NAMELESS.fullmatch(before) and before.rstrip(":").lower() not in SPLITS
    is_taken = line.rindex(words[-1], 0, at) + len(words[-1]) in taken
    return "" if is_named or is_taken else words[-1]


def with_units(line: str) -> list[re.Match[str]]:
    """Returns where a line has usual names, each with a number to which a unit sticks."""
    return list(_WITH_UNIT.finditer(line)) if _STUCK.search(line) else []


def may_be_objective(name: str) -> bool:
    """Returns whether a name is a usual one, which a sweep probably optimizes, and not that of an option."""
    return bool(_USUAL.search(name))


def is_time(text: str) -> bool:
    """Returns whether the unit of a number is one of time: how long a metric took is said beside its values."""
    return bool(_TIME.fullmatch(text))
