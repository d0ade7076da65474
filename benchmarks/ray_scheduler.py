"""Runs Ray Tune's ASHA scheduler on a virtual clock: `python ray_scheduler.py < request.json`, for benchmarks/asha.py.

It runs in the virtual environment of benchmarks/peers.py, so it imports nothing from this repository. The scheduler is
Ray's own; no cluster is started.

The request is `{"trials": [{"values": [one per epoch, …], "pace": seconds per epoch}, …], "machines": [4, …],
"epochs": 27, "grace_period": 3, "factor": 3}`. The answer has, for each number of machines, `{"clock": seconds,
"epochs": trained, "reached": [epochs of each trial]}`.
"""

import heapq
import json
import sys
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler


def main() -> None:
    asked = json.load(sys.stdin)
    json.dump([searched(asked, machines) for machines in asked["machines"]], sys.stdout)


def searched(asked: dict[str, Any], machines: int) -> dict[str, Any]:
    """Trains the trials in their order; a machine takes the next one when its own stops."""
    scheduler = AsyncHyperBandScheduler(
        time_attr="training_iteration", metric="value", mode="max",
        max_t=asked["epochs"], grace_period=asked["grace_period"], reduction_factor=asked["factor"],
    )  # fmt: skip
    trials, clock, following = asked["trials"], 0.0, 0
    reached = [0] * len(trials)
    running: list[tuple[float, int]] = []
    handles = [SimpleNamespace(trial_id=str(number)) for number in range(len(trials))]
    while running or following < len(trials):
        while len(running) < machines and following < len(trials):
            scheduler.on_trial_add(None, handles[following])
            heapq.heappush(running, (clock + trials[following]["pace"], following))
            following += 1
        clock, number = heapq.heappop(running)
        reached[number] += 1
        trial = trials[number]
        result = {"training_iteration": reached[number], "value": trial["values"][reached[number] - 1]}
        if reached[number] == len(trial["values"]):
            scheduler.on_trial_complete(None, handles[number], result)
        elif scheduler.on_trial_result(None, handles[number], result) == TrialScheduler.CONTINUE:
            heapq.heappush(running, (clock + trial["pace"], number))
    return {"clock": clock, "epochs": sum(reached), "reached": reached}


if __name__ == "__main__":
    main()
