"""Reads a spec in JSON more strictly than Python's parser: no duplicate keys, no NaN or Infinity."""

import json
import re
from typing import Any

from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.numbers import meant_by
from stepsweep.contract.space import number_fault, shown

_TOKENS = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")\s*(?P<colon>:?)|[{}]|NaN|-?Infinity')
"""Tokens of JSON: texts (before a colon they are keys), braces, and NaN or Infinity."""


def read_json(name: str, text: str) -> Any:
    """Returns the document.

    Raises:
        InvalidInput: it is not JSON or breaks a rule; each fault names the file and the line.
    """
    if not text.strip():
        raise InvalidInput([nothing_in(name)])
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        fault = _number_at(text, error) or f"not JSON: {error.msg} (column {error.colno})"
        raise InvalidInput([f"{name}:{error.lineno}: {fault}"]) from None
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits, or deep nesting
        raise InvalidInput([f"{name}: not JSON that can be read here: {error}"]) from None
    if faults := [f"{name}:{line}: {fault}" for line, fault in _lax_json(text)]:
        raise InvalidInput(faults)
    return document


def nothing_in(name: str) -> str:
    """Returns the fault of a document in JSON or YAML that has nothing in it."""
    return f'{name}: is empty; write the fields of a spec, such as {{"parameters": {{"lr": [0.1, 0.01]}}, "epochs": 5}}'


def _number_at(text: str, error: json.JSONDecodeError) -> str | None:
    """Returns the fault of a number at which the parser gave up: `1_000`, `0x10`, `+1`; None for other faults."""
    is_after_comma = error.msg.startswith("Expecting property name")  # `{"x": 1,5}`
    signs = r"[\w.+,'\u2212-]" if is_after_comma else r"[\w.+'\u2212-]"
    before = re.search(f"{signs}*$", text[max(0, error.pos - 100) : error.pos])
    after = re.match(f"{signs}*", text[error.pos : error.pos + 100])
    word = (before[0] if before else "") + (after[0] if after else "")
    return number_fault(word) if meant_by(word) else None


def _lax_json(text: str) -> list[tuple[int, str]]:
    """Returns faults that Python's parser accepts, with their lines: duplicate keys, NaN, Infinity."""
    faults: list[tuple[int, str]] = []
    open_objects: list[set[str]] = []
    for token in _TOKENS.finditer(text):
        line = text.count("\n", 0, token.start()) + 1
        if token["colon"]:
            key = json.loads(token["text"])
            if key in open_objects[-1]:
                faults.append((line, f"the key {shown(key)} stands twice in its object; keep one"))
            open_objects[-1].add(key)
        elif token[0] == "{":
            open_objects.append(set())
        elif token[0] == "}":
            open_objects.pop()
        elif not token["text"]:
            faults.append((line, f"{token[0]} is not a number in JSON; write a finite one"))
    return faults
