"""What is done to sweeps: a list that pytest and `make faults` run alike."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of a case.

    Attributes:
        attempts: of all jobs of its sweep, until the promises were checked.
        promises: of each promise, by its number, how many things were checked.
    """

    attempts: int
    promises: dict[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault, and a sweep that meets it.

    Attributes:
        injected: what happens, for people.
        run: does it to a sweep of the name that it is given, and returns the sweep's spec once it has ended.
        is_slow: takes longer than CI has time for; `make faults` runs it.
        not_here: returns why it cannot be run on this machine; nothing where it can.
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
        AssertionError: a promise does not hold, or what the case itself expects.
    """
    sweep = re.sub("[^a-z0-9]+", "-", case.name.lower())
    spec = case.run(world, sweep)
    attempts = len(world.attempts(sweep))
    return Ran(attempts=attempts, promises=world.check(spec))
