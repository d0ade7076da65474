"""Reads the fields of a spec file that say how to run a person's own script: `command` and its companions."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from stepsweep.client.specs.arguments import arguments_of, config_of, kit_options
from stepsweep.client.specs.command import Command
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.given import field_meant
from stepsweep.contract.metrics import EPOCH
from stepsweep.contract.parser import FIELDS as INPUT_FIELDS
from stepsweep.contract.space import shown
from stepsweep.spec_files import FIELDS_OF_SCRIPT, is_named, left_out, pattern_of
from stepsweep.trainer_script import Script
from stepsweep.trial.command import ARGS, PLACEHOLDER

FIELDS = FIELDS_OF_SCRIPT

ENVIRONMENTS = (".venv", "venv")
"""Where projects usually keep their virtual environment."""

OPTIONS_OF = {
    "metrics": ("--metrics-file=", "--tensorboard=", "--mlflow=", "--metric=", "--epoch="),
    "epochs": ("--no-epochs", "--epochs-as="),
}
"""How the kit's options begin that other fields than `arguments` become."""


def split(document: dict[str, Any], folder: Path, *, file: str | None) -> tuple[dict[str, Any], Command | None]:
    """Splits a spec into the fields of an execution's input, and the command that runs its trials.

    If a script does not take a number of epochs, the input has one epoch; the script decides how long it trains.

    Args:
        folder: the project's folder, to which paths are relative.
        file: the spec file's path; None if there is none.

    Raises:
        InvalidInput: these fields break rules; lists every fault.
    """
    fields = {name: document[name] for name in FIELDS if name in document}
    rest = {name: value for name, value in document.items() if name not in FIELDS}
    if not fields:
        return rest, None
    if "command" not in fields and is_meant("command", rest):  # the parser of the rest says so
        return rest, None
    if "command" not in fields:
        names = ", ".join(fields)
        raise InvalidInput([f"{names}: goes with `command`; write command: python train.py, or leave it out"])
    faults: list[str] = []
    words = _words(fields["command"], faults)
    asked = arguments_of(fields.get("arguments"), faults)
    config = config_of(asked, folder, faults)
    asked.setdefault("seed", False)
    if "epochs" not in rest:
        asked.setdefault("epochs", False)
        rest["epochs"] = 1
    python = _python(fields.get("python"), folder, faults)
    metrics = _metrics(fields.get("metrics"), faults)
    data = _data(fields.get("data"), folder, faults)
    if config and config[0] in data:
        faults.append(f"arguments.file: {config[0]} lies in `data`, which all trials share; leave it out there")
    if config:
        faults += [
            f"arguments.{name}: {config[0]} has no field {asked.get(name, name)}; name the one for it, or write false"
            for name, is_told in (("epochs", asked.get("epochs") is not False), ("seed", asked["seed"] is not False))
            if is_told and asked.get(name, name) not in config[1]
        ]
    file_of_metrics = _file_of_metrics(fields.get("metrics"), data, faults)
    _check_program(words, folder, faults)
    if faults:
        raise InvalidInput(faults)
    named = {name for word in words if word != ARGS for name in PLACEHOLDER.findall(word)}
    takes_all = ARGS in words or not named or config is not None
    if takes_all and ARGS not in words:
        words.append(ARGS)
    entrypoint = ("stepsweep-trial", *kit_options(asked), *metrics, "--", *words, *([] if takes_all else ["--"]))
    own = []
    if file is not None:
        name = os.path.relpath(file, folder)
        # One that counts as a spec is left out anyway, and all of these have the same script.
        if not is_named(name, entrypoint) and name not in left_out(folder, words=()):
            own.append(pattern_of(name))
    script = Script(
        folder=folder,
        entrypoint=entrypoint,
        python=str(python) if python else None,
        data=tuple(data),
        left_out=(*own, *file_of_metrics),
    )
    if lost := [name for name in ("epochs", "seed") if asked.get(name) and not script.has_place_for(name)]:
        raise InvalidInput(
            [
                f"arguments.{name}: `command` has no place for it, got {shown(asked[name])}; write {{{name}}} where "
                f"its value belongs, or {ARGS} at the end"
                for name in lost
            ]
        )
    return rest, Command(script=script, takes_all=takes_all, file=config)


def is_meant(field: str, document: dict[str, Any]) -> bool:
    """Whether an unknown field of a document is probably this one, misspelled."""
    known = (*FIELDS, *INPUT_FIELDS)
    return any(name not in known and field_meant(name, known) == field for name in document)


def script_of_command(words: list[str], folder: Path, *, file: str) -> Script:
    """Returns the script of a command without companions. Raises the same errors as `split`."""
    command = split({"command": words}, folder, file=file)[1]
    if command is None:
        raise ValueError("no command")
    return command.script


def changed_fields(then: Script, now: Script) -> list[str]:
    """Returns which fields of a spec made the difference between two scripts, as people call them."""
    before, after = _by_field(then), _by_field(now)
    return [name for name in before | after if before.get(name) != after.get(name)]


def _by_field(script: Script) -> dict[str, object]:
    """Returns the parts of a script by the fields that they came from."""
    words = list(script.entrypoint)
    end = words.index("--") if "--" in words else 0
    found: dict[str, object] = {"the command": words[end:], "python": script.python, "data": script.data}
    for field, options in OPTIONS_OF.items():
        found[field] = [word for word in words[1:end] if word.startswith(options)]
    others = tuple(option for options in OPTIONS_OF.values() for option in options)
    found["arguments"] = [word for word in words[1:end] if not word.startswith(others)]
    return {name if name == "the command" else f"the field {name}": part for name, part in found.items()}


