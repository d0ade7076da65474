"""Reads the words of options as values of a spec's fields: `lr=0.1,0.01`, `lr=1e-4..1:log`, `NAME=value`, `3:3`."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stepsweep.contract.space import is_number, shown
from stepsweep.contract.words import read_word, read_words

_RANGE = re.compile(r"(?P<low>[+-]?[0-9][^,:]*?)\.\.(?P<high>[^,:]+)(?P<words>(?::[^,]*)?)")
"""`low..high`, then words after colons. `low` must be a number, since a text may contain two dots too."""


def pairs_of(option: str, words: Sequence[str], faults: list[str], *, several: bool) -> dict[str, Any]:
    """Returns `name=value` words as an object. With `several`, a value is a comma-separated list or a range."""
    pairs: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            example = "lr=0.1,0.01" if several else "batch_size=64"
            faults.append(f"{option} {shown(word)}: write name=value, such as {option} {example}")
            continue
        if name in pairs:
            faults.append(
                f"{option} {name}: given twice; " + ("write all choices in one" if several else "give it once")
            )
        where = f"{option} {name}"
        if several and (ends := _RANGE.fullmatch(text)):
            pairs[name] = _range(where, ends, faults)
        elif several and any(_RANGE.fullmatch(part.strip()) for part in text.split(",")):
            faults.append(
                f"{where}: a range stands alone, its words follow after colons, as in 1..10:int:step=4; got "
                f"{shown(text)}. A text with two dots needs quotes"
            )
        elif several:
            pairs[name] = _values(where, text, faults)
        else:
            pairs[name] = _value(where, text, faults)
    return pairs


def variables_of(words: Sequence[str], exported: Mapping[str, str], faults: list[str]) -> dict[str, str]:
    """Returns `NAME=value` words, and `NAME` with the shell's value, as an object of texts."""
    variables: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if name in variables:
            faults.append(f"--env {name}: given twice; give it once")
        if not equals and name not in exported:
            faults.append(f"--env {shown(name)}: the shell has no such variable; export it, or write NAME=VALUE")
        variables[name] = text if equals else exported.get(name, "")
    return variables


def halving_of(text: str, faults: list[str]) -> dict[str, Any]:
    """Returns `MIN_EPOCHS:FACTOR`, `MIN_EPOCHS` or `auto` as a spec's object."""
    if text == "auto":
        return {}
    least, colon, factor = text.partition(":")
    if not least.isdecimal() or (colon and not factor.isdecimal()):
        faults.append(f"--halving {shown(text)}: write MIN_EPOCHS:FACTOR, such as --halving 3:3, or auto")
        return {}
    return {"min_epochs": int(least)} | ({"factor": int(factor)} if colon else {})


def number_of(text: str | float) -> str | float:
    """Returns the number that an option's text means; the text, if it means none, which the spec's parser reports."""
    if not isinstance(text, str):
        return text
    try:
        value = read_word(text)
    except ValueError:  # such as 1_000
        return text
    return value if is_number(value) else text


def _range(where: str, ends: re.Match[str], faults: list[str]) -> dict[str, Any]:
    """Returns `1e-4..1:log` as a spec's object for a range."""
    found: dict[str, Any] = {"low": _value(where, ends["low"], faults), "high": _value(where, ends["high"], faults)}
    for word in filter(None, ends["words"].split(":")):
        match word.partition("="):
            case ("log", "", ""):
                found["log"] = True
            case ("int" | "float" as kind, "", ""):
                found["type"] = kind
            case ("step", "=", step):
                found["step"] = _value(where, step, faults)
            case _:
                faults.append(f"{where}: {shown(word)} behind a range; known are log, int, float and step=0.1")
    return found


def _value(where: str, text: str, faults: list[str]) -> Any:
    """Returns the value that a word means, which the spec's parser checks."""
    return _read(where, read_word, text, faults)


def _values(where: str, text: str, faults: list[str]) -> Any:
    return _read(where, read_words, text, faults)


def _read(where: str, read: Callable[[str], Any], text: str, faults: list[str]) -> Any:
    try:
        return read(text)
    except ValueError as error:
        faults.append(f"{where}: {error}")
        return 0
