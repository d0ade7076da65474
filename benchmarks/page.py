"""Measures the page of `sweep ui` in a browser, up to the most trials that a sweep may have.

It needs a browser (tests/support/browser.py). `python -m benchmarks.page MINUTES` follows a running sweep for so long,
and prints the memory of the page's server. `python -m benchmarks.page --server TRIALS` needs none: it prints the
server's answers about a finished sweep, with its memory after each.
"""

import math
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.results import Result, Table
from benchmarks.timing import WORK
from tests.support.browser import Browser, browser
from tests.support.embedded import SCRIPTED, keep_template
from tests.support.recorded import RecordedCloud
from tests.support.ui import Page, served

EXPECTED_SECONDS = 240

SIZES = (10, 1_000, 10_000)
REPETITIONS = 10
PATIENCE_SECONDS = 120.0

PAINTED = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
FILLED = "return document.querySelector('#trials tbody tr') ? performance.now() : null"
FILTERED = """
const box = document.getElementById('filter');
const began = performance.now();
box.value = 'number>5';
box.dispatchEvent(new Event('input'));
document.body.getBoundingClientRect();
return performance.now() - began;
"""


UPDATED = """
const fresh = JSON.parse(arguments[0]);
fresh.trials.value[0] = (fresh.trials.value[0] ?? 0) + 0.001 * arguments[1];
const began = performance.now();
SweepPage.update(fresh);
document.body.getBoundingClientRect();
return performance.now() - began;
"""
"""One value has changed, which is a point in each chart of values."""
FOLLOWED_TRIALS = 5_000
FOLLOWED = """
parameters: {{lr: {{low: 0.001, high: 1.0, log: true}}, momentum: {{low: 0.0, high: 0.99}}}}
search: {{method: random, trials: {trials}}}
epochs: 20
fixed: {{sleep: {sleep}}}
"""


MEASURED = ("first_byte", "first_paint", "leaderboard", "data", "filter", "update")


def run(*, quick: bool) -> Result:
    sizes = (10,) if quick else SIZES
    repetitions = 2 if quick else REPETITIONS
    folder = WORK / "page"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for trials in sizes:
        print(f"  {trials:,} trials are recorded …", flush=True)
        recorded(folder, trials)
    with served(folder, "--dir", "cloud") as page, browser(folder / "profile") as opened:
        opened.open(page.address)
        found = [_measured(page, opened, trials, repetitions) for trials in sizes]
    shutil.rmtree(folder)
    return Result(tables=[_table(found, repetitions)], values={"page": found})


def _table(found: Sequence[dict[str, Any]], repetitions: int) -> Table:
    def shown(each: dict[str, Any], name: str) -> str:
        first, *others = each[name]
        return f"{first:,.0f} / {median(others):,.0f}"

    return Table(
        caption=(
            f"A finished sweep in headless Chromium, in ms: the first time after the server's start / the median of "
            f"{repetitions} further times. The leaderboard is there when its first rows are. The filter's time is the "
            "script's, with layout. An update is of one value. Server and browser share the cores."
        ),
        columns=("trials", "first byte", "first paint", "leaderboard", "data", "filter", "update", "data, MB"),
        rows=[
            (
                f"{each['trials']:,}",
                *(
                    shown(each, name)
                    for name in ("first_byte", "first_paint", "leaderboard", "data", "filter", "update")
                ),
                f"{each['bytes'] / 1e6:.2f}",
            )
            for each in found
        ],
    )