def _words(raw: object, faults: list[str]) -> list[str]:
    what = "must be a command such as python train.py {args}, or a list of its words"
    try:
        words = shlex.split(raw) if isinstance(raw, str) else raw
    except ValueError as error:
        faults.append(f"command: {what}: {error}, got {shown(raw)}")
        return []
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        faults.append(f"command: {what}, got {shown(raw)}")
        return []
    if words[0] == ARGS:
        faults.append(f"command: no program stands before {ARGS}; write python train.py {ARGS}")
    if ARGS in words[:-1]:
        faults.append(f"command: {ARGS} must be its last word, got {shown(raw)}")
    for word in words:
        if word in ("|", "||", "&&", ";", ">", ">>", "<", "&"):
            faults.append(
                f"command: {word} is the shell's, and no shell runs this; write [bash, -c, …], or a script of its own"
            )
    return list(words)


def _metrics(raw: object, faults: list[str]) -> list[str]:
    match raw:
        case None:
            return []
        case str() if raw:
            return [f"--metrics-file={raw}"]
        case {"tensorboard": str() as path, **rest} if not rest:
            return [f"--tensorboard={path}"]
        case {"mlflow": str() as path, **rest} if not rest:
            return [f"--mlflow={path}"]
        case {"tensorboard": str(), "mlflow": str()}:
            faults.append(f"metrics: must have tensorboard or mlflow, not both, got {shown(raw)}; leave one out")
            return []
        case dict() if raw:
            words = []
            for name, pattern in raw.items():
                try:
                    groups = re.compile(pattern).groups if isinstance(pattern, str) else 0
                except re.error as error:
                    faults.append(f"metrics.{name}: not a regular expression: {error}, got {shown(pattern)}")
                    continue
                if not groups:
                    faults.append(
                        f"metrics.{name}: must be a regular expression with the number in parentheses, such as "
                        rf"'accuracy (\S+)', got {shown(pattern)}"
                    )
                words.append(f"--epoch={pattern}" if name == EPOCH else f"--metric={name}={pattern}")
            return words
        case _:
            faults.append(
                "metrics: must be an object of names and regular expressions, or the path of a file that the script "
                f"writes, got {shown(raw)}"
            )
            return []


def _file_of_metrics(raw: object, data: list[str], faults: list[str]) -> list[str]:
    """Returns the pattern of the file that trials write, since a file from a run by hand is not part of the trainer."""
    path = next(iter(raw.values()), None) if isinstance(raw, dict) and set(raw) & {"tensorboard", "mlflow"} else raw
    if not isinstance(path, str) or path.startswith("{"):  # a folder of the trial's own
        return []
    name = Path(os.path.normpath(path))
    if name.is_absolute() or name.parts[:1] == ("..",):
        faults.append(f"metrics: must be a path in the project's folder, such as logs/metrics.csv, got {shown(path)}")
    elif any(Path(shared) in (name, *name.parents) for shared in data):
        faults.append(f"metrics: {path} lies in `data`, which all trials share; write it elsewhere")
    elif isinstance(raw, str):
        return [f"/{name.as_posix()}"]
    return []


def _python(raw: object, folder: Path, faults: list[str]) -> Path | None:
    """Returns the project's interpreter; None if it is the current one."""
    if raw is None:
        found = [folder / name / "bin" / "python" for name in ENVIRONMENTS]
        if activated := os.environ.get("VIRTUAL_ENV"):
            found.append(Path(activated) / "bin" / "python")
        python = next((path for path in found if path.is_file()), None)
    elif isinstance(raw, str) and raw:
        which = shutil.which(raw) if "/" not in raw else str(folder / Path(raw).expanduser())
        python = Path(which) if which else None
        if python is None or not python.exists():
            is_whole = raw.startswith(("/", "~"))
            there = raw if is_whole else f"{raw} in {folder}" if "/" in raw else f"program {raw} in the PATH"
            faults.append(f"python: there is no {there}; make its environment, or name an interpreter that is there")
            return None
        if not os.access(python, os.X_OK) or python.is_dir():
            faults.append(f"python: must be an interpreter such as .venv/bin/python, got {shown(raw)}")
            return None
    else:
        faults.append(f"python: must be an interpreter such as .venv/bin/python, got {shown(raw)}")
        return None
    # Compares folders, since a virtual environment's interpreter is a link, and finds its environment by its own path.
    is_ours = python is not None and python.parent.resolve() == Path(sys.executable).parent.resolve()
    return None if is_ours else python


def _data(raw: object, folder: Path, faults: list[str]) -> list[str]:
    paths = [raw] if isinstance(raw, str) else raw
    if paths is None:
        return []
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        faults.append(f"data: must be a path in the project's folder, or a list of them, got {shown(raw)}")
        return []
    found = []
    for path in paths:
        name = Path(os.path.normpath(path))
        if name.is_absolute() or name.parts[:1] in ((), ("..",)):
            faults.append(f"data: must be a path in the project's folder, such as data, got {shown(path)}")
        elif not (folder / name).exists():
            faults.append(f"data: there is no {name} in {folder}")
        else:
            found.append(name.as_posix())
    return found


def _check_program(words: list[str], folder: Path, faults: list[str]) -> None:
    """Reports a missing program or script, which would fail every trial."""
    if not words:
        return
    program, *others = words
    if re.fullmatch(r"python3?", program):
        script = next((word for word in others if not word.startswith("-")), None)
        if script and others[0] == script and script.endswith(".py") and not (folder / script).is_file():
            faults.append(f"command: there is no {script} in {folder}")
    elif "/" in program and not (folder / program).is_file():
        faults.append(f"command: there is no {program} in {folder}")
