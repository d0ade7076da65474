"""Compares asynchronous with synchronous halving on recorded curves: epochs, wall clock, and the value reached.

All searches train the same 72 trials (`benchmarks.search_curves`: 24 cells with three seeds each) in the same order, on
a virtual clock. The curves have no times, so each trial gets a pace, drawn once. stepsweep runs its real functions
(`benchmarks.virtual`); Ray Tune and Optuna their own scheduler and pruner.
"""

import heapq
import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import optuna

from benchmarks import peers
from benchmarks.clock import Clock, Machines
from benchmarks.replay import CURVES, Curves, recorded
from benchmarks.results import Result, Table
from benchmarks.virtual import Sweep, Training
from stepsweep.contract.spec import SweepSpec

EXPECTED_SECONDS = 240

MACHINES = (4, 16, 64)
RUNGS = {"min_epochs": 3, "factor": 3}
SPREAD = 0.5
"""Of the paces: the standard deviation of their logarithm. The median is a second per epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A trial of all searches.

    Attributes:
        values: val_accuracy after each epoch, up to divergence.
        pace: seconds per epoch.
        worth: mean best val_accuracy of its params over all recorded seeds.
    """

    values: Sequence[float]
    pace: float
    worth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    clock: float
    epochs: int
    worth: float


def run(*, quick: bool) -> Result:
    curves = recorded(CURVES / "fashion-mnist-384.csv")
    seeds, machines = range(2 if quick else 4), MACHINES[:1] if quick else MACHINES
    found: dict[str, dict[int, list[Found]]] = {}
    for seed in seeds:
        trials = _trials(curves, seed)
        searched = _searched(trials, curves.epochs, machines, seed, with_ray=not quick)
        for name, of in searched.items():
            for number, one in of.items():
                found.setdefault(name, {}).setdefault(number, []).append(one)
        print(f"  seed {seed}", flush=True)
    rows = []
    for number in machines:
        first = found["stepsweep, in rounds"][number]
        for name, by_machines in found.items():
            all_found = by_machines[number]
            cells = (
                f"{fmean(each.epochs for each in all_found):.0f}",
                f"{fmean(one.clock / other.clock for one, other in zip(all_found, first, strict=True)):.2f}",
                f"{fmean(each.worth for each in all_found):.4f}",
            )
            rows.append([f"{number} machines, {name}", *cells])
    trials = _trials(curves, 0)
    best = max(trial.worth for trial in trials)
    caption = (
        f"{len(trials)} trials with rungs of 3, 9 and {curves.epochs} epochs. Means over {len(seeds)} orders and draws "
        f"of paces (spread {SPREAD}): epochs trained, wall clock as a share of that of rounds, and accuracy of the "
        f"winner's params over the recorded seeds (the best have {best:.4f})."
    )
    columns = ["", "epochs", "clock / rounds", "accuracy"]
    values = {
        name: {str(number): [[each.clock, each.epochs, each.worth] for each in of] for number, of in by.items()}
        for name, by in found.items()
    }
    return Result(tables=[Table(columns=columns, rows=rows, caption=caption)], values=values)


def _trials(curves: Curves, seed: int) -> list[Trial]:
    """Returns all trials in an order of chance, each with its pace."""
    random = Random(seed)  # noqa: S311  no secret
    trials = []
    for (lr, momentum), of_seed in sorted(curves.rows, key=str):
        rows = curves.rows[(lr, momentum), of_seed]
        values = [row.val_accuracy for row in rows if row.finite]
        worth = curves.accuracy({"lr": lr, "momentum": momentum}, epochs=curves.epochs, patience=0)
        trials.append(Trial(values=values or [0.1], pace=math.exp(random.gauss(0, SPREAD)), worth=worth))
    random.shuffle(trials)
    return trials


def _searched(
    trials: Sequence[Trial], epochs: int, machines: Sequence[int], seed: int, *, with_ray: bool
) -> dict[str, dict[int, Found]]:
    return {
        "stepsweep, in rounds": {number: _ours(trials, epochs, number, rounds=True) for number in machines},
        "stepsweep, free-running": {number: _ours(trials, epochs, number, rounds=False) for number in machines},
        **({"Ray Tune, ASHA": _ray(trials, epochs, machines)} if with_ray else {}),
        "Optuna, HyperbandPruner": {number: _optuna(trials, epochs, number, seed) for number in machines},
    }


def _ours(trials: Sequence[Trial], epochs: int, machines: int, *, rounds: bool) -> Found:
    """A grid over the numbers of the trials, so that they begin in their order."""
    spec = SweepSpec.from_json(
        {
            "parameters": {"number": list(range(len(trials)))},
            "halving": RUNGS,
            "epochs": epochs,
            "rounds": rounds,
            "name": "s",
        }
    )
    trained: dict[int, int] = {}

    def train(options: Mapping[str, str]) -> Training:
        number = int(options["number"])
        values = trials[number].values[: int(options["epochs"])]
        before, trained[number] = trained.get(number, 0), len(values)
        rows = [{"epoch": epoch, "val_accuracy": value} for epoch, value in enumerate(values, start=1)]
        return Training(rows=rows, seconds=trials[number].pace * (len(values) - before))

    sweep = Sweep(spec, Machines(Clock(), machines), train).run()
    winner = sweep.output["winner"]["params"]["number"]
    return Found(clock=sweep.ended[-1].at, epochs=sum(trained.values()), worth=trials[winner].worth)


def _ray(trials: Sequence[Trial], epochs: int, machines: Sequence[int]) -> dict[int, Found]:
    request = {
        "trials": [{"values": list(each.values), "pace": each.pace} for each in trials],
        "machines": list(machines), "epochs": epochs,
        "grace_period": RUNGS["min_epochs"], "factor": RUNGS["factor"],
    }  # fmt: skip
    script = Path(__file__).with_name("ray_scheduler.py")
    ended = subprocess.run(
        [peers.python(), script], input=json.dumps(request), stdout=subprocess.PIPE, text=True, check=True
    )
    answers: list[dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
    return {
        number: Found(clock=each["clock"], epochs=each["epochs"], worth=_worth(trials, each["reached"]))
        for number, each in zip(machines, answers, strict=True)
    }


def _optuna(trials: Sequence[Trial], epochs: int, machines: int, seed: int) -> Found:
    """As many trials, one after the other on each machine; the pruner decides after each epoch."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.HyperbandPruner(
        min_resource=RUNGS["min_epochs"], max_resource=epochs, reduction_factor=RUNGS["factor"]
    )
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=seed), pruner=pruner)
    reached = [0] * len(trials)
    running: list[tuple[float, int, optuna.Trial]] = []
    clock, following = 0.0, 0
    while running or following < len(trials):
        while len(running) < machines and following < len(trials):
            heapq.heappush(running, (clock + trials[following].pace, following, study.ask()))
            following += 1
        clock, number, told = heapq.heappop(running)
        values = trials[number].values
        reached[number] += 1
        told.report(values[reached[number] - 1], reached[number])
        if reached[number] == len(values):
            study.tell(told, max(values))
        elif told.should_prune():
            study.tell(told, state=optuna.trial.TrialState.PRUNED)
        else:
            heapq.heappush(running, (clock + trials[number].pace, number, told))
    return Found(clock=clock, epochs=sum(reached), worth=_worth(trials, reached))


def _worth(trials: Sequence[Trial], reached: Sequence[int]) -> float:
    """Returns the worth of the trial with the best value after any of its epochs, as these tools choose."""
    seen = [max(trial.values[:epochs]) for trial, epochs in zip(trials, reached, strict=True)]
    return trials[seen.index(max(seen))].worth
