"""Measures the start of a sweep: `sweep --help`, and from `sweep run` to the first training step."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks.results import Result, Table
from benchmarks.timing import ROOT, WORK, run_process

EXPECTED_SECONDS = 90

REPETITIONS = 5
TRAINS = "training on"
"""The trainer prints this after loading the data, before the first step."""

PATIENCE_SECONDS = 180.0


def run(*, quick: bool) -> Result:
    repetitions = 1 if quick else REPETITIONS
    sweep = str(Path(sys.executable).with_name("sweep"))
    helps = [run_process([sweep, "--help"]).cpu_seconds for _ in range(repetitions)]
    with _folder() as folder:
        _to_first_step(sweep, folder, seed=0)  # synthesizes the template
        starts = [_to_first_step(sweep, folder, seed=seed) for seed in range(1, repetitions + 1)]
    seconds, cpu_seconds = ([start[place] for start in starts] for place in (0, 1))
    table = Table(
        caption=f"Start with a cached template, medians of {repetitions}.",
        columns=("", "wall, s", "CPU, s"),
        rows=[
            ("`sweep --help`", "", f"{median(helps):.2f}"),
            ("from `sweep run` to the first training step", f"{median(seconds):.1f}", f"{median(cpu_seconds):.1f}"),
        ],
    )
    return Result(tables=[table], values={"help_cpu_seconds": helps, "seconds": seconds, "cpu_seconds": cpu_seconds})


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


def _to_first_step(sweep: str, folder: Path, *, seed: int) -> tuple[float, float]:
    """Returns the seconds until a trial trains, and the CPU seconds of all the sweep's processes until then."""
    spec = {
        "parameters": {"lr": [0.1]},
        "epochs": 1,
        "seed": seed,
        "fixed": {"dataset": "fashion-mnist", "train_images": 640},
    }
    file = folder / "spec.json"
    file.write_text(json.dumps(spec))
    shutil.rmtree(folder / "logs", ignore_errors=True)
    began = time.monotonic()
    with subprocess.Popen(
        [sweep, "run", str(file), "--dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
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
        times = each.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total
