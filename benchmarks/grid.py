"""Times the tutorial's nine trials as whole processes: multiprocessing, joblib, Optuna, Ray Tune, and `sweep run`.

All train the same trials on one thread, two at a time, and must find the same best val_accuracy to the last digit.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks import grid_ways, peers
from benchmarks.results import Result, Table
from benchmarks.timing import ROOT, WORK, alternating, ratio, run_process
from stepsweep.trainer import data

EXPECTED_SECONDS = 900
NAMES = {
    "multiprocessing": "multiprocessing, a pool of two",
    "sweep": "`sweep run`",
    "joblib": "joblib, two jobs",
    "optuna": "Optuna, two processes and a journal",
    "ray": "Ray Tune, two CPUs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of a trial of one epoch; the number of images is a multiple of the batch size, 64."""

    train_images: int
    turns: int

    def __str__(self) -> str:
        return f"trials of {self.train_images // 64} steps"


SHORT = Size(train_images=640, turns=4)
LONG = Size(train_images=6400, turns=2)
QUICK = Size(train_images=320, turns=1)


def run(*, quick: bool) -> Result:
    sizes = [QUICK] if quick else [SHORT, LONG]
    environment = _environment()
    _sweep(QUICK, "warm-up")  # synthesizes the template
    values, rows = {}, []
    for size in sizes:
        print(f" {size}", flush=True)
        found = _measured(size, environment)
        values[str(size)] = found
        bare = found["multiprocessing"]
        rows += [
            [f"{NAMES[way]}, {size}", f"{median(found[way]):.1f} s", f"{ratio(found[way], bare):.2f}x"] for way in NAMES
        ]
    turns = " and ".join(f"{size.turns} turns of {size}" for size in sizes)
    caption = f"Wall-clock time of the whole process, medians of {turns}, and the ratio to plain multiprocessing."
    return Result(
        tables=[Table(columns=["nine trials", "time", "ratio"], rows=rows, caption=caption)],
        values=values,
    )


def _measured(size: Size, environment: dict[str, str]) -> dict[str, list[float]]:
    best: dict[str, set[float]] = {way: set() for way in NAMES}

    def contender(way: str) -> Callable[[], float]:
        def seconds() -> float:
            if way == "sweep":
                taken, value = _sweep(size, f"turn-{len(turns)}")
                turns.append(way)
            else:
                taken, value = _other(way, size, environment)
            best[way].add(value)
            return taken

        return seconds

    turns: list[str] = []
    found = alternating({way: contender(way) for way in NAMES}, repetitions=size.turns)
    if len(set.union(*best.values())) != 1:
        raise ValueError(f"not the same trials: the best val_accuracy is {best}")
    return found


def _other(way: str, size: Size, environment: dict[str, str]) -> tuple[float, float]:
    ended = run_process(
        [sys.executable, "-m", "benchmarks.grid_ways", way, str(size.train_images)],
        environment=environment,
    )
    return ended.seconds, json.loads(ended.stdout.splitlines()[-1])["best"]


def _sweep(size: Size, name: str) -> tuple[float, float]:
    """Runs `sweep run` in an empty folder of its own, so that it uses and changes no other records."""
    folder = WORK / "cloud"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "data").exists():
        (folder / "data").symlink_to(ROOT / data.DEFAULT_DATA_DIR)
    fixed = {"dataset": "fashion-mnist", "train_images": size.train_images, "threads": 1}
    chosen = {"lr": grid_ways.LRS, "momentum": grid_ways.MOMENTA}
    command = [sys.executable, "-m", "stepsweep", "run", "--dir", str(folder), "--epochs", "1", "--fresh"]
    command += [word for key, value in fixed.items() for word in ("--fixed", f"{key}={value}")]
    command += [word for key, few in chosen.items() for word in ("--set", f"{key}={','.join(map(str, few))}")]
    ended = run_process([*command, "--name", f"{name}-{os.getpid()}-{size.train_images}", "--json"])
    return ended.seconds, json.loads(ended.stdout)["winner"]["value"]


def _environment() -> dict[str, str]:
    """Returns an environment in which this Python can also import Ray and joblib."""
    (packages,) = peers.python().parent.parent.glob("lib/python3*/site-packages")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(packages)])}
