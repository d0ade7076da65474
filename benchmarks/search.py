"""Compares searches on recorded learning curves: their cost and winner, the effect of rungs and patience, and other
tools.

The curves were trained once, to the last epoch (`benchmarks.search_curves`). The real planner, sampler and reducer
replay each search (`benchmarks.replay`); other tools run their own code on the same curves. So all searches get the
same numbers, and need no training.
"""

import json
import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna

from benchmarks import peers
from benchmarks.replay import CURVES, Cloud, Curves, Found, recorded
from benchmarks.results import Result, Table
from stepsweep.contract import rounds
from stepsweep.contract.halving import DEFAULT_FACTOR, default_min_epochs
from stepsweep.contract.space import Value
from stepsweep.contract.spec import SweepSpec

EXPECTED_SECONDS = 360
FILE = CURVES / "fashion-mnist-384.csv"

RUNGS = {"min_epochs": 3, "factor": 3}
"""Rungs of the comparison with other tools: 3, 9 and 27 epochs for all."""
PATIENCE = 5
RANDOM = {"method": "random", "trials": 15}
TPE = {"method": "tpe", "trials": 15, "batch": 9}
BUDGETS = (0.125, 0.25, 0.5)
"""Budgets of that comparison, as shares of the whole grid's epochs."""


