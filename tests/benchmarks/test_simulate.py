"""The virtual clock, its machines, and sweeps on it, counted by hand."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.clock import Behaviour, Clock, Machines
from benchmarks.simulate import spec_of
from benchmarks.virtual import Sweep, Training, Waits


def ran(most: int, jobs: list[float], **behaviour: Any) -> tuple[Machines, list[float]]:
    """Returns machines that have ended, and when each job did."""
    machines = Machines(Clock(), most, Behaviour(**behaviour))
    ends: list[float] = []
    for seconds in jobs:
        machines.submit(seconds, lambda _: ends.append(machines.clock.now))
    machines.clock.run()
    return machines, ends


def test_a_machine_boots_runs_what_waits_idles_and_ends() -> None:
    machines, ends = ran(2, [10, 20, 30], boot=lambda: 5.0, start=lambda: 1.0, idle=lambda: 7.0)
    assert ends == [16, 26, 47]
    assert (machines.starts, machines.seconds) == (2, (47 + 7) + (26 + 7))
    assert machines.are_gone


def test_no_more_machines_start_than_jobs_wait() -> None:
    machines, _ = ran(9, [10, 20], boot=lambda: 5.0, idle=lambda: 1.0)
    assert machines.starts == 2


def test_a_lost_machine_s_job_goes_on_from_its_checkpoint_elsewhere() -> None:
    lives = iter([25.0, math.inf])
    machines, ends = ran(1, [40], boot=lambda: 5.0, lost=lambda: next(lives), idle=lambda: 1.0, checkpoint=6.0)
    # 20 seconds have run, of which 18 count.
    assert ends == [25 + 5 + 22]
    assert (machines.losses, machines.starts) == (1, 2)


def trained(options: Mapping[str, str]) -> Training:
    rows = [{"epoch": epoch, "val_accuracy": float(options["lr"])} for epoch in range(1, int(options["epochs"]) + 1)]
    return Training(rows=rows, seconds=100.0)


@pytest.mark.parametrize("rounds", [True, False])
def test_a_search_runs_by_the_real_functions_and_takes_what_its_machines_take(rounds: bool) -> None:
    grid: dict[str, Any] = {"parameters": {"lr": [0.1, 0.2, 0.3, 0.4]}, "search": "grid", "epochs": 3, "rounds": rounds}
    machines = Machines(Clock(), 2, Behaviour(boot=lambda: 50.0, idle=lambda: 10.0))
    waits = Waits(between=lambda: 7.0, ask=lambda: 3.0)
    sweep = Sweep(spec_of(4, **grid), machines, trained, waits=waits).run()
    assert sweep.output["winner"]["params"] == {"lr": 0.4}
    assert sweep.output["cost"]["job_seconds"] == 400
    # A free-running worker asks after each of its two trials.
    assert machines.clock.now == (50 + 200 + 7 if rounds else 50 + 2 * (100 + 3) + 7)
