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

MAX_BYTES = 262_144
"""Of a file that counts as a spec: Step Functions takes no larger input."""

_COMMAND = re.compile(rb"""^[\s{]*["']?command["']?\s*:""", re.MULTILINE)
_SPECIAL = re.compile(r"([\\*?\[\] ])")


def spec_files(folder: Path, *, words: Sequence[str] = ()) -> list[str]:
    """Returns the names of the specs in a folder, sorted.

    A spec has a `command`, and no field that a spec has not.

    Args:
        words: of a script's command, its options and its data. A file that they name is the script's.
    """
    files = [file for file in sorted(folder.glob("*")) if file.suffix in ENDINGS and file.is_file()]
    return [file.name for file in files if not any(file.name in word for word in words) and _is_spec(file)]


def pattern_of(path: str) -> str:
    """Returns the pattern, as in a .gitignore, of one path in a folder."""
    return "/" + _SPECIAL.sub(r"\\\1", path)


def _is_spec(file: Path) -> bool:
    try:
        if file.stat().st_size > MAX_BYTES or not _COMMAND.search(data := file.read_bytes()):
            return False
        document = _read(file, data.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "command" in document and document.keys() <= _KNOWN


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
