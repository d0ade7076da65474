"""JSON objects in a line or a text, and their fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from stepsweep.trial.numbers import read


def _number(text: str) -> float | str:
    try:
        return read(text)
    except ValueError:  # which is then a text in the place of a number
        return text


_DECODER = json.JSONDecoder(parse_float=_number)
_BETWEEN = re.compile(r"[\s,]*")


def in_line(line: str) -> list[dict[str, object]]:
    """Returns the JSON objects that the line consists of; none if it is something else too."""
    if not line.lstrip().startswith("{"):
        return []
    found = []
    at = _next(line, 0)
    while at < len(line):
        decoded = _decoded(line, at)
        if decoded is None:
            return []
        found.append(decoded[0])
        at = _next(line, decoded[1])
    return found


def whole(text: str) -> object:
    """Returns what a text is as one document of JSON; None if it is none."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def in_text(text: str) -> Iterator[dict[str, object] | str]:
    """Yields the JSON objects that begin a line or follow another one there, and lines that only begin like one."""
    at = 0
    while (at := _next(text, at)) < len(text):
        decoded = _decoded(text, at)
        if decoded is not None:
            yield decoded[0]
            at = decoded[1]
            continue
        end = text.find("\n", at)
        line = text[at:] if end < 0 else text[at:end]
        if line.startswith("{"):
            yield line
        at += len(line)


def _next(text: str, at: int) -> int:
    between = _BETWEEN.match(text, at)
    return between.end() if between else at


def _decoded(text: str, at: int) -> tuple[dict[str, object], int] | None:
    """Returns the JSON object that begins there, and where it ends."""
    if text[at] != "{":
        return None
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None


def fields(document: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    """Yields the fields with their values; the field `acc` of the field `val` is `val/acc`."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from fields(value, f"{before}{name}/")
        else:
            yield f"{before}{name}", value
