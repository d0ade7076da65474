"""Measures contenders in turns, and summarizes them as medians and ratios."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".stepsweep" / "bench"
"""Folder for files and installations of benchmarks."""
TIMEOUT_SECONDS = 900
"""Timeout of one process, so that a hanging one does not block the other benchmarks."""


def alternating(contenders: Mapping[str, Callable[[], float]], *, repetitions: int) -> dict[str, list[float]]:
    """Runs all contenders once per turn, in reverse order every second turn. Returns their values, one per turn."""
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(repetitions):
        for name in list(contenders) if turn % 2 == 0 else reversed(list(contenders)):
            print(f"  turn {turn + 1}/{repetitions}: {name} …", end="", flush=True)
            values[name].append(contenders[name]())
            print(f" {values[name][-1]:.4g}", flush=True)
    return values


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """Returns the median of the ratios within each turn, in which common effects cancel out."""
    return median(one / other for one, other in zip(slower, faster, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished process.

    Attributes:
        cpu_seconds: CPU time of the process and of the children that it waited for.
    """

    seconds: float
    cpu_seconds: float
    stdout: str


def run_process(
    arguments: Sequence[str], *, environment: Mapping[str, str] | None = None, timeout: float = TIMEOUT_SECONDS
) -> Run:
    """Runs a command in the repository's root. If it fails, raises an error with its output."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        arguments,
        cwd=ROOT,
        env=dict(environment or os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        raise subprocess.CalledProcessError(done.returncode, list(arguments))
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds=seconds, cpu_seconds=cpu_seconds, stdout=done.stdout)
