"""A trial's options as values: the numbers, booleans, lists and null that their texts stand for."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any


def typed(text: str) -> Any:
    """Returns the text's JSON value; the text itself if it is not JSON."""
    if text.startswith('"'):
        return text
    try:
        return json.loads(text, parse_constant=_text)
    except (ValueError, RecursionError):
        return text


def as_text(value: Any) -> str:
    """Returns the text of a value on a command line.

    A negative number has no exponent: argparse takes `-1e-05` for an option.
    """
    if isinstance(value, float) and value < 0 and math.isfinite(value):
        return format(Decimal(repr(value)), "f")
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def from_words(words: Sequence[str]) -> dict[str, Any]:
    """Returns the values of `--name value`, `--name=value`, and of `--name` alone, which is true; ignores the rest."""
    found: dict[str, Any] = {}
    name = None
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name, equals, text = word[2:].partition("=")
            found[name] = typed(text) if equals else True
            name = None if equals else name
        elif name is not None:
            found[name] = typed(word)
            name = None
    return found


def _text(constant: str) -> str:
    return constant  # NaN and Infinity are no JSON
