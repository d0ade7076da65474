"""Inspects a script: finds its options through its own parser, and its metrics in a short run."""

import contextlib
import functools
import json
import os
import re
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from stepsweep.client.proposing import probe
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.names import known_direction
from stepsweep.contract.space import shown
from stepsweep.trainer_files import contents, copy
from stepsweep.trainer_script import Script
from stepsweep.trial import config_file, metrics_file
from stepsweep.trial.columns import EPOCH, NoMetrics, columns_of
from stepsweep.trial.command import WrongCommand
from stepsweep.trial.metrics import Collector

USUAL = ("train.py", "main.py")
PROBE_SECONDS = 60
LOOK_SECONDS = 0.1
MAX_OUTPUT = 8 * 2**20
"""Most bytes that are read of what a script prints."""
CONFIGURATION = re.compile(r"conf|cfg|param|setting|default|option|hyp", re.IGNORECASE)
"""Names of configuration files; others, such as results of a run by hand, are none."""
STARTED_BY = "STEPSWEEP_STARTED_BY"
"""A variable by which what a script has started is found again."""
LAST_LINES, MAX_LINE = 10, 200

MODELS = (
    ".pt", ".pth", ".ckpt", ".safetensors", ".keras", ".h5", ".onnx", ".joblib", ".pkl", ".pickle", ".ubj", ".cbm",
    ".rds", ".npy", ".npz", ".bin", ".model", ".gguf", ".tflite",
)  # fmt: skip
"""Endings of files that scripts save models in."""

FILES_OF_METRICS = (".csv", ".json", ".jsonl")


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
        file: the file that has them, as a path in its folder; None if it printed them.
        epochs: the number of rows.
        models: files that it left and that look like models, as paths in its folder.
        ended: how the run ended, in words.
        last_lines: the last lines of its output.
    """

    metrics: tuple[str, ...]
    file: str | None
    epochs: int
    models: tuple[str, ...]
    ended: str
    last_lines: tuple[str, ...]


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


def parsed(script: Script, program: Sequence[str], python: str) -> tuple[Parsed | None, Tried | None]:
    """Returns what the parser of an argparse, click or typer script takes, which is run in a copy of its folder.

    A script that has no such parser does its work instead, and what it did is returned as well, unless it failed.

    Args:
        program: the words of its command: `python`, its name, and what follows, such as a sub-command, whose options
            then count.

    Raises:
        InvalidInput: the script has sub-commands, and the words name none.
    """
    _, name, *words = program
    if not name.endswith(".py"):
        return None, None
    with _copied(script) as (work, before, scratch):
        result = scratch / "options.json"
        run = _run([python, probe.__file__, str(result), name, *words], work, PROBE_SECONDS)
        try:
            found = json.loads(result.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None, None if run.has_failed else _tried(work, before, run)
    if commands := found["commands"]:
        example = f"sweep init {name} {commands[0]}"
        raise InvalidInput([f"{name} has the sub-commands {', '.join(commands)}; name one, such as: {example}"])
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


def tried(script: Script, argv: Sequence[str], seconds: float) -> Tried:
    """Runs the script once in a copy of its folder, as a trial would, and returns what it printed."""
    with _copied(script) as (work, before, _):
        return _tried(work, before, _run(argv, work, seconds))


@contextlib.contextmanager
def _copied(script: Script) -> Iterator[tuple[Path, dict[str, int], Path]]:
    """Yields a copy of the script's folder, the files in it that may be results, and a folder beside it."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        work = Path(scratch, "work")
        work.mkdir()
        copy(contents(script.written(Path(scratch, "script"))), work)
        yield work, _written(work), Path(scratch)


class _Run(NamedTuple):
    ended: str
    has_failed: bool
    output: bytes


def _tried(work: Path, before: dict[str, int], run: _Run) -> Tried:
    new = [name for name, written in _written(work).items() if before.get(name) != written]
    lines = run.output.decode(errors="replace").splitlines()
    rows = _rows(functools.partial(_read_lines, lines))
    file = None
    for name in [] if any(map(known_direction, columns_of(rows))) else new:
        if name.endswith(FILES_OF_METRICS) and (work / name).stat().st_size <= MAX_OUTPUT:
            found = _rows(functools.partial(metrics_file.collect, work / name))
            if any(map(known_direction, columns_of(found))):  # other numbers may be anything, such as predictions
                rows, file = found, name
                break
    return Tried(
        metrics=tuple(name for name in columns_of(rows) if name != EPOCH),
        file=file,
        epochs=len(rows),
        models=tuple(name for name in new if name.endswith(MODELS)),
        ended=run.ended,
        last_lines=tuple(line[:MAX_LINE] for line in lines[-LAST_LINES:]),
    )


def _rows(read: Callable[[Collector], object]) -> list[dict[str, float]]:
    collector = Collector()
    try:
        read(collector)
        return collector.rows(None)[0]
    except NoMetrics:
        return []


def _read_lines(lines: Sequence[str], collector: Collector) -> None:
    for line in lines:
        collector.feed(line)


def _written(folder: Path) -> dict[str, int]:
    """Returns the files that look like models or metrics, with the times of writing."""
    found = sorted(
        path for path in folder.rglob("*") if path.name.endswith(MODELS + FILES_OF_METRICS) and path.is_file()
    )
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in found}


def _run(argv: Sequence[str], folder: Path, seconds: float) -> _Run:
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
            return _read(process, seconds)
        finally:
            _kill(process, token)


def _read(process: "subprocess.Popen[bytes]", seconds: float) -> _Run:
    """Reads the output until the process ends, which others that it has started may outlive, or breaks a limit."""
    output, deadline, pipe = bytearray(), time.monotonic() + seconds, process.stdout
    while (left := deadline - time.monotonic()) > 0:
        if len(output) > MAX_OUTPUT:
            return _Run(f"was ended after it had printed {MAX_OUTPUT:,} bytes", False, bytes(output))
        if pipe is not None and select.select([pipe], [], [], min(left, LOOK_SECONDS))[0]:
            if data := os.read(pipe.fileno(), 65_536):
                output += data
            else:
                pipe = None  # closed
        elif process.poll() is not None:
            return _Run(f"ended with exit code {process.returncode}", process.returncode != 0, bytes(output))
        elif pipe is None:
            time.sleep(LOOK_SECONDS)
    return _Run(f"was ended after {seconds:g} s", False, bytes(output))


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
