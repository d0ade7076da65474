"""Values as people write and read them, in options, tables and names of trials: `0.1`, `sgd`, `[64,64]`, `"1"`."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from stepsweep.contract.numbers import is_json_number
from stepsweep.contract.space import MAX_INTEGER, Value, as_option, canonical, number_fault, reads_as_json, shown

_LITERALS = {"true": True, "false": False, "null": None}
_BARE = re.compile(r"[A-Za-z0-9_./~][A-Za-z0-9_.:/@+~-]*", re.ASCII)
_DECODER = json.JSONDecoder()


def as_word(value: Value) -> str:
    """Returns a value as a person writes it. `read_word` returns the same value: the text `1` is `"1"`, in quotes."""
    if isinstance(value, float) and abs(value) > MAX_INTEGER:
        return canonical(value)  # with its exponent: without, it would be a whole number that JSON rounds
    if not isinstance(value, str):
        return as_option(value)
    is_plain = _BARE.fullmatch(value) and value not in _LITERALS and ".." not in value
    if is_plain and not is_json_number(value) and not number_fault(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def as_cell(value: Value) -> str:
    """Returns a value as a cell of a table: a text as it is, in quotes only where it would look like another value."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if reads_as_json(value) else value
    return as_word(value)


def as_cells(params: Mapping[str, Value], names: Iterable[str]) -> dict[str, str]:
    """Returns params as cells of a table: name → text, which is empty for a parameter that does not apply."""
    return {name: as_cell(params[name]) if name in params else "" for name in names}


def options_line(params: Mapping[str, Value]) -> str:
    """Returns params as options to append to a trainer's command in a shell: `--lr 0.1 --note 'a b'`."""
    return shlex.join(word for name, value in params.items() for word in (f"--{name}", as_option(value)))


def read_word(text: str) -> Any:
    """Returns the value that a word means, with lists as lists. Its commas are part of a text.

    Raises:
        ValueError: it is a broken list or text, or looks like a number that JSON writes otherwise.
    """
    if text.startswith(("[", '"')):
        value, end = _item(text, 0, inside=False)
        if text[end:].strip():
            raise ValueError(f"{shown(text)} goes on after its end, at {shown(text[end:])}")
        return value
    return _scalar(text)


def read_words(text: str) -> list[Any]:
    """Returns the values of a list that commas separate: `0.1,0.01`, `[64,64],[128]`, `"a, b",c`.

    Raises:
        ValueError: as `read_word`.
    """
    values, at = [], 0
    while True:
        value, at = _item(text, at, inside=False)
        values.append(value)
        if at >= len(text):
            return values
        at += 1  # the comma


def _item(text: str, at: int, *, inside: bool) -> tuple[Any, int]:
    """Returns the value at a place, and the place of the comma or bracket after it, or the text's end."""
    start = at + len(text[at:]) - len(text[at:].lstrip())
    if text[start : start + 1] == "[":
        return _list(text, start)
    if text[start : start + 1] == '"':
        try:
            value, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise ValueError(f"{shown(text[start:])} is not a text in quotes: {error.msg}") from None
        return value, _after(text, end, inside=inside)
    match = re.compile(r"[^,\]]*" if inside else r"[^,]*").match(text, start)
    end = match.end() if match else start
    return _scalar(text[start:end].strip()), end


def _list(text: str, start: int) -> tuple[list[Any], int]:
    values: list[Any] = []
    at = start + 1
    if text[at:].lstrip().startswith("]"):
        return values, _after(text, text.index("]", at) + 1, inside=True)
    while True:
        value, at = _item(text, at, inside=True)
        values.append(value)
        if at >= len(text):
            raise ValueError(f"{shown(text[start:])} is a list without its closing bracket")
        if text[at] == "]":
            return values, _after(text, at + 1, inside=True)
        at += 1


def _after(text: str, at: int, *, inside: bool) -> int:
    """Returns the place of the comma or bracket after a list or a text in quotes, or the text's end."""
    rest = text[at:].lstrip()
    if rest and not rest.startswith((",", "]") if inside else ","):
        raise ValueError(f"{shown(rest)} follows a value without a comma")
    return len(text) - len(rest)


def _scalar(word: str) -> Any:
    if word in _LITERALS:
        return _LITERALS[word]
    if fault := number_fault(word):
        raise ValueError(fault)
    return json.loads(word) if is_json_number(word) else word
