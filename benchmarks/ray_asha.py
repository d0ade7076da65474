"""Runs Ray Tune's ASHA on recorded curves: `python ray_asha.py < request.json > answer.json`, for benchmarks/search.py.

It runs in the virtual environment of benchmarks/peers.py, so it imports nothing from this repository.

The request is `{"curves": [{"params": …, "values": [val_accuracy per epoch, …]}, …], "epochs": 27, "grace_period": 3,
"factor": 3, "budgets": [epochs, …], "seeds": [0, …], "at_once": 2}`. The answer has, per seed, a list of `{"budget",
"params", "epochs"}`: the best params when all trials together have trained the budget, and the epochs of these params.
"""

import json
import os
import random
import sys
from typing import Any

os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # 30 are too few on a busy machine
import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler


class Watch(tune.Callback):  # type: ignore[misc]  # Ray is not installed here
    """Records every reported epoch, in the order in which Ray learns of them."""

    def __init__(self) -> None:
        self.reported: list[tuple[int, int, float]] = []

    def on_trial_result(self, *, trial: Any, result: dict[str, Any], **_: Any) -> None:
        self.reported.append((trial.config["cell"], result["training_iteration"], result["val_accuracy"]))


def train(config: dict[str, Any]) -> None:
    """Reports a recorded curve, one epoch at a time."""
    for value in ray.get(config["curves"])[config["cell"]]["values"]:
        tune.report({"val_accuracy": value})


def main() -> None:
    """Answers the request."""
    asked = json.load(sys.stdin)
    ray.init(num_cpus=asked["at_once"], include_dashboard=False, log_to_driver=False, configure_logging=False)
    curves = ray.put(asked["curves"])
    answer = []
    for seed in asked["seeds"]:
        order = list(range(len(asked["curves"])))
        random.Random(seed).shuffle(order)  # noqa: S311
        watch = Watch()
        tune.Tuner(
            train,
            param_space={"cell": tune.grid_search(order), "curves": curves},
            tune_config=tune.TuneConfig(
                reuse_actors=True,  # otherwise every trial starts a new process, which takes seconds
                metric="val_accuracy",
                mode="max",
                scheduler=ASHAScheduler(
                    max_t=asked["epochs"], grace_period=asked["grace_period"], reduction_factor=asked["factor"]
                ),
            ),
            run_config=tune.RunConfig(callbacks=[watch], verbose=0),
        ).fit()
        answer.append(
            [_best(asked["curves"], watch.reported[:budget]) | {"budget": budget} for budget in asked["budgets"]]
        )
    json.dump(answer, sys.stdout)


def _best(curves: list[dict[str, Any]], reported: list[tuple[int, int, float]]) -> dict[str, Any]:
    cell, _, _ = max(reported, key=lambda report: report[2])
    return {
        "params": curves[cell]["params"],
        "epochs": max(epoch for other, epoch, _ in reported if other == cell),
        "spent": len(reported),
    }


if __name__ == "__main__":
    main()
