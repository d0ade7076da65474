"""The bill of a sweep on AWS, in advance: hours and USD as ranges, with all that machines cost beside the trials.

Pure functions. What nobody can know in advance is a range in `contract.assumed`. `benchmarks/simulate.py` runs the real
functions on machines that behave as assumed there, and compares.

The high end is a bound: each machine boots, pulls the image and idles once a round, or once in a free-running search,
and every job waits for its machine as long as is assumed. At the low end each machine boots once. Trials that stop
early cost less than either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from stepsweep.contract import assumed
from stepsweep.contract.assumed import Span
from stepsweep.contract.fleet import HOUR, Fleet
from stepsweep.contract.rounds import schedule
from stepsweep.contract.search import DEFAULT_BATCH, MAX_TURNS
from stepsweep.contract.spec import SweepSpec

NOTHING = Span(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Jobs that begin together.

    Attributes:
        epochs: of all jobs together.
        longest: epochs that are trained one after the other, whatever the number of machines.
    """

    jobs: int
    epochs: float
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a sweep takes.

    Attributes:
        hours: from its start to its winner.
        usd: everything.
        jobs_usd: what the trials themselves take of that, without boot, pull, idling, waits and requests.
        machines: the most that run at once.
    """

    hours: Span = NOTHING
    usd: Span = NOTHING
    jobs_usd: Span = NOTHING
    machines: int = 0


def bill_of(spec: SweepSpec, fleet: Fleet, pace: Span, *, finished: int = 0) -> Bill:
    """Returns the bill of a sweep.

    Args:
        pace: seconds per epoch.
        finished: trials whose first rung is trained already.
    """
    planned = schedule(spec)
    works = [Work(jobs=each.trials, epochs=each.epochs, longest=each.longest) for each in planned]
    works[0] = _without(works[0], finished, spec.rungs[0])
    if spec.rounds:
        return of_rounds(works, fleet, pace)
    expected = Work(
        jobs=sum(each.jobs for each in works), epochs=sum(each.epochs for each in works), longest=spec.epochs
    )
    begun = planned[0].trials
    # Free-running halving may promote every trial: each better than those before.
    every = Work(jobs=begun * len(spec.rungs), epochs=begun * spec.epochs, longest=spec.epochs)
    most = _without(every, finished, spec.rungs[0]) if spec.halving else expected
    return of_workers(expected, fleet, pace, most=most, begun=begun)


def of_rounds(works: Sequence[Work], fleet: Fleet, pace: Span) -> Bill:
    """Returns the bill of rounds, each of which waits for all trials of the one before.

    Jobs in any order end within epochs / machines + longest, and not before the larger of the two (Graham, "Bounds on
    Multiprocessing Timing Anomalies", 1969).
    """
    hours = assumed.BOOT_SECONDS + assumed.PULL_SECONDS
    hours = Span(hours.low, 0)
    usd, jobs_usd, machines = NOTHING, NOTHING, 0
    for number, work in enumerate(work for work in works if work.jobs):
        width = min(work.jobs, fleet.at_once)
        waves = ceil(work.jobs / width)
        soonest = max(work.longest, work.epochs / width)
        latest = min(waves * work.longest, work.epochs / width + work.longest)
        waits = assumed.START_SECONDS * waves + assumed.BETWEEN_ROUNDS_SECONDS
        ready = assumed.BOOT_SECONDS.high + assumed.PULL_SECONDS.high
        hours += (Span(soonest * pace.low, latest * pace.high + ready) + waits) * fleet.stretch
        there = fleet.machines(work.jobs)
        # While the last jobs of a round run, each machine may hold one where it could hold several.
        partly = Span(0, there * (fleet.per_machine - 1) * work.longest * pace.high)
        seconds = pace * work.epochs
        least = fleet.cost(seconds, jobs=work.jobs, starts=0 if number else there)
        most = fleet.cost(seconds + partly, jobs=work.jobs, starts=there)
        usd += Span(least.low, most.high)
        jobs_usd += seconds * fleet.usd * (1 / HOUR)
        machines = max(machines, there)
    if not machines:
        return Bill()
    return Bill(hours=hours * (1 / HOUR), usd=usd, jobs_usd=jobs_usd, machines=machines)


def of_workers(expected: Work, fleet: Fleet, pace: Span, *, most: Work, begun: int) -> Bill:
    """Returns the bill of a free-running search, whose workers wait for nobody.

    Args:
        most: the work if halving promotes every trial.
        begun: trials of the first rung; there are no more workers than that.
    """
    if not expected.jobs:
        return Bill()
    width, machines = min(begun, fleet.at_once), fleet.machines(begun)
    legs = ceil(most.jobs / (width * MAX_TURNS))
    ready = assumed.BOOT_SECONDS + assumed.PULL_SECONDS
    turn = assumed.ASK_SECONDS + assumed.START_SECONDS
    hours = Span(
        ready.low + max(expected.longest, expected.epochs / width) * pace.low + turn.low * expected.jobs / width,
        legs * ready.high + (most.epochs / width + most.longest) * pace.high + turn.high * ceil(most.jobs / width),
    )
    seconds = Span(expected.epochs * pace.low, most.epochs * pace.high)
    # A machine idles while its worker asks. At the end each may hold one job where it could hold several.
    asking = Span(expected.jobs * assumed.ASK_SECONDS.low, most.jobs * assumed.ASK_SECONDS.high)
    partly = Span(0, machines * (fleet.per_machine - 1) * most.longest * pace.high)
    least = fleet.cost(seconds + asking, jobs=expected.jobs, starts=machines)
    dearest = fleet.cost(seconds + asking + partly, jobs=most.jobs, starts=legs * machines)
    return Bill(
        hours=hours * fleet.stretch * (1 / HOUR),
        usd=Span(least.low, dearest.high),
        jobs_usd=seconds * fleet.usd * (1 / HOUR),
        machines=machines,
    )


def other_way(spec: SweepSpec) -> SweepSpec:
    """Returns the spec in rounds if it is free-running, and the other way around."""
    search = spec.search
    if search.learns:
        search = replace(search, batch=None if spec.rounds else DEFAULT_BATCH)
    return replace(spec, rounds=not spec.rounds, search=search)


def cheapest_and_fastest(
    spec: SweepSpec, fleet: Fleet, pace: Span, *, finished: int = 0
) -> tuple[tuple[int, Bill], tuple[int, Bill]]:
    """Returns two values of `max_concurrency` with their bills, by the high ends; of equals, the one that costs less.

    Args:
        fleet: with as many jobs at once as the stack allows.
        finished: trials whose first rung is trained already.
    """
    most = max(each.trials for each in schedule(spec))
    widest = min(fleet.at_once, most)
    # With the same number of waves, fewer machines are as fast.
    fewest = ceil(most / widest)
    asked = {ceil(most / waves) for waves in range(fewest, fewest + 32)} | {widest, 1}
    bills = {number: bill_of(spec, replace(fleet, at_once=number), pace, finished=finished) for number in sorted(asked)}
    cheapest = min(bills.items(), key=lambda each: (each[1].usd.high, each[1].hours.high))
    fastest = min(bills.items(), key=lambda each: (each[1].hours.high, each[1].usd.high))
    return cheapest, fastest


def _without(work: Work, finished: int, epochs: int) -> Work:
    return replace(work, jobs=work.jobs - finished, epochs=work.epochs - finished * epochs)
