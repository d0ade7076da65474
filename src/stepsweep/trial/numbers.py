"""Numbers as programs write them, also those that are not finite: a loss of `Infinity` must not look unmeasured."""

from __future__ import annotations

import re

NOT_FINITE = r"(?:nan|inf(?:inity)?|∞|1\.#[a-z]+\d*)"
"""As Python, C, Java and JavaScript, .NET, and Microsoft's C of old write them; in any case."""
_FOREIGN = re.compile(r"([+-]?)(?:(∞|1\.#inf\d*)|1\.#[a-z]+\d*)", re.ASCII | re.IGNORECASE)
NOT_MEASURED = frozenset({"", "-", "--", "na", "n/a", "#n/a", "<na>", "none", "null", "nil"})
"""What stands in the place of a number that there is not, in small letters."""


def read(text: str) -> float:
    """Returns the number that a text is. Raises ValueError if it is none."""
    foreign = _FOREIGN.fullmatch(text)
    if foreign:
        return float(foreign[1] + ("inf" if foreign[2] else "nan"))
    return float(text)


def read_any(value: object) -> float | None:
    """Returns the number that a value of JSON or a cell is, or that its text is; None if it is none."""
    if isinstance(value, (int, float)):
        return None if isinstance(value, bool) else float(value)
    if not isinstance(value, str):
        return None
    try:
        return read(value.strip())
    except ValueError:
        return None