def run(*, quick: bool) -> Result:
    curves = recorded(FILE)
    every = Compared(curves, Cloud(curves), repetitions=2 if quick else 5)
    tables = [every.methods(), every.rungs(quick=quick), every.others(quick=quick)]
    return Result(tables=tables, values={"curves": dict(curves.about), "recorded_seeds": curves.seeds})


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A summary of many searches of one kind.

    Attributes:
        epochs: mean epochs per search.
        accuracy: mean accuracy of the winners.
        reached: share of searches whose winner is at most one standard error below the grid's.
    """

    epochs: float
    accuracy: float
    reached: float


class Compared:
    """All comparisons on the same curves.

    Args:
        repetitions: number of searches per recorded seed, for searches that depend on chance.
    """

    def __init__(self, curves: Curves, replayed: Cloud, *, repetitions: int) -> None:
        self._curves = curves
        self._replayed = replayed
        self._seeds = curves.seeds
        self._many = range(len(self._seeds) * repetitions)
        self._images = int(curves.about["validation_images"])
        self._grid = self._sweeps(self._seeds, patience=0)
        best = replayed.sweep(seed=0, patience=0, repeats=len(self._seeds))
        self._best = best.accuracy
        self._best_params = best.params
        self._error = math.sqrt(self._best * (1 - self._best) / self._images)

    def methods(self) -> Table:
        """Every method, with and without halving."""
        kinds: dict[str, tuple[Sequence[int], dict[str, Any]]] = {
            "grid": (self._seeds, {}),
            "random, 15 trials": (self._many, {"search": RANDOM}),
            "TPE, 15 trials, 9 and 6": (self._many, {"search": TPE}),
        }
        halving = {"min_epochs": default_min_epochs(self._curves.epochs), "factor": DEFAULT_FACTOR}
        rows = []
        for (name, (seeds, fields)), (saves, more, patience) in product(
            kinds.items(),
            [
                ("", {}, 0),
                (f", patience {PATIENCE}", {}, PATIENCE),
                (", halving", {"halving": halving}, 0),
                (f", halving, patience {PATIENCE}", {"halving": halving}, PATIENCE),
            ],
        ):
            found = self._summary(self._sweeps(seeds, patience=patience, **fields, **more))
            rows.append([f"{name}{saves}", str(len(seeds)), *self._cells(found)])
        caption = (
            f"{self._described()} The winner of the grid over all seeds is {_shown(self._best_params)}, with a mean "
            f"accuracy of {self._best:.4f} and a standard error of {self._error:.4f} (`sqrt(p(1-p)/n)`, "
            f"n = {self._images:,}). Halving is the default, {json.dumps(halving)}. Accuracy is that of the winner's "
            "params: the mean over all seeds of the best epoch, averaged over the searches. Reached is the share of "
            "searches whose winner is at most one standard error below the grid's."
        )
        columns = ["search", "searches", "epochs", "of the grid's", "accuracy", "reached"]
        return Table(columns=columns, rows=rows, caption=caption)

    def rungs(self, *, quick: bool) -> Table:
        """The grid with every first rung, factor and patience."""
        rows = []
        for first, factor in product((1, 2, 3, 6), (2, 3, 4)):
            halving = {"min_epochs": first, "factor": factor}
            row = [f"{first}, factor {factor}"]
            for patience in (0, 5) if quick else (0, 3, 5, 8):
                found = self._summary(self._sweeps(self._seeds, patience=patience, halving=halving))
                row.append(f"{self._share(found)} · {self._points(found)} · {found.reached:.0%}")
            rows.append(row)
        row = ["no halving"]
        for patience in (0, 5) if quick else (0, 3, 5, 8):
            found = self._summary(self._sweeps(self._seeds, patience=patience))
            row.append(f"{self._share(found)} · {self._points(found)} · {found.reached:.0%}")
        columns = [
            "first rung",
            *(f"patience {patience or 'none'}" for patience in ((0, 5) if quick else (0, 3, 5, 8))),
        ]
        caption = (
            "The same grid with other rungs and patience: epochs as a share of the grid's · mean difference of the "
            f"winner's accuracy to the grid's, in points (standard error {100 * self._error:.1f}) · reached, of "
            f"{len(self._seeds)} searches, one per recorded seed."
        )
        return Table(columns=columns, rows=[row, *rows], caption=caption)

    def others(self, *, quick: bool) -> Table:
        """stepsweep, Optuna and Ray Tune with as many epochs."""
        whole = sum(found.epochs for found in self._grid) / len(self._grid)
        budgets = [round(whole * share) for share in BUDGETS]
        rows = []
        for name, search in (("random", {"method": "random"}), ("TPE", {"method": "tpe", "batch": 9})):
            cells = []
            for budget in budgets:
                fields = self._fitting(search, budget)
                found = self._sweeps(self._many, patience=0, **fields)
                cells.append(self._cell([(each.accuracy, each.epochs) for each in found]))
            rows.append([f"stepsweep, {name} with halving", str(len(self._many)), *cells])
        for name, pruner in (
            (
                "SuccessiveHalvingPruner",
                lambda: optuna.pruners.SuccessiveHalvingPruner(
                    min_resource=RUNGS["min_epochs"], reduction_factor=RUNGS["factor"]
                ),
            ),
            (
                "HyperbandPruner",
                lambda: optuna.pruners.HyperbandPruner(
                    min_resource=RUNGS["min_epochs"],
                    max_resource=self._curves.epochs,
                    reduction_factor=RUNGS["factor"],
                ),
            ),
        ):
            traces = [list(_optuna(self._curves, seed, pruner(), budgets[-1])) for seed in self._many]
            cells = [self._cell([self._best_of(trace[:budget]) for trace in traces]) for budget in budgets]
            rows.append([f"Optuna, TPE with {name}", str(len(traces)), *cells])
        asha = list(self._asha(budgets, repetitions=1 if quick else 2))
        cells = [self._cell([answer[place] for answer in asha]) for place in range(len(budgets))]
        rows.append(["Ray Tune, ASHA", str(len(asha)), *cells])
        caption = (
            "Other tools on the same curves, with the same budgets of epochs and their own code: the accuracy of the "
            "winner's params, as above but within their trained epochs, and in brackets the epochs spent. All have "
            "rungs of 3, 9 and 27 epochs; stepsweep has as many trials as fit the budget. Optuna runs one trial at a "
            "time and learns from each; Ray runs two at a time; stepsweep runs all trials of a round at once."
        )
        columns = ["", "searches", *(f"{share:.1%} of the grid's epochs" for share in BUDGETS)]
        return Table(columns=columns, rows=rows, caption=caption)

    def _described(self) -> str:
        about, parameters = self._curves.about, self._curves.parameters
        cells = math.prod(map(len, parameters.values()))
        return (
            f"{cells} cells (lr {_listed(parameters['lr'])} by momentum {_listed(parameters['momentum'])}), each "
            f"trained for {about['epochs']} epochs with {len(self._seeds)} seeds, on {about['train_images']} images of "
            f"Fashion-MNIST with {self._images:,} for validation (recorded with torch {about['torch']}, 1 thread, "
            f"{about['cores']} cores)."
        )

    def _sweeps(self, seeds: Sequence[int], *, patience: int, **fields: Any) -> list[Found]:
        return [self._replayed.sweep(seed=seed, patience=patience, **fields) for seed in seeds]

    def _summary(self, found: Sequence[Found]) -> Summary:
        return Summary(
            epochs=fmean(each.epochs for each in found),
            accuracy=fmean(each.accuracy for each in found),
            reached=fmean(self._is_reached(each.accuracy) for each in found),
        )

    def _is_reached(self, accuracy: float) -> bool:
        return accuracy >= self._best - self._error

    def _share(self, found: Summary) -> str:
        return f"{found.epochs / fmean(each.epochs for each in self._grid):.0%}"

    def _points(self, found: Summary) -> str:
        return f"{100 * (found.accuracy - self._best):+.1f}"

    def _cells(self, found: Summary) -> list[str]:
        return [f"{found.epochs:.0f}", self._share(found), f"{found.accuracy:.4f}", f"{found.reached:.0%}"]

    def _cell(self, found: Sequence[tuple[float, float]]) -> str:
        accuracy, epochs = (fmean(each[place] for each in found) for place in (0, 1))
        return f"{accuracy:.4f} ({epochs:.0f})"

    def _fitting(self, search: Mapping[str, Any], budget: int) -> dict[str, Any]:
        """Returns the search with the most trials that fit the budget, by the plan's own schedule."""
        parameters = self._curves.parameters
        for trials in range(math.prod(map(len, parameters.values())), 0, -1):
            fields = {"search": {**search, "trials": trials}, "halving": RUNGS}
            spec = SweepSpec.from_json({"parameters": parameters, "epochs": self._curves.epochs, "name": "s", **fields})
            if sum(each.epochs for each in rounds.schedule(spec)) <= budget:
                return fields
        raise ValueError(f"no trial fits {budget} epochs")

    def _best_of(self, trace: Sequence[tuple[dict[str, Value], int, float]]) -> tuple[float, float]:
        """Returns the accuracy and epochs of the best params that a search saw within its budget."""
        params, _, _ = max(trace, key=lambda told: told[2])
        epochs = max(epoch for other, epoch, _ in trace if other == params)
        return self._curves.accuracy(params, epochs=epochs, patience=0), len(trace)

    def _asha(self, budgets: Sequence[int], *, repetitions: int) -> Iterator[list[tuple[float, float]]]:
        for seed in self._seeds:
            cells = [
                {
                    "params": {"lr": lr, "momentum": momentum},
                    "values": [row.val_accuracy for row in rows if row.finite],
                }
                for ((lr, momentum), of_seed), rows in self._curves.rows.items()
                if of_seed == seed
            ]
            request = {
                "curves": cells, "epochs": self._curves.epochs, "budgets": budgets,
                "grace_period": RUNGS["min_epochs"], "factor": RUNGS["factor"],
                "seeds": [*range(repetitions)], "at_once": 2,
            }  # fmt: skip
            script = Path(__file__).with_name("ray_asha.py")
            ended = subprocess.run(
                [peers.python(), script], input=json.dumps(request), stdout=subprocess.PIPE, text=True, check=True
            )
            for answer in json.loads(ended.stdout.splitlines()[-1]):
                yield [
                    (self._curves.accuracy(each["params"], epochs=each["epochs"], patience=0), each["spent"])
                    for each in answer
                ]


def _optuna(
    curves: Curves, seed: int, pruner: optuna.pruners.BasePruner, budget: int
) -> Iterator[tuple[dict[str, Value], int, float]]:
    """Yields what Optuna's own search reports, one epoch at a time, until the budget is spent."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=9), pruner=pruner
    )
    spent = 0
    while spent < budget:
        trial = study.ask()
        params = {
            name: values[trial.suggest_int(name, 0, len(values) - 1)] for name, values in curves.parameters.items()
        }
        best, state = 0.0, optuna.trial.TrialState.COMPLETE
        for row in curves.training(params, seed, epochs=curves.epochs, patience=0):
            spent += 1
            if not row.finite:
                state = optuna.trial.TrialState.PRUNED
                break
            best = max(best, row.val_accuracy)
            yield params, row.epoch, row.val_accuracy
            trial.report(row.val_accuracy, row.epoch)
            if trial.should_prune():
                state = optuna.trial.TrialState.PRUNED
                break
        study.tell(trial, best if state is optuna.trial.TrialState.COMPLETE else None, state=state)


def _listed(values: Sequence[Value]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _shown(params: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} {value}" for name, value in params.items())
