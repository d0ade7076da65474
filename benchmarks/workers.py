"""Measures free-running searches on the embedded cloud: trials that do nothing, by 4 and by 64 workers.

`python -m benchmarks.workers TRIALS WORKERS` measures one of another size, and prints the result.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import embedded
from benchmarks.results import Result, Table
from benchmarks.timing import TIMEOUT_SECONDS, WORK, run_process

EXPECTED_SECONDS = 900

SIZES = ((100, 4), (1_000, 4), (100, 64), (1_000, 64), (10_000, 64))
"""Trials and workers."""

MOST_SECONDS_EACH = 0.5
"""Of a trial, on a busy machine."""

FOLDER = WORK / "workers"


def run(*, quick: bool) -> Result:
    return measured([(20, 4)] if quick else SIZES)


def measured(sizes: Sequence[tuple[int, int]]) -> Result:
    load = os.getloadavg()[1]
    ran = [_ran(trials, workers) for trials, workers in sizes]
    columns = [
        "trials", "workers", "ms per trial", "CPU of the cloud, ms", "CPU of jobs and functions, ms",
        "S3 requests of the function that answers", "peak memory of the cloud, MiB",
    ]  # fmt: skip
    caption = (
        "Free-running searches of trials that do nothing: each worker asks after each trial. Other programs had a load "
        f"average of {load:.1f}."
    )
    rows = [
        [
            f"{found['trials']:,}",
            f"{found['workers']}",
            *(f"{1000 * found[name] / found['trials']:.0f}" for name in ("seconds", "cloud_cpu", "jobs_cpu")),
            found["requests"],
            f"{found['peak_mib']:.0f} (at the start {found['peak_mib_at_start']:.0f})",
        ]
        for found in ran
    ]
    return Result(tables=[Table(columns=columns, rows=rows, caption=caption)], values={"ran": ran})


def _ran(trials: int, workers: int) -> dict[str, Any]:
    """Measures one in a new process, since moto's state and the peak memory belong to the process."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    ran = run_process(
        [sys.executable, "-m", "benchmarks.workers", "--apart", str(trials), str(workers)],
        timeout=TIMEOUT_SECONDS + MOST_SECONDS_EACH * trials,
    )
    shutil.rmtree(FOLDER)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


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
            "workers": workers,
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
    trials, workers = map(int, arguments)
    for table in measured([(trials, workers)]).tables:
        print(table.markdown())


if __name__ == "__main__":
    main(sys.argv[1:])
