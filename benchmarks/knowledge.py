"""What the model knew when it was asked, and how long what it proposed trained: on the tables of `benchmarks.tables`.

A free-running search with one worker knows the outcomes of all trials before the one that it asks for, and is otherwise
the same. So its regret is what nine workers would have if no outcome were missing when they ask.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import fmean, geometric_mean

import optuna

from benchmarks.results import Result, Table
from benchmarks.tables import (
    MACHINES,
    NAMES,
    QUICK,
    TABLES,
    TRIALS,
    End,
    Measured,
    freely,
    in_rounds,
    of_optuna,
    optunas,
)
from stepsweep.contract.search import STARTUP

EXPECTED_SECONDS = 1200

RANDOM, ROUNDS, FREE, OPTUNA = NAMES
ALL_KNOWN = "TPE, one worker: knows all before"

SEARCHES: dict[str, Callable[[Measured, int], list[End]]] = {
    RANDOM: lambda table, seed: freely(table, seed=seed, method="random", trials=TRIALS),
    ROUNDS: lambda table, seed: in_rounds(table, seed=seed, trials=TRIALS),
    FREE: lambda table, seed: freely(table, seed=seed, method="tpe", trials=TRIALS),
    OPTUNA: lambda table, seed: of_optuna(table, sampler=optunas(seed), until=0),
    ALL_KNOWN: lambda table, seed: freely(table, seed=seed, method="tpe", trials=TRIALS, workers=1),
}

BEST = 0.01
"""The share of a table's cells that count as its best."""

ASKED = (20, 40, 60)
"""At which params the outcomes known are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The first `TRIALS` trials of a search.

    Attributes:
        known: how many outcomes were known when each of them was proposed.
        seconds: that one of them trained, on average.
        clock: seconds until the last of them had ended.
        different: how many of them have other params than those before.
    """

    regret: float
    known: Sequence[int]
    seconds: float
    clock: float
    different: int

    @classmethod
    def of(cls, table: Measured, ended: Sequence[End]) -> "Searched":
        first = sorted((end for end in ended if end.number < TRIALS), key=lambda end: end.number)
        return cls(
            regret=table.regret(min(end.value for end in first)),
            # A trial begins at the moment at which others end.
            known=[sum(each.at <= (end.at - end.seconds) + 1e-9 * end.at for each in ended) for end in first],
            seconds=fmean(end.seconds for end in first),
            clock=max(end.at for end in first),
            different=len({(end.value, end.seconds) for end in first}),
        )


Found = dict[tuple[str, int], dict[str, Searched]]
"""By table and seed, and by the name of the search."""


def run(*, quick: bool) -> Result:
    asked = [(kind, name) for kind, names in (QUICK if quick else TABLES).items() for name in names]
    seeds = range(2 if quick else 8)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        works = {(name, seed): pool.submit(searched, kind, name, seed) for seed in seeds for kind, name in asked}
        found = {key: work.result() for key, work in works.items()}
    times = [_of_table(found, Measured.of(kind, name), name) for kind, name in asked]
    columns = ["table", f"best {BEST:.0%} of the cells", RANDOM, FREE, OPTUNA, ALL_KNOWN]
    caption = "By table: how long a trial trains, as a multiple of the mean of all cells."
    by_table = Table(columns=columns, rows=times, caption=caption)
    values = {
        f"{table}, seed {seed}": {
            name: [each.regret, *(each.known[number - 1] for number in ASKED)] for name, each in of.items()
        }
        for (table, seed), of in found.items()
    }
    return Result(tables=[_of_searches(found), by_table], values=values)


def searched(kind: str, name: str, seed: int) -> dict[str, Searched]:
    """Runs all searches on a table with a seed, in a process of its own."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = Measured.of(kind, name)
    return {search: Searched.of(table, run(table, seed)) for search, run in SEARCHES.items()}


def _of_searches(found: Found) -> Table:
    def mean(which: Callable[[Searched], float], name: str, digits: int) -> str:
        return f"{fmean(which(of[name]) for of in found.values()):.{digits}f}"

    rows = []
    for name in SEARCHES:
        against = [(of[name], of[OPTUNA]) for of in found.values()]
        rows.append(
            [
                name,
                mean(lambda each: each.regret, name, 3),
                *(mean(lambda each, number=number: each.known[number - 1], name, 0) for number in ASKED),  # type: ignore[misc]
                mean(lambda each: sum(number < STARTUP for number in each.known), name, 0),
                mean(lambda each: each.different, name, 0),
                f"{geometric_mean(mine.seconds / other.seconds for mine, other in against):.2f}",
                f"{_busy(each for each, _ in against):.0%}" if name != ALL_KNOWN else "",
            ]
        )
    tables, seeds = ({key[part] for key in found} for part in (0, 1))
    caption = (
        f"{len(tables)} public tables, {MACHINES} machines, {len(seeds)} seeds, the first {TRIALS} trials of each "
        "search: the regret; the outcomes that were known when the params of that number were asked for; how many were "
        f"asked for with fewer than {STARTUP} known; how many differ; how long one trains, as a multiple of Optuna's; "
        "and how busy the machines were until the last one had ended (geometric means of the last two)."
    )
    columns = [
        "search", "regret", *(f"known at the {number}th" for number in ASKED), f"fewer than {STARTUP}", "different",
        "training / Optuna", "machines busy",
    ]  # fmt: skip
    return Table(columns=columns, rows=rows, caption=caption)


def _busy(of: Iterable[Searched]) -> float:
    return geometric_mean(TRIALS * each.seconds / (MACHINES * each.clock) for each in of)


def _of_table(found: Found, table: Measured, name: str) -> list[str]:
    cells = sorted(table.cells.values(), key=lambda cell: cell.value)
    mean = fmean(cell.seconds for cell in cells)
    best = fmean(cell.seconds for cell in cells[: max(1, round(BEST * len(cells)))])
    trials = (
        fmean(of[search].seconds for (other, _), of in found.items() if other == name)
        for search in (RANDOM, FREE, OPTUNA, ALL_KNOWN)
    )
    return [name, *(f"{seconds / mean:.2f}" for seconds in (best, *trials))]
