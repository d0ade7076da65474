"""Reads a spec in YAML as strictly as JSON.

PyYAML reads YAML 1.1, in which `1e-3` is a text, `no` is false, `010` is eight and `2026-01-01` is a date. Here a plain
word is a number if JSON would read it as one; `true`, `false` and `null` have their JSON meaning; a word that only
looks like a number, such as `1_000`, is a fault; all else is a text.
"""

import json
import re
from typing import Any

import yaml

from stepsweep.client.specs.json_text import nothing_in
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.numbers import is_json_number
from stepsweep.contract.space import number_fault, shown

MAX_DEPTH = 50
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
PLAIN_TAGS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
"""Tags of values that are written without a tag."""


def read_yaml(name: str, text: str) -> Any:
    """Returns the document.

    Raises:
        InvalidInput: it is not YAML or breaks a rule; each fault names the file and the line.
    """
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)  # it reads every plain word as a text
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InvalidInput([f"{name}{line}: not YAML: {error.problem}"]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput([f"{name}: not YAML that can be read here: {' '.join(str(error).split())}"]) from None
    if node is None:
        raise InvalidInput([nothing_in(name)])
    faults: list[tuple[int, str]] = []
    seen: set[int] = set()
    document = _value(node, faults, seen, depth=0)
    if faults:
        raise InvalidInput([f"{name}:{line}: {fault}" for line, fault in faults])
    return document


def _value(node: yaml.Node, faults: list[tuple[int, str]], seen: set[int], *, depth: int) -> Any:
    line = node.start_mark.line + 1
    if id(node) in seen:
        faults.append((line, "an alias (*name) of this value is not taken; write it out where it is used"))
        return None
    if node.tag not in PLAIN_TAGS:
        faults.append((line, f"the tag {node.tag} is not taken; write the value without it"))
        return None
    seen.add(id(node))
    if depth > MAX_DEPTH:
        faults.append((line, f"more than {MAX_DEPTH} levels"))
        return None
    match node:
        case yaml.MappingNode():
            return _object(node, faults, seen, depth=depth)
        case yaml.SequenceNode():
            return [_value(item, faults, seen, depth=depth + 1) for item in node.value]
        case yaml.ScalarNode():
            return _scalar(node, faults)
    raise TypeError(f"no value is a {type(node).__name__}")


def _object(node: yaml.MappingNode, faults: list[tuple[int, str]], seen: set[int], *, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            faults.append((line, "a key must be a word"))
            continue
        if key.value in found:
            faults.append((line, f"the key {shown(key.value)} stands twice in its object; keep one"))
        found[key.value] = _value(value, faults, seen, depth=depth + 1)
    return found


def _scalar(node: yaml.ScalarNode, faults: list[tuple[int, str]]) -> Any:
    line = node.start_mark.line + 1
    word = str(node.value)
    if node.style is not None:  # in quotes, or a block
        return word
    if word in WORDS:
        return WORDS[word]
    if re.fullmatch(r"[+-]?\.(?:nan|inf)", word, re.IGNORECASE):
        faults.append((line, f"{word} is not a number in JSON; write a finite one"))
        return None
    if fault := number_fault(word):
        faults.append((line, fault))
        return None
    return json.loads(word) if is_json_number(word) else word
