"""Times a halving of 18 real trials on this machine's cores: in rounds, and free-running.

The trainer and its images are stepsweep's own. A core holds one job, so what the jobs do not take of the cores between
the first one's start and the last one's end is idle.
"""

import json
import os
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.results import Result, Table
from benchmarks.timing import ROOT, WORK, alternating, ratio, run_process
from stepsweep.contract.attempts import attempts_of
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.trainer import data

EXPECTED_SECONDS = 200
WAYS = {"rounds": ("--rounds", "in rounds"), "freely": ("--no-rounds", "free-running")}


def run(*, quick: bool) -> Result:
    turns, images, epochs = (1, 64, 9) if quick else (2, 640, 27)
    load = os.getloadavg()[1]
    _sweep("rounds", 64, 3, "warm-up")  # synthesizes the template
    ran: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}

    def contender(way: str) -> Callable[[], float]:
        def seconds() -> float:
            ran[way].append(_sweep(way, images, epochs, f"{way}-{len(ran[way])}"))
            return float(ran[way][-1]["seconds"])

        return seconds

    found = alternating({way: contender(way) for way in WAYS}, repetitions=turns)
    rows = [
        [
            told,
            f"{median(found[way]):.0f}",
            f"{ratio(found[way], found['rounds']):.2f}",
            f"{100 * median(each['idle'] for each in ran[way]):.0f}%",
            f"{median(each['jobs'] for each in ran[way]):.0f}",
            f"{median(each['epochs'] for each in ran[way]):.0f}",
        ]
        for way, (_, told) in WAYS.items()
    ]
    columns = ["", "s", "time / rounds", "idle", "jobs", "epochs"]
    caption = (
        f"`sweep run` of 18 trials of stepsweep's own trainer, rungs of {epochs // 9}, {epochs // 3} and {epochs} "
        f"epochs of {images // 64} steps, medians of {turns} turns: wall clock of the command; the share of the cores "
        f"that no job took between the first job's start and the last one's end; jobs; epochs trained. Other programs "
        f"had a load average of {load:.1f}."
    )
    return Result(tables=[Table(columns=columns, rows=rows, caption=caption)], values=ran)


def _sweep(way: str, images: int, epochs: int, name: str) -> dict[str, Any]:
    """Runs `sweep run` in a folder of its own, and returns what it took."""
    folder = WORK / "halving"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "data").exists():
        (folder / "data").symlink_to(ROOT / data.DEFAULT_DATA_DIR)
    name = f"{name}-{os.getpid()}"
    spec = {
        **json.loads((ROOT / "examples" / "halving.json").read_text()),
        "halving": {"min_epochs": max(1, epochs // 9), "factor": 3},
        "fixed": {"dataset": "fashion-mnist", "train_images": images, "threads": 1},
        "epochs": epochs,
        "fresh": True,
    }
    file = folder / f"{name}.json"
    file.write_text(json.dumps(spec))
    command = [sys.executable, "-m", "stepsweep", "run", str(file), WAYS[way][0], "--dir", str(folder)]
    ended = run_process([*command, "--name", name, "--json"])
    documents = [json.loads(each.read_text()) for each in folder.glob(f"s3/*/sweeps/{name}/**/outcomes/*.json")]
    outcomes = [JobOutcome.from_json(each, where=name) for each in documents]
    attempts = [attempt for outcome in outcomes for attempt in attempts_of(outcome)]
    window = max(each.stopped for each in attempts) - min(each.started for each in attempts)
    busy = sum(each.stopped - each.started for each in attempts)
    return {
        "seconds": ended.seconds,
        "idle": 1 - busy / (window * (os.cpu_count() or 1)),
        "jobs": len(attempts),
        "epochs": json.loads(ended.stdout)["epochs_trained_total"],
        "job_seconds": busy / 1000,
    }