def recorded(folder: Path, trials: int) -> None:
    """Records a finished sweep of so many trials in an embedded cloud that is not up."""
    cloud = RecordedCloud(directory=folder / "cloud")
    name = f"trials-{trials}"
    for number, trial in enumerate(cloud.planned(name, {"number": list(range(trials))}, epochs=10)):
        value = 0.5 + 0.4 * math.sin(number) ** 2
        curve = [value * epoch / 10 for epoch in range(1, 11)]
        cloud.succeeded(name, trial, {"val_loss": curve[::-1], "val_accuracy": curve}, began=number // 16)
    cloud.reduced(name)


def _measured(page: Page, opened: Browser, trials: int, repetitions: int) -> dict[str, Any]:
    name = f"sweeps/trials-{trials}"
    found: dict[str, Any] = {"trials": trials}
    for turn in range(1 + repetitions):
        print(f"  {trials:,} trials, turn {turn}/{repetitions} …", flush=True)
        taken = {"first_byte": 1000 * page.get(name).elapsed.total_seconds()}
        opened.open(page.root + name)
        taken |= {
            "first_paint": _eventually(opened, PAINTED),
            "leaderboard": _eventually(opened, FILLED),
            "filter": float(opened.run(FILTERED)),
        }
        began = time.perf_counter()
        answer = page.get(f"{name}/data")
        taken["data"] = 1000 * (time.perf_counter() - began)
        taken["update"] = float(opened.run(UPDATED, answer.text, 1 + turn))
        found["bytes"] = len(answer.content)
        for what, milliseconds in taken.items():
            found.setdefault(what, []).append(milliseconds)
    return found


def _eventually(opened: Browser, script: str) -> float:
    """Returns the first number that the script returns."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if (value := opened.run(script)) is not None:
            return float(value)
        time.sleep(0.01)
    raise TimeoutError(f"not within {PATIENCE_SECONDS:.0f} s: {script}")


ASKED = ("", "/data", "/jobs", "/importance", "/report")
"""What the page of a sweep asks for, below its address."""


def answers(trials: int) -> None:
    """Asks the server of a finished sweep twice for everything, and prints a table of its answers."""
    folder = WORK / "answers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    recorded(folder, trials)
    rows = []
    with served(folder, "--dir", "cloud") as page:
        server = _server()
        start = server.memory_info().rss / 2**20
        for path in (*ASKED, *ASKED):
            began, before = time.perf_counter(), server.cpu_times()
            answer = page.session.get(f"{page.root}sweeps/trials-{trials}{path}", timeout=PATIENCE_SECONDS)
            answer.raise_for_status()
            seconds, after = time.perf_counter() - began, server.cpu_times()
            of_core = after.user + after.system - before.user - before.system
            rows.append(
                (
                    path or "the page",
                    f"{seconds:.1f}",
                    f"{of_core:.1f}",
                    f"{len(answer.content) / 1e6:.2f}",
                    f"{server.memory_info().rss / 2**20:.0f}",
                )
            )
            print("  ", *rows[-1], flush=True)
    shutil.rmtree(folder)
    table = Table(
        caption=(
            f"The answers about a finished sweep of {trials:,} trials of 10 epochs, one after the other, on "
            f"{psutil.cpu_count()} cores with a load average of {psutil.getloadavg()[2]:.0f}. The server has "
            f"{start:.0f} MiB before the first."
        ),
        columns=("asked for", "s", "s of a core", "MB", "server, MiB"),
        rows=rows,
    )
    print(f"\n{table.markdown()}")


def _server() -> psutil.Process:
    (server,) = (each for each in psutil.Process().children() if "ui" in each.cmdline())
    return server


def follow(minutes: float) -> None:
    """Follows a sweep that runs, with its page open, and prints the memory of the page's server each half minute.

    Its trials sleep, so that it lasts about as long as it is followed.
    """
    sleep = max(0.2, 60 * minutes * (os.cpu_count() or 1) / FOLLOWED_TRIALS)
    folder = WORK / "followed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    keep_template(folder / ".stepsweep", {"trainer": str(SCRIPTED)})
    with (
        served(folder, environment={"STEPSWEEP_TRAINER": str(SCRIPTED)}) as page,
        browser(folder / "profile") as opened,
    ):
        server = _server()
        page.post(
            "start",
            {"spec": FOLLOWED.format(trials=FOLLOWED_TRIALS, sleep=sleep), "name": "followed", "action": "start"},
        )
        opened.open(page.address)
        opened.open(f"{page.root}sweeps/followed")
        began = time.monotonic()
        while (passed := time.monotonic() - began) < 60 * minutes:
            ended = opened.run("return document.querySelectorAll('#trials tbody tr').length")
            mib = server.memory_info().rss / 2**20
            print(f"{passed:6.0f} s  {mib:6.1f} MiB  {ended} rows in the page", flush=True)
            time.sleep(30)
        page.post("sweeps/followed/stop", {})
        _eventually(opened, "return document.querySelector('.badge')?.innerText === 'interrupted' ? 1 : null")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--server", trials]:
            answers(int(trials))
        case _:
            follow(float(sys.argv[1]))
