"""Sweeps of every kind in one folder, as planner, jobs and reducer leave them."""

from pathlib import Path
from typing import Any

from stepsweep.contract import keys
from tests.support.recorded import RecordedCloud

PLANE = {"lr": [0.1, 0.01, 0.001], "momentum": [0.5, 0.9]}
HALVED = {"lr": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "act": ["relu", "tanh"]}
HALVING: dict[str, Any] = {"halving": {"min_epochs": 1, "factor": 2}}
PAIR = [{"metric": "val_accuracy"}, {"metric": "ms", "direction": "minimize"}]


def recorded_sweeps(directory: Path) -> Path:
    """Writes the sweeps, and returns the folder of their cloud.

    `plane` has a failure and a tie, `again` the same params and another seed, `halved` two rungs, `folded` two folds,
    `pair` two objectives and a note; all of `none` failed; `half` was interrupted, and `begun` before its
    first trial ended.
    """
    cloud = RecordedCloud(directory=directory)
    trials = cloud.planned("plane", PLANE, epochs=2)
    for number, (trial, value) in enumerate(zip(trials, [0.5, 0.9, 0.9, 0.75, None, 0.625], strict=True)):
        if value is None:
            cloud.failed("plane", trial, "ValueError: out of paper\n", began=number)
        else:
            cloud.succeeded("plane", trial, {"val_accuracy": [value - 0.25, value]}, began=number)
    cloud.left(trials[1], {"best.pt": "winner"})
    cloud.left(trials[2], {"best.pt": "tie"})
    cloud.reduced("plane")
    again = cloud.planned("again", PLANE, epochs=2, seed=1, fixed={"dataset": "other"}, fresh=True)
    for trial, value in zip(again, [0.625, 0.9, 0.75, 0.8125, 0.5, 0.5], strict=True):
        cloud.succeeded("again", trial, {"val_accuracy": [value, value / 2]})
    cloud.reduced("again")
    for round_number, epochs in enumerate([1, 2]):
        for trial in cloud.planned("halved", HALVED, epochs=2, round_number=round_number, **HALVING):
            if trial.epochs == epochs:
                lr = float(str(trial.params["lr"]))
                cloud.succeeded("halved", trial, {"val_accuracy": [lr, lr + 0.25][:epochs]}, began=20 * epochs)
        cloud.reduced("halved", round_number=round_number)
    for number, trial in enumerate(cloud.planned("folded", {"lr": [0.1, 0.01]}, epochs=1, folds=2)):
        cloud.succeeded("folded", trial, {"val_accuracy": [0.5 + number / 8]})
    cloud.reduced("folded")
    widths = cloud.planned("pair", {"width": [1, 2, 4]}, epochs=1, objectives=PAIR)
    for trial, accuracy, ms in zip(widths, [0.5, 0.75, 0.7], [1.0, 2.0, 4.0], strict=True):
        cloud.succeeded("pair", trial, {"val_accuracy": [accuracy], "ms": [ms]})
    cloud.reduced("pair")
    note = {"schema": 1, "written_at": "2026-11-29T10:00:00+00:00", "text": "first line\nsecond line"}
    cloud.bucket.put_json(keys.note_key("pair"), note)
    for trial in cloud.planned("none", {"lr": [0.1, 0.01]}, epochs=1):
        cloud.failed("none", trial, "no\n")
    cloud.reduced("none")
    first, second, _ = cloud.planned("half", {"lr": [0.3, 0.2, 0.4]}, epochs=1)
    cloud.succeeded("half", first, {"val_accuracy": [0.5]})
    cloud.failed("half", second, "no\n")
    cloud.planned("begun", {"lr": [0.1, 0.01]}, epochs=1)
    return directory
