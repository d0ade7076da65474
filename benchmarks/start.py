"""Measures the start of a sweep: `sweep --help`, and from `sweep run` to the first training step."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import psutil

from benchmarks.results import Result, Table
from benchmarks.timing import ROOT, WORK, run_process

EXPECTED_SECONDS = 150

REPETITIONS = 5
TRAINS = "training on"
"""The trainer prints this after loading the data, before the first step."""

PATIENCE_SECONDS = 180.0


SCRIPT = "import argparse\n\nparser = argparse.ArgumentParser()\nparser.add_argument('--lr', type=float)\n\
print('training on', parser.parse_args().lr)\nprint('loss=1')\n"
SCRIPT_SPEC = {"command": "python train.py {args}", "parameters": {"lr": [0.1]}, "objective": "loss"}


def run(*, quick: bool) -> Result:
    repetitions = 1 if quick else REPETITIONS
    sweep = str(Path(sys.executable).with_name("sweep"))
    helps = [run_process([sweep, "--help"]).cpu_seconds for _ in range(repetitions)]
    with _folder() as folder:
        _of_the_tutorial(sweep, folder, seed=0)  # synthesizes the template
        starts = [_of_the_tutorial(sweep, folder, seed=seed) for seed in range(1, repetitions + 1)]
    first, edited, unchanged = zip(*(_of_a_script(sweep) for _ in range(repetitions)), strict=True)
    seconds, cpu_seconds = ([start[place] for start in starts] for place in (0, 1))
    rows: list[tuple[str, str, str]] = [("`sweep --help`", "", f"{median(helps):.2f}")]
    for name, each in {
        "from `sweep run` to the first training step: the tutorial, as before": starts,
        "a script of one's own, the first one ever": first,
        "the same, edited since the last sweep": edited,
        "the same, not edited": unchanged,
    }.items():
        rows.append((name, f"{median(wall for wall, _ in each):.1f}", f"{median(cpu for _, cpu in each):.1f}"))
    table = Table(caption=f"Medians of {repetitions}.", columns=("", "wall, s", "CPU, s"), rows=rows)
    return Result(
        tables=[table],
        values={
            "help_cpu_seconds": helps,
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            **{
                f"script_{name}_seconds": [wall for wall, _ in each]
                for name, each in (("first", first), ("edited", edited), ("unchanged", unchanged))
            },
        },
    )


@contextmanager
def _folder() -> Iterator[Path]:
    """Yields an empty cloud folder with this machine's data sets."""
    folder = WORK / "start"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = ROOT / ".stepsweep" / "data"
    if data.exists():
        (folder / "data").symlink_to(data)
    yield folder
    shutil.rmtree(folder)


def _of_the_tutorial(sweep: str, folder: Path, *, seed: int) -> tuple[float, float]:
    spec = {
        "parameters": {"lr": [0.1]},
        "epochs": 1,
        "seed": seed,
        "fixed": {"dataset": "fashion-mnist", "train_images": 640},
    }
    file = folder / "spec.json"
    file.write_text(json.dumps(spec))
    return _to_first_step([sweep, "run", str(file), "--dir", str(folder)], ROOT, folder)


def _of_a_script(sweep: str) -> list[tuple[float, float]]:
    """Starts a new project's script where nothing is cached, edited, and once more."""
    with tempfile.TemporaryDirectory() as project:
        folder = Path(project)
        (folder / "sweep.json").write_text(json.dumps(SCRIPT_SPEC))
        command = [sweep, "run", "sweep.json", "--fresh", "--dir", str(folder / "state")]
        found = []
        for line in ("", "# edited\n"):
            (folder / "train.py").write_text(SCRIPT + line)
            found.append(_to_first_step(command, folder, folder / "state", XDG_CACHE_HOME=str(folder / "cache")))
        again = _to_first_step(command, folder, folder / "state", XDG_CACHE_HOME=str(folder / "cache"))
    return [*found, again]


def _to_first_step(command: list[str], cwd: Path, folder: Path, **environment: str) -> tuple[float, float]:
    """Returns the seconds until a trial trains, and the CPU seconds of all the sweep's processes until then.

    Args:
        folder: the cloud's.
    """
    shutil.rmtree(folder / "logs", ignore_errors=True)
    began = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **environment},
        stdout=subprocess.DEVNULL,
    ) as process:
        while not _trains(folder / "logs"):
            if process.poll() is not None or time.monotonic() > began + PATIENCE_SECONDS:
                raise RuntimeError(f"no trial trained; `sweep run` ended with {process.poll()}")
            time.sleep(0.02)
        seconds = time.monotonic() - began
        cpu_seconds = _cpu_seconds(psutil.Process(process.pid))
        if process.wait() != 0:
            raise RuntimeError(f"`sweep run` ended with {process.returncode}")
    return seconds, cpu_seconds


def _trains(logs: Path) -> bool:
    return any(TRAINS in log.read_text(errors="replace") for log in logs.glob("*/*.log"))


def _cpu_seconds(process: psutil.Process) -> float:
    """Returns the CPU seconds of a process and its descendants, ended ones included."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # then its time is among that of its parent's children
            times = each.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
