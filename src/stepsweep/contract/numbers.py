"""Words that mean a number but are written in a way that JSON does not know: `1_000`, `0x10`, `+1`, `1,5`, `1e`.

YAML 1.1, Python and argparse read most of them as numbers. Taken for texts, they would name other trials than the
numbers, and a search would not know their order.
"""

import re
import unicodedata
from collections.abc import Callable

_JSON = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_LONGEST = 400
"""Python refuses to read integers of more than 4,300 digits; a double has 309 digits before its point."""

_SIGN = r"(?P<sign>[+-]?)"
_RADIX = re.compile(rf"{_SIGN}(?P<digits>0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)", re.ASCII)
_LAX = re.compile(
    rf"{_SIGN}(?P<whole>\d[\d_]*|)(?P<point>\.?)(?P<part>\d[\d_]*|)(?P<exponent>(?:[eE][+-]?[\d_]*)?)", re.ASCII
)
_GROUPS = re.compile(
    rf"{_SIGN}(?P<whole>\d{{1,3}}(?:[ ']\d{{3}})+|\d{{1,3}}(?:,\d{{3}})+)(?P<part>(?:\.\d+)?)", re.ASCII
)
_COMMA = re.compile(rf"{_SIGN}(?P<whole>\d+),(?P<part>\d+)", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


def is_json_number(word: str) -> bool:
    return len(word) <= _LONGEST and bool(_JSON.fullmatch(word))


def meant_by(word: str) -> str | None:
    """Returns how JSON writes the number that a word means; None if it is a JSON number already, or a text."""
    plain = "".join(str(unicodedata.decimal(sign, sign)) for sign in word).replace("\u2212", "-")
    if is_json_number(plain):
        return None if plain == word else plain
    readings: tuple[Callable[[str], str | None], ...] = (_radix, _lax, _groups, _comma)
    return next((found for read in readings if (found := read(plain)) is not None), None)


def readable_as_number(word: str) -> bool:
    """Whether Python reads the word as a number that JSON writes otherwise: `1_000`, `0x10`, `+1`, `.5`, but not `007`.

    A text in quotes must not be one: a trainer would take it for the number.
    """
    if re.fullmatch(r"0\d+", word, re.ASCII):
        return False  # a name made of digits, such as that of a subject
    if _RADIX.fullmatch(word):
        return True
    try:
        float(word)
    except ValueError:
        return False
    return not is_json_number(word) and not _NOT_FINITE.fullmatch(word)


def _radix(word: str) -> str | None:
    match = _RADIX.fullmatch(word)
    return f"{_minus(match)}{int(match['digits'], 0)}" if match else None


def _lax(word: str) -> str | None:
    match = _LAX.fullmatch(word)
    if match is None or not (match["whole"] or match["part"]) or len(word) > _LONGEST:
        return None
    exponent = match["exponent"].replace("_", "")
    exponent = exponent if exponent[-1:].isdigit() else ""
    part = match["part"].replace("_", "")
    return _minus(match) + _whole(match) + (f".{part}" if part else "") + exponent


def _groups(word: str) -> str | None:
    match = _GROUPS.fullmatch(word)
    return _minus(match) + _whole(match) + match["part"] if match else None


def _comma(word: str) -> str | None:
    match = _COMMA.fullmatch(word)
    return f"{_minus(match)}{_whole(match)}.{match['part']}" if match else None


def _minus(match: re.Match[str]) -> str:
    return match["sign"].replace("+", "")


def _whole(match: re.Match[str]) -> str:
    digits = re.sub(r"[_ ',]", "", match["whole"])
    return digits.lstrip("0") or "0"
