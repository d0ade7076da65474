"""Which files beside a script are specs: what a project sweeps is no part of its trainer.

Trials do not get these files, so that none of them can decide a number. Each is known by its content: a project has the
same trainer for all of its specs, whatever was run before.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from stepsweep.client.specs.document import MAX_INPUT_BYTES, read_spec
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.parser import COMMENT
from stepsweep.contract.parser import FIELDS as FIELDS_OF_INPUT

ENDINGS = (".yaml", ".yml", ".json")

_COMMAND = re.compile(rb"""^[\s{]*["']?command["']?\s*:""", re.MULTILINE)
_SPECIAL = re.compile(r"([\\*?\[\] ])")


def other_specs(folder: Path, fields: Sequence[str], *, words: Sequence[str]) -> list[str]:
    """Returns patterns, as in a .gitignore, of the specs in a folder, in the order of their names.

    A spec has a `command`, and no field that a spec has not.

    Args:
        fields: those of a spec that an execution's input lacks.
        words: of the command, and the configuration file. A file that they name is the script's.
    """
    known = {*fields, *FIELDS_OF_INPUT, COMMENT}
    files = [file for file in sorted(folder.glob("*")) if file.suffix in ENDINGS and file.is_file()]
    return [
        pattern_of(file.name)
        for file in files
        if not any(file.name in word for word in words) and _is_spec(file, known)
    ]


def pattern_of(path: str) -> str:
    """Returns the pattern of one path in the folder."""
    return "/" + _SPECIAL.sub(r"\\\1", path)


def _is_spec(file: Path, known: set[str]) -> bool:
    try:
        if file.stat().st_size > MAX_INPUT_BYTES or not _COMMAND.search(file.read_bytes()):
            return False
        document = read_spec(str(file))
    except (OSError, InvalidInput):
        return False
    return isinstance(document, dict) and "command" in document and set(document) <= known
