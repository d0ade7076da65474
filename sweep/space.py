"""The parameters of a sweep: what may be chosen, and which combinations a search tries."""

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TypeAlias

Value: TypeAlias = int | float | str
"""One value of one parameter. Numbers are finite; a float without a fraction is an int, so that 1 and 1.0, which
JSON tools turn into each other at will, are one value with one trial id."""

MAX_INTEGER = 2**53
"""Above this JSON tools (and every double) round an integer to another one."""

MAX_TEXT = 64

_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]*", re.ASCII)


def parse_value(raw: object) -> Value:
    """Returns `raw` as a value of a parameter.

    Raises:
        ValueError: with the rule and the value, without the field's name.
    """
    match raw:
        case bool():
            raise ValueError(
                f'must be a number or a text, got {str(raw).lower()}; write "{str(raw).lower()}" as a text'
            )
        case int():
            if abs(raw) > MAX_INTEGER:
                raise ValueError(f"must be a whole number of at most {MAX_INTEGER} (2**53), got {shown(raw)}")
            return int(raw)
        case float():
            if not math.isfinite(raw):
                raise ValueError(f"must be a finite number, got {shown(raw)}")
            # float() since NumPy's are floats too, with a `repr` of their own.
            return int(raw) if raw.is_integer() and abs(raw) <= MAX_INTEGER else float(raw)
        case str():
            if len(raw) > MAX_TEXT or not _TEXT.fullmatch(raw):
                raise ValueError(
                    f"must be a text of 1 to {MAX_TEXT} letters, digits and _ . : / @ + - "
                    f"that starts with a letter or digit, got {shown(raw)}"
                )
            return raw
        case _:
            raise ValueError(f"must be a number or a text, got {shown(raw)}")


def as_option(value: Value) -> str:
    """Returns the text by which a trainer is given `value` on its command line.

    The shortest text that reads back as the same number. A negative number has no exponent, since option parsers take
    `-1e-05` for an option (Python's argparse before 3.14 among them).
    """
    if isinstance(value, float) and value < 0:
        return format(Decimal(repr(value)), "f")
    return str(value)


def grid(parameters: Mapping[str, tuple[Value, ...]]) -> Iterator[dict[str, Value]]:
    """Yields every combination of the choices, the last parameter varying fastest, as the tutorial's loops have it."""
    for combination in itertools.product(*parameters.values()):
        yield dict(zip(parameters, combination, strict=True))


def grid_size(parameters: Mapping[str, tuple[Value, ...]]) -> int:
    return math.prod(len(choices) for choices in parameters.values())


def shown(raw: object, limit: int = 80) -> str:
    """Returns a short, printable form of what somebody wrote, for error messages: as JSON, in ASCII, on one line."""
    try:
        text = json.dumps(raw, default=repr, skipkeys=True)
    except (ValueError, RecursionError):  # an integer of more than 4,300 digits, brackets within brackets
        text = f"an integer of {raw.bit_length()} bits" if isinstance(raw, int) else "what is too large to show"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
