"""Numbers as programs write them, also those that are not finite: a loss of `Infinity` must not look unmeasured."""

from __future__ import annotations

import math
import re

NOT_FINITE = r"(?:nan|inf(?:inity)?|∞|1\.#[a-z]+\d*)"
"""As Python, C, Java and JavaScript, .NET, and Microsoft's C of old write them; in any case."""
UNSIGNED = rf"(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|{NOT_FINITE})"
"""A number without its sign."""
IN_WORDS = (
    rf"[+-]?(?:\d{{1,3}}(?:,\d{{3}})+\.\d+|{UNSIGNED})"
    r"(?![\w#]|\.[\w.#])(?!(?u:\w))"  # no unit sticks to it, of any alphabet
)
"""A number in a line of words."""
GROUP = r"([-+.\w]+)"
"""A group for a number in a pattern of the options, without what may stick to it."""
MAY_BE_ONE = re.compile(r"\d|nan|inf|∞", re.IGNORECASE)
"""What every text with a number in it has."""
_FOREIGN = re.compile(r"([+-]?)(?:(∞|1\.#inf\d*)|1\.#[a-z]+\d*)", re.ASCII | re.IGNORECASE)
_TOO_SMALL = re.compile(r"[^1-9eE]*[1-9]")
_LONGEST = 40
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?", re.ASCII)
_BEFORE = re.compile(r"(?<![\w.-])-$|(?<!\w)-?\d*\.?\d+\.?$", re.ASCII)
_BEHIND = re.compile(r"\.?\d[\d.]*(?:[eE][+-]?\d+)?|[eE][+-]?\d+", re.ASCII)
"""What of a number stands before and behind a part of it."""
_NOT_MEASURED = frozenset({"", "-", "--", "na", "n/a", "#n/a", "<na>", "none", "null", "nil"})
"""What stands in place of a number that was not measured, in small letters."""


def read(text: str) -> float:
    """Returns the number that a text is.

    Raises:
        ValueError: it is none, or one that would be read as 0 and is not.
    """
    foreign = _FOREIGN.fullmatch(text)
    if foreign:
        return float(foreign[1] + ("inf" if foreign[2] else "nan"))
    number = float(text)
    if not number and _TOO_SMALL.match(text):
        raise ValueError(f"{text} is too small for a number; write 0")
    return number


def read_any(value: object) -> float | None:
    """Returns the number that a value of JSON or a cell is, or that its text is; None if it is none."""
    if isinstance(value, float):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        return read(str(value).strip())  # also of an integer: one of 400 digits is infinite, as its text is
    except ValueError:
        return None


def is_wrong(text: str) -> bool:
    """Returns whether a text cannot stand in place of a number: it is none, and does not say "not measured" either."""
    return read_any(text) is None and text.strip().lower() not in _NOT_MEASURED


def are_same(one: float, other: float) -> bool:
    """Returns whether two numbers are the same, as NaN and NaN are."""
    return one == other or (math.isnan(one) and math.isnan(other))


def around(text: str, start: int, end: int) -> str:
    """Returns the number that a part of a text belongs to, such as `-1e-05` of its `1`; the part itself if to none."""
    if thousands := _THOUSANDS.match(text, start):
        return thousands[0]
    before, behind = _BEFORE.search(text[max(0, start - _LONGEST) : start]), _BEHIND.match(text, end)
    return (before[0] if before else "") + text[start:end] + (behind[0] if behind else "")
