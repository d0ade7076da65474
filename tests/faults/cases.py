"""The faults injected into sweeps; pytest and `make faults` run the same list."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The result of a case.

    Attributes:
        attempts: number of attempts of all jobs of its sweep before the promises were checked.
        promises: promise's number → how many things were checked for it.
    """

    attempts: int
    promises: dict[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault, and a sweep that suffers it.

    Attributes:
        injected: describes the fault.
        run: injects it into a sweep with the given name, and returns the sweep's spec after its end.
        is_slow: too slow for CI; only `make faults` runs it.
        not_here: returns why it cannot run on this machine; an empty text if it can.
    """

    name: str
    injected: str
    run: Callable[[World, str], dict[str, Any]]
    is_slow: bool = False
    not_here: Callable[[], str] = str


def all_cases() -> list[Case]:
    """Returns every case, in the order of the table."""
    from tests.faults import calls, clouds, jobs, life

    return [*jobs.CASES, *calls.CASES, *clouds.CASES, *life.CASES]


def run(case: Case, world: World) -> Ran:
    """Runs a case and checks the promises after it.

    Raises:
        AssertionError: a promise is broken, or an expectation of the case.
    """
    sweep = re.sub("[^a-z0-9]+", "-", case.name.lower())
    spec = case.run(world, sweep)
    attempts = len(world.attempts(sweep))
    return Ran(attempts=attempts, promises=world.check(spec))
