"""Reads the document of a spec, in JSON or YAML: from a file, from standard input, or from a text that is pasted."""

import contextlib
import shlex
import sys
from pathlib import Path
from typing import Any

from stepsweep.client.specs.json_text import read_json
from stepsweep.contract.errors import InvalidInput

STDIN = "-"

MAX_INPUT_BYTES = 262_144
"""Limit of an execution's input: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
MAX_SPEC_BYTES = 4 * MAX_INPUT_BYTES
"""Of a file, which also has comments and white space. YAML of that size takes seconds to read."""


def read_spec(file: str) -> Any:
    """Reads a JSON or YAML document strictly: no duplicate keys, no NaN or Infinity.

    A file is YAML if its name ends in .yaml or .yml. Standard input is YAML if it does not start with a brace.

    Raises:
        InvalidInput: the file cannot be read or breaks a rule; each fault names the file and the line.
    """
    name = "standard input" if file == STDIN else file
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if file == STDIN else Path(file).open("rb") as stream:
            data = stream.read(MAX_SPEC_BYTES + 1)
    except OSError as error:
        raise InvalidInput([f"{name}: cannot be read: {error.strerror}"]) from None
    if len(data) > MAX_SPEC_BYTES:
        raise InvalidInput([f"{name}: larger than {MAX_SPEC_BYTES:,} bytes, which no spec needs"])
    try:
        text = data.decode("utf-8-sig")  # Windows PowerShell writes a byte-order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput([f"{name}:{line}: not UTF-8"]) from None
    if file == STDIN:
        return spec_document(name, text)
    ending = Path(file).suffix.lower()
    if ending in (".yaml", ".yml"):
        return _yaml(name, text)
    try:
        return read_json(name, text)
    except InvalidInput as error:
        if ending == ".json":
            raise
        rule = "a spec is JSON, or YAML in a file whose name ends in .yaml or .yml"
        if ending == ".py":
            raise InvalidInput(
                [f"{name}: is a script, and {rule}; `sweep init {shlex.quote(file)}` proposes one for it"]
            ) from None
        raise InvalidInput([*error.faults, f"{name}: {rule}"]) from None


def spec_document(name: str, text: str) -> Any:
    """Returns the document of a text that is no file: JSON if it starts with a brace, otherwise YAML.

    Args:
        name: names the text in faults.

    Raises:
        InvalidInput: it breaks a rule; each fault names the line.
    """
    return read_json(name, text) if text.lstrip().startswith("{") else _yaml(name, text)


def _yaml(name: str, text: str) -> Any:
    from stepsweep.client.specs.yaml_text import read_yaml

    return read_yaml(name, text)
