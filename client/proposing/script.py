"""Finds a project's script and its options: through its own parser, or in the configuration file that it names."""

import difflib
import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsweep.client.proposing import probe
from stepsweep.client.proposing.short_run import MAX_OUTPUT, Tried, copied, run_in, seen_in
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.space import shown
from stepsweep.trainer_script import Script
from stepsweep.trial import config_file
from stepsweep.trial.command import WrongCommand

USUAL = ("train.py", "main.py")
PROGRAMS = {".sh": "sh", ".bash": "bash", ".R": "Rscript", ".jl": "julia"}
"""What runs a script without a #! line, by its ending."""
MAX_SHEBANG = 256
PROBE_SECONDS = 60
ENVIRONMENT = re.compile(rb"\b(?:environb?|getenvb?)\b")
"""What a script that takes its options from the environment has in its text."""
CONFIGURATION = re.compile(r"conf|cfg|param|setting|default|option|hyp", re.IGNORECASE)
"""Names of configuration files; others, such as results of a run by hand, are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a script, as its parser defines it.

    Attributes:
        name: the name after `--`.
        kind: `int`, `float`, `str`, `bool` for a pair of flags, `flag` for a single one, `probe.SPACE` or
            `probe.REPEAT` for several values, or the name of another type.
    """

    name: str
    kind: str
    default: Any
    choices: tuple[Any, ...]
    required: bool

    @property
    def lists(self) -> str:
        """How it takes several values, as `arguments.lists` has it; empty for one value."""
        return {probe.SPACE: "space", probe.REPEAT: "repeat"}.get(self.kind, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a script's parser takes.

    Attributes:
        arguments: required arguments without a name on the command line that the words do not give.
    """

    options: list[Option]
    arguments: list[str]


def script_in(folder: Path, name: str | None) -> str:
    """Returns the path of the script, relative to the folder.

    Raises:
        InvalidInput: there is no script, or there are several and none has a usual name; or it is elsewhere, or has a
            name that no command can have.
    """
    if name is not None:
        path = Path(os.path.normpath(folder / name))
        if not path.is_file():
            raise InvalidInput([f"there is no file {shown(name)} in {folder}"])
        if folder not in path.parents:
            raise InvalidInput(
                [f"{shown(name)} is outside of {folder}, and trials get the files of that folder; go to {path.parent}"]
            )
        inside = path.relative_to(folder).as_posix()
        if not inside.isprintable() or inside.startswith("-"):
            raise InvalidInput([f"{shown(name)}: no command can have this name; rename the script"])
        return inside
    there = sorted(path.name for path in folder.glob("*.py"))
    likely = [usual for usual in USUAL if usual in there] or there
    if not likely or (len(likely) > 1 and likely == there):
        what = f"there are {', '.join(likely)}" if likely else "there is no Python script"
        raise InvalidInput([f"{what} in {folder}; name the script: sweep init SCRIPT"])
    return likely[0]


def program_of(folder: Path, name: str) -> list[str]:
    """Returns the words that start a script: the interpreter of its first line or of its ending, and its name.

    Raises:
        InvalidInput: it is none, or nobody knows what runs it.
    """
    if name.endswith(".py"):
        return ["python", name]
    with (folder / name).open("rb") as file:
        first = file.readline(MAX_SHEBANG).decode(errors="replace").rstrip()
    if first.startswith("#!") and (words := first[2:].split()):
        own = [Path(words[0]).name, *words[1:]]
        own = [word for word in own[1:] if word != "-S"] if own[0] == "env" else own
        return [*own, name]
    if (program := PROGRAMS.get(Path(name).suffix)) is not None:
        return [program, name]
    if name.endswith(".ipynb"):
        made = Path(name).with_suffix(".py").name
        remedy = (
            f"make a script of it with `jupyter nbconvert --to script {shlex.quote(name)}`, then: sweep init {made}"
        )
    else:
        remedy = "write its interpreter into its first line, such as #!/bin/sh, or `command` into sweep.yaml"
    endings = ", ".join((".py", *PROGRAMS))
    raise InvalidInput([f"{shown(name)}: what runs it is not known: its ending is none of {endings}; {remedy}"])


def parsed(script: Script, name: str, words: Sequence[str], python: str) -> tuple[Parsed | None, Tried | None]:
    """Returns what the parser of an argparse, click or typer script takes, which is run in a copy of its folder.

    A script that has no such parser does its work instead, and what it did is returned as well, unless it failed. It
    takes no options if it reads neither its command line nor the environment.

    Args:
        name: its path in the folder.
        words: what follows it in its command, such as a sub-command, whose options then count.

    Raises:
        InvalidInput: the script has sub-commands, and the words name none.
    """
    if not name.endswith(".py"):
        return None, None
    with copied(script) as (work, before, scratch):
        result = scratch / "options.json"
        run = run_in([python, probe.__file__, str(result), name, *words], work, PROBE_SECONDS)
        try:
            found = json.loads(result.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None, None if run.code else seen_in(work, before, run)
        if found["has_run"]:
            has_others = any(ENVIRONMENT.search(path.read_bytes()) for path in work.rglob("*.py"))
            return None if has_others else Parsed(options=[], arguments=[]), seen_in(work, before, run)
    if commands := found["commands"]:
        given = next((word for word in words if not word.startswith("-")), None)
        meant = next(iter(difflib.get_close_matches(given or "", commands, n=1)), commands[0])
        none = f"{given} is none of them; " if given else ""
        example = f"sweep init {name} {meant}"
        raise InvalidInput([f"{name} has the sub-commands {', '.join(commands)}; {none}name one, such as: {example}"])
    options = [
        Option(
            name=_on_one_line(one["name"]),
            kind=one["type"],
            default=one["default"],
            choices=tuple(one["choices"]),
            required=one["required"],
        )
        for one in found["options"]
    ]
    return Parsed(options=options, arguments=[*map(_on_one_line, found["arguments"])]), None


def _on_one_line(name: str) -> str:
    """Returns a name as a comment or a line of a terminal can have it; a script may give any."""
    return re.sub(r"[^\w.-]+", "_", name)


def configured(script: str, folder: Path) -> tuple[str, list[Option]] | None:
    """Returns the configuration file that the script's text names, and its fields as options; None if there is none."""
    text = (folder / script).read_text(encoding="utf-8", errors="replace")
    there = [path for path in (*folder.glob("*"), *folder.glob("*/*")) if _may_be_read(path)]
    for name in sorted(path.relative_to(folder).as_posix() for path in there):
        called = Path(name).name
        if not CONFIGURATION.search(called) or not re.search(rf"[\"'/]{re.escape(called)}[\"']", text):
            continue
        try:
            fields = config_file.fields(folder / name)
        except WrongCommand:
            continue
        return name, [
            Option(name=field, kind=type(value).__name__, default=value, choices=(), required=False)
            for field, value in fields.items()
            if isinstance(value, bool | int | float | str)
        ]
    return None


def _may_be_read(path: Path) -> bool:
    """Whether it is a configuration file; to open a pipe would wait for ever."""
    return path.suffix in config_file.ENDINGS and path.is_file() and path.stat().st_size <= MAX_OUTPUT


def interpreter_of(script: Script) -> str:
    return script.python or sys.executable
