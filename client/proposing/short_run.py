"""Runs a script for a short time in a copy of its folder, and finds the metrics and models that come of it."""

import contextlib
import os
import re
import secrets
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stepsweep.client.proposing.measured import FILES_OF_METRICS, Measured, measured
from stepsweep.trainer_files import contents, copy
from stepsweep.trainer_script import Script

LOOK_SECONDS = 0.1
MAX_OUTPUT = 8 * 2**20
"""Most bytes that are read of what a script prints."""

STARTED_BY = "STEPSWEEP_STARTED_BY"
"""A variable by which what a script has started is found again."""

LAST_LINES, MAX_LINE = 10, 200

MODELS = (
    ".pt", ".pth", ".ckpt", ".safetensors", ".keras", ".h5", ".onnx", ".joblib", ".pkl", ".pickle", ".ubj", ".cbm",
    ".rds", ".npy", ".npz", ".bin", ".model", ".gguf", ".tflite",
)  # fmt: skip
"""Endings of files that scripts save models in."""

MODELS_BY_NAME = re.compile(r"(?:.*/)?[^/]*(?:model|weights|booster)[^/]*\.(?:json|txt)", re.IGNORECASE)
"""Files with other endings, such as XGBoost's model.json and LightGBM's model.txt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a short run of a script printed.

    Attributes:
        models: files that it left and that look like models, as paths in its folder.
        ended: how the run ended, in words.
        code: its exit code; None if it was ended.
        last_lines: the last lines of its output.
    """

    measured: Measured
    models: tuple[str, ...]
    ended: str
    code: int | None
    last_lines: tuple[str, ...]

    @property
    def has_failed(self) -> bool:
        return bool(self.code)


class Run(NamedTuple):
    """How a command ended, in words and with its exit code, None if it was ended, and what it printed."""

    ended: str
    code: int | None
    output: bytes


def tried(script: Script, argv: Sequence[str], seconds: float, *, epochs: int | None) -> Tried:
    """Runs the script once in a copy of its folder, as a trial would, and returns what it printed.

    Args:
        epochs: how many the command line asks for; None if it does not say.
    """
    with copied(script) as (work, before, _):
        return seen_in(work, before, run_in(argv, work, seconds), epochs)


@contextlib.contextmanager
def copied(script: Script) -> Iterator[tuple[Path, dict[str, int], Path]]:
    """Yields a copy of the script's folder, the files in it that may be results, and a folder beside it."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        work = Path(scratch, "work")
        work.mkdir()
        copy(contents(script.written(Path(scratch, "script"))), work)
        yield work, _written(work), Path(scratch)


def seen_in(work: Path, before: dict[str, int], run: Run, epochs: int | None = None) -> Tried:
    """Returns what a run printed, and which files it left in the copy, other than those of before."""
    new = [name for name, written in _written(work).items() if before.get(name) != written]
    lines = run.output.decode(errors="replace").splitlines()
    found = measured(lines, work, new, epochs)
    return Tried(
        measured=found,
        models=tuple(name for name in new if name != found.place and _is_model(name)),
        ended=run.ended,
        code=run.code,
        last_lines=tuple(line[:MAX_LINE] for line in lines[-LAST_LINES:]),
    )


def _written(folder: Path) -> dict[str, int]:
    """Returns the files that look like models or metrics, with the times of writing."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if (path.name.endswith(FILES_OF_METRICS) or _is_model(path.name)) and path.is_file()
    )
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in found}


def _is_model(name: str) -> bool:
    return name.endswith(MODELS) or MODELS_BY_NAME.fullmatch(name) is not None


def run_in(argv: Sequence[str], folder: Path, seconds: float) -> Run:
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


def _read(process: "subprocess.Popen[bytes]", seconds: float) -> Run:
    """Reads the output until the process ends, which others that it has started may outlive, or breaks a limit."""
    output, deadline, pipe = bytearray(), time.monotonic() + seconds, process.stdout
    while (left := deadline - time.monotonic()) > 0:
        if len(output) > MAX_OUTPUT:
            return Run(f"was ended after it had printed {MAX_OUTPUT:,} bytes", None, bytes(output))
        if pipe is not None and select.select([pipe], [], [], min(left, LOOK_SECONDS))[0]:
            if data := os.read(pipe.fileno(), 65_536):
                output += data
            else:
                pipe = None  # closed
        elif process.poll() is not None:
            return Run(f"ended with exit code {process.returncode}", process.returncode, bytes(output))
        elif pipe is None:
            time.sleep(LOOK_SECONDS)
    return Run(f"was ended after {seconds:g} s", None, bytes(output))


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
