"""Measures a free-running search on the embedded cloud: 1,000 trials that do nothing, by 64 workers.

`python -m benchmarks.workers TRIALS` measures another number, such as 10,000, and prints the result.
"""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import embedded
from benchmarks.results import Result, Table
from benchmarks.timing import WORK, run_process

EXPECTED_SECONDS = 150

TRIALS = 1_000
WORKERS = 64
FOLDER = WORK / "workers"


def run(*, quick: bool) -> Result:
    return measured(20 if quick else TRIALS, 4 if quick else WORKERS)


def measured(trials: int, workers: int) -> Result:
    """Measures it in a new process, since moto's state and the peak memory belong to the process."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    ran = run_process([sys.executable, "-m", "benchmarks.workers", "--apart", str(trials), str(workers)])
    shutil.rmtree(FOLDER)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    row = [
        f"{trials:,}",
        f"{1000 * found['seconds'] / trials:.0f}",
        f"{1000 * found['cloud_cpu'] / trials:.0f}",
        f"{1000 * found['jobs_cpu'] / trials:.0f}",
        found["requests"],
        f"{found['peak_mib']:.0f} (at the start {found['peak_mib_at_start']:.0f})",
    ]
    columns = [
        "trials", "ms per trial", "CPU of the cloud, ms", "CPU of jobs and functions, ms",
        "S3 requests of the function that answers", "peak memory of the cloud, MiB",
    ]  # fmt: skip
    caption = f"A free-running search of trials that do nothing, by {workers} workers: each asks after each trial."
    return Result(tables=[Table(columns=columns, rows=[row], caption=caption)], values=found)


def _apart(trials: int, workers: int) -> dict[str, Any]:
    requests = embedded.Requests()
    requests.install()
    with embedded.nothing_trains(FOLDER, vcpus=workers) as cloud:
        at_start = embedded.peak_mib()
        before, began = embedded.cpu_seconds(), time.monotonic()
        spec = {"parameters": {"number": list(range(trials))}, "epochs": 1, "name": "nothing", "rounds": False}
        execution = cloud.start({**spec, "max_concurrency": workers})
        ended = cloud.ended(execution)
        seconds, after = time.monotonic() - began, embedded.cpu_seconds()
        outcomes = json.loads(ended["output"])["outcomes"]
        if sum(outcomes.values()) != trials:
            raise RuntimeError(f"{outcomes} of {trials} trials")
        return {
            "trials": trials,
            "seconds": seconds,
            "cloud_cpu": after[0] - before[0],
            "jobs_cpu": after[1] - before[1],
            "requests": requests.told("asker"),
            "peak_mib": embedded.peak_mib(),
            "peak_mib_at_start": at_start,
            "outcomes": outcomes,
        }


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--apart"]:
        trials, workers = map(int, arguments[1:])
        print(json.dumps(_apart(trials, workers)))
        return
    for table in measured(int(arguments[0]), WORKERS).tables:
        print(table.markdown())


if __name__ == "__main__":
    main(sys.argv[1:])
