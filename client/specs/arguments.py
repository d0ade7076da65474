"""The field `arguments`: how a script gets params, as options of its own dialect or in a configuration file."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepsweep.contract.space import shown
from stepsweep.trial import config_file
from stepsweep.trial.command import BOOLEANS, LISTS, NULLS, STYLES, WrongCommand

DIALECT = ("style", "dashes", "booleans", "lists", "nulls")
ARGUMENTS = (*DIALECT, "file", "epochs", "seed")

_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")


def arguments_of(raw: object, faults: list[str]) -> dict[str, Any]:
    """Returns the field as it is; without it, an empty object."""
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        faults.append(f"arguments: must be an object of {', '.join(ARGUMENTS)}, got {shown(raw)}")
        return {}
    for name, value in raw.items():
        match name:
            case "style" | "booleans" | "lists" | "nulls":
                known = {"style": STYLES, "booleans": BOOLEANS, "lists": LISTS, "nulls": NULLS}[name]
                if value not in known:
                    faults.append(f"arguments.{name}: must be one of {', '.join(known)}, got {shown(value)}")
            case "dashes":
                if not isinstance(value, bool):
                    faults.append(f"arguments.dashes: must be true or false, got {shown(value)}")
            case "epochs" | "seed":
                if value is not False and not (isinstance(value, str) and _OPTION.fullmatch(value)):
                    faults.append(
                        f"arguments.{name}: must be the name of the script's option, such as max_{name}, or false, got "
                        f"{shown(value)}"
                    )
            case "file":
                if others := [other for other in DIALECT if other in raw]:
                    faults.append(
                        f"arguments.file: not together with {', '.join(others)}, since the command gets no options"
                    )
            case _:
                faults.append(f"arguments.{name}: unknown; known are {', '.join(ARGUMENTS)}")
    return dict(raw)


def config_of(asked: Mapping[str, Any], folder: Path, faults: list[str]) -> tuple[str, frozenset[str]] | None:
    """Returns the configuration file that gets the options, with the names of its fields; None if there is none."""
    raw = asked.get("file")
    if raw is None:
        return None
    name = Path(os.path.normpath(raw)) if isinstance(raw, str) else Path("/")
    if name.is_absolute() or name.parts[:1] in ((), ("..",)) or name.suffix not in config_file.ENDINGS:
        faults.append(
            "arguments.file: must be a YAML or JSON file in the project's folder, such as config.yaml, got "
            f"{shown(raw)}"
        )
    elif not (folder / name).is_file():
        faults.append(f"arguments.file: there is no {name} in {folder}")
    else:
        try:
            return name.as_posix(), frozenset(config_file.fields(folder / name))
        except WrongCommand as wrong:
            # What YAML says of a damaged file has several lines.
            faults += [f"arguments.file: {name} {' '.join(fault.partition(': ')[2].split())}" for fault in wrong.faults]
    return None


def kit_options(asked: Mapping[str, Any]) -> list[str]:
    """Returns the options of `stepsweep-trial` that mean the same."""
    words = []
    for name in ("style", "booleans", "lists", "nulls"):
        if name in asked:
            words.append(f"--{name}={asked[name]}")
    if asked.get("dashes"):
        words.append("--dashes")
    if "file" in asked:
        words.append(f"{config_file.OPTION}={asked['file']}")
    for name in ("epochs", "seed"):
        if asked.get(name) is False:
            words.append(f"--no-{name}")
        elif name in asked:
            words.append(f"--{name}-as={asked[name]}")
    return words
