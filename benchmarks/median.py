"""What `stop.median` saves and what it costs, on recorded curves: epochs spent, and how often it ends the best trial.

The 72 trials of `benchmarks.search_curves` (24 cells with three seeds each) run in orders of chance, on a virtual
clock, with the rule's own functions. Each trial has the medians that were in force when it started.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

from benchmarks.replay import CURVES, Curves, recorded
from benchmarks.results import Result, Table
from stepsweep.contract.median import MedianRule, averages, verdict
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.objective import Objective

EXPECTED_SECONDS = 120

MACHINES = (4, 16)
MIN_EPOCHS = (1, 2, 5, 9)
ORDERS = 1_000
SPREAD = 0.5
"""Of the paces: the standard deviation of their logarithm."""
OBJECTIVE = Objective()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A recorded training.

    Attributes:
        best: its best value; None if it diverged.
    """

    metrics: Metrics
    best: float | None
    averages: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found.

    Attributes:
        spent: epochs, as a share of those without the rule.
        lost: how much better the best trial is than the one that won.
    """

    spent: float
    lost: float


def run(*, quick: bool) -> Result:
    curves = recorded(CURVES / "fashion-mnist-384.csv")
    orders = 20 if quick else ORDERS
    rows: list[list[str]] = []
    values: dict[str, tuple[float, ...]] = {}
    for machines in MACHINES:
        for least in MIN_EPOCHS:
            rule = MedianRule(min_epochs=least)
            trials = _trials(curves, rule)
            found = [_searched(trials, rule, machines, curves.epochs, order) for order in range(orders)]
            ended = sum(each.lost > 0 for each in found)
            spent, share, lost, most = values[f"{machines} machines, min_epochs {least}"] = (
                fmean(each.spent for each in found),
                ended / orders,
                fmean(each.lost for each in found),
                max(each.lost for each in found),
            )
            rows.append([str(machines), str(least), f"{spent:.0%}", f"{share:.1%}", f"{lost:.4f}", f"{most:.4f}"])
        print(f"  {machines} machines", flush=True)
    caption = (
        f"{len(curves.rows)} recorded trials of {curves.epochs} epochs in {orders:,} orders of chance, with paces of "
        f"chance (spread {SPREAD}) and `min_trials` {MedianRule(min_epochs=1).min_trials}. Epochs spent, as a share of "
        "those without the rule; the share of orders in which another trial than the best one won, since the rule had "
        "ended that; by how much the winner's accuracy was lower then, on average over all orders, and at most."
    )
    columns = ["machines", "min_epochs", "epochs spent", "best trial ended", "accuracy lost", "at most"]
    return Result(tables=[Table(columns=columns, rows=rows, caption=caption)], values=values)


def _trials(curves: Curves, rule: MedianRule) -> list[Trial]:
    trials = []
    for key in sorted(curves.rows, key=str):
        rows = curves.rows[key]
        columns = {
            "epoch": [float(row.epoch) for row in rows],
            OBJECTIVE.metric: [row.val_accuracy if row.finite else math.nan for row in rows],
        }
        metrics = Metrics(columns=columns)
        diverged = not rows[-1].finite
        best = None if diverged else max(row.val_accuracy for row in rows)
        found = {} if diverged else averages(metrics, OBJECTIVE, rule.judged(curves.epochs))
        trials.append(Trial(metrics=metrics, best=best, averages=found))
    return trials


def _searched(trials: Sequence[Trial], rule: MedianRule, machines: int, epochs: int, order: int) -> Found:
    random = Random(order)  # noqa: S311  no secret
    waiting = [(trial, math.exp(random.gauss(0, SPREAD))) for trial in random.sample(list(trials), len(trials))]
    running: list[tuple[float, int, Trial, bool]] = []
    completed: list[Mapping[int, float]] = []
    won: list[float] = []
    clock, spent = 0.0, 0
    for number, (trial, pace) in enumerate(waiting):
        if len(running) == machines:
            clock = _end(running, completed, won)
        ended = verdict(trial.metrics, OBJECTIVE, rule.medians(completed, OBJECTIVE, epochs))
        # Its values are known for good when the next epoch begins to print its own: one more epoch at most.
        trained = min(ended.epoch + 1, trial.metrics.epochs) if ended else trial.metrics.epochs
        spent += trained
        heapq.heappush(running, (clock + pace * trained, number, trial, ended is None))
    while running:
        _end(running, completed, won)
    whole = sum(trial.metrics.epochs for trial in trials)
    best = max(trial.best for trial in trials if trial.best is not None)
    return Found(spent=spent / whole, lost=best - max(won))


def _end(
    running: list[tuple[float, int, Trial, bool]], completed: list[Mapping[int, float]], won: list[float]
) -> float:
    """Ends the trial that is over first, and returns when that is."""
    clock, _, trial, is_complete = heapq.heappop(running)
    if is_complete and trial.best is not None:
        completed.append(trial.averages)
        won.append(trial.best)
    return clock
