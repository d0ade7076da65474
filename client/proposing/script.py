"""Inspects a script: finds its options through its own parser, and its metrics in a short run."""

import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsweep.client.proposing import probe
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_files import contents, copy
from stepsweep.trainer_script import Script
from stepsweep.trial.metrics import Collector, NoMetrics

USUAL = ("train.py", "main.py")
PROBE_SECONDS = 60
LOOK_SECONDS = 0.1
MAX_OUTPUT = 8 * 2**20
"""Most bytes that are read of what a script prints."""
STARTED_BY = "STEPSWEEP_STARTED_BY"
"""A variable by which what a script has started is found again."""
LAST_LINES, MAX_LINE = 10, 200

MODELS = (
    ".pt", ".pth", ".ckpt", ".safetensors", ".keras", ".h5", ".onnx", ".joblib", ".pkl", ".pickle", ".ubj", ".cbm",
    ".rds",
)  # fmt: skip
"""Endings of files that scripts save models in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a script, as its parser defines it.

    Attributes:
        name: the name after `--`.
        kind: `int`, `float`, `str`, `bool` for a pair of flags, `flag` for a single one, or the name of another type.
    """

    name: str
    kind: str
    default: Any
    choices: tuple[Any, ...]
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a script's parser takes.

    Attributes:
        arguments: required arguments without a name on the command line that the words do not give.
    """

    options: list[Option]
    arguments: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a short run of a script printed.

    Attributes:
        metrics: the metrics' names, in the order of the output.
        epochs: the number of rows.
        models: files that it left and that look like models, as paths in its folder.
        ended: how the run ended, in words.
        last_lines: the last lines of its output.
    """

    metrics: tuple[str, ...]
    epochs: int
    models: tuple[str, ...]
    ended: str
    last_lines: tuple[str, ...]


def script_in(folder: Path, name: str | None) -> str:
    """Returns the path of the script, relative to the folder.

    Raises:
        InvalidInput: there is no script, or there are several and none has a usual name.
    """
    if name is not None:
        if not (folder / name).is_file():
            raise InvalidInput([f"there is no file {name} in {folder}"])
        return name
    there = sorted(path.name for path in folder.glob("*.py"))
    likely = [usual for usual in USUAL if usual in there] or there
    if not likely or (len(likely) > 1 and likely == there):
        what = f"there are {', '.join(likely)}" if likely else "there is no Python script"
        raise InvalidInput([f"{what} in {folder}; name the script: sweep init SCRIPT"])
    return likely[0]


def parsed(script: str, words: Sequence[str], folder: Path, python: str) -> Parsed | None:
    """Returns what the parser of an argparse, click or typer script takes; None if it has no such parser, or fails
    before it parses.

    Args:
        words: what follows the script in its command, such as a sub-command, whose options then count.

    Raises:
        InvalidInput: the script has sub-commands, and the words name none.
    """
    if not script.endswith(".py"):
        return None
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        result = Path(scratch, "options.json")
        _run([python, probe.__file__, str(result), script, *words], folder, PROBE_SECONDS)
        try:
            found = json.loads(result.read_bytes())
        except (OSError, ValueError):
            return None
    if commands := found["commands"]:
        example = f"sweep init {script} {commands[0]}"
        raise InvalidInput([f"{script} has the sub-commands {', '.join(commands)}; name one, such as: {example}"])
    options = [
        Option(
            name=one["name"],
            kind=one["type"],
            default=one["default"],
            choices=tuple(one["choices"]),
            required=one["required"],
        )
        for one in found["options"]
    ]
    return Parsed(options=options, arguments=found["arguments"])


def tried(script: Script, argv: Sequence[str], seconds: float) -> Tried:
    """Runs the script once in a copy of its folder, as a trial would, and returns what it printed."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        work = Path(scratch, "work")
        work.mkdir()
        copy(contents(script.written(Path(scratch, "script"))), work)
        before = _models(work)
        ended, output = _run(argv, work, seconds)
        after = _models(work)
    collector = Collector()
    lines = output.splitlines()
    rows: list[dict[str, float]] = []
    try:
        for line in lines:
            collector.feed(line)
        rows = collector.rows(None)[0]
    except NoMetrics:
        pass
    names = tuple(name for name in rows[0] if name != "epoch") if rows else ()
    return Tried(
        metrics=names,
        epochs=len(rows),
        models=tuple(name for name, written in after.items() if before.get(name) != written),
        ended=ended,
        last_lines=tuple(line[:MAX_LINE] for line in lines[-LAST_LINES:]),
    )


def _models(folder: Path) -> dict[str, int]:
    """Returns the files that look like models, with the times of writing."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in MODELS and path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in found}


def _run(argv: Sequence[str], folder: Path, seconds: float) -> tuple[str, str]:
    """Runs a command, and returns how it ended and what it printed. Nothing that it started outlives it."""
    token = secrets.token_hex(8)
    with subprocess.Popen(
        argv,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", STARTED_BY: token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            ended, output = _read(process, seconds)
        finally:
            _kill(process, token)
    return ended, output.decode(errors="replace")


def _read(process: "subprocess.Popen[bytes]", seconds: float) -> tuple[str, bytes]:
    """Reads the output until the process ends, which others that it has started may outlive, or breaks a limit."""
    output, deadline, pipe = bytearray(), time.monotonic() + seconds, process.stdout
    while (left := deadline - time.monotonic()) > 0:
        if len(output) > MAX_OUTPUT:
            return f"was ended after it had printed {MAX_OUTPUT:,} bytes", bytes(output)
        if pipe is not None and select.select([pipe], [], [], min(left, LOOK_SECONDS))[0]:
            if data := os.read(pipe.fileno(), 65_536):
                output += data
            else:
                pipe = None  # closed
        elif process.poll() is not None:
            return f"ended with exit code {process.returncode}", bytes(output)
        elif pipe is None:
            time.sleep(LOOK_SECONDS)
    return f"was ended after {seconds:g} s", bytes(output)


def _kill(process: "subprocess.Popen[bytes]", token: str) -> None:
    """Kills the process and all that it has started, also what left its session."""
    import psutil

    process.kill()
    for each in psutil.process_iter():
        try:
            if each.environ().get(STARTED_BY) == token:
                each.kill()
        except (psutil.Error, OSError):  # it has ended, or is another user's
            continue


def interpreter_of(script: Script) -> str:
    return script.python or sys.executable
