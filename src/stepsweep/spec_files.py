"""Which files beside a script are specs: what a project sweeps is no part of its trainer.

Trials do not get these files, so that none of them can decide a number. Each is known by its content: a project has the
same trainer for all of its specs, whatever was run before.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stepsweep.contract.parser import COMMENT, FIELDS

FIELDS_OF_SCRIPT = ("command", "python", "metrics", "arguments", "data")
"""Fields of a spec file that say how a script runs; the input of an execution has none of them."""

ENDINGS = (".yaml", ".yml", ".json")

NAMED = "sweep"
"""How the names of files begin that count as specs whatever is in them, such as `sweep-wide.yaml`."""

MAX_BYTES = 262_144
"""Of a file that counts as a spec: Step Functions takes no larger input."""

_COMMAND = re.compile(rb"""^[\s{]*["']?command["']?\s*:""", re.MULTILINE)
_SPECIAL = re.compile(r"([\\*?\[\] ])")


def spec_files(folder: Path) -> list[str]:
    """Returns the names of the specs in a folder, sorted.

    A spec has a `command`, values to try, and no field that a spec has not.
    """
    return [file.name for file in _documents(folder) if _is_spec(file)]


def left_out(folder: Path, *, words: Sequence[str]) -> list[str]:
    """Returns the names of the specs in a folder that are not the script's own, and of files named like one, sorted.

    Args:
        words: of a script's command, its options and its data. A file that they name is the script's.
    """
    others = [file for file in _documents(folder) if not is_named(file.name, words)]
    return [file.name for file in others if file.name.startswith(NAMED) or _is_spec(file)]


def is_named(name: str, words: Sequence[str]) -> bool:
    """Whether the words of a script name a file."""
    return any(name in word for word in words)


def pattern_of(path: str) -> str:
    """Returns the pattern, as in a .gitignore, of one path in a folder."""
    return "/" + _SPECIAL.sub(r"\\\1", path)


def _documents(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*")) if file.suffix in ENDINGS and file.is_file()]


def _is_spec(file: Path) -> bool:
    try:
        if file.stat().st_size > MAX_BYTES or not _COMMAND.search(data := file.read_bytes()):
            return False
        document = _read(file, data.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "command" in document and document.keys() <= _KNOWN and _has_values(document)


def _has_values(document: dict[str, Any]) -> bool:
    """Whether a document has values to try, without which no spec runs: a script's own `command: fit` has none."""
    parameters, search = document.get("parameters"), document.get("search")
    if isinstance(search, dict) and isinstance(search.get("trials"), list):
        return True
    return isinstance(parameters, dict) and any(isinstance(values, list | dict) for values in parameters.values())


def _read(file: Path, text: str) -> Any:
    """Returns the document. Raises ValueError if it is none."""
    if file.suffix == ".json":
        return json.loads(text)
    import yaml  # imported lazily: few files come so far

    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  it makes texts, lists and objects alone
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


_KNOWN = {*FIELDS_OF_SCRIPT, *FIELDS, COMMENT}
