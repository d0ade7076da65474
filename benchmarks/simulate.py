"""Simulates sweeps on AWS: hours and USD of rounds, free-running search and other tools, and of `sweep plan`.

The real functions plan, answer and reduce on a virtual clock (`benchmarks.virtual`). Machines boot, pull the image,
wait, idle and are lost within the ranges of `contract.assumed`, from which `sweep plan` makes its bill. Times of trials
are drawn. No model is asked, since its params change no time: params are drawn at random.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest import mock

from benchmarks.clock import Behaviour, Clock, Machines
from benchmarks.results import Result, Table
from benchmarks.virtual import Sweep, Training, Waits
from stepsweep.contract import assumed
from stepsweep.contract.assumed import Span
from stepsweep.contract.bill import Bill, bill_of
from stepsweep.contract.cost import TUTORIAL_RATES
from stepsweep.contract.fleet import HOUR, Fleet
from stepsweep.contract.means import Capacity
from stepsweep.contract.spec import SweepSpec
from stepsweep.statemachine import sampler

EXPECTED_SECONDS = 600

EPOCHS = 100
SECONDS_PER_EPOCH = 6.0
"""Of the tutorial's trials, which took about ten minutes each."""

SPREAD = 0.3
"""Of the times of trials in the comparison: the standard deviation of their logarithm."""

BOOT = 240.0
IDLE = 300.0
"""In the comparison: boot with pull, and the time after which a machine without a job ends."""

HEAD_USD_PER_HOUR = 0.096
"""An m5.large for the head of a Ray cluster, on demand in us-east-1, as in Ray's examples:
https://docs.ray.io/en/latest/cluster/vms/user-guides/launching-clusters/aws.html"""

AMT_AT_ONCE = 10
"""SageMaker's default quota of training jobs that one tuning job runs at once:
https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-limits.html"""
AMT_FACTOR = 1.4
"""ml.g4dn.xlarge to g4dn.xlarge, on demand in us-east-1: 0.7364 to 0.526 USD (https://aws.amazon.com/sagemaker/pricing/)."""

UP_HOURS = 24
"""How long a cluster stays up that nobody shuts down the same day."""


def run(*, quick: bool) -> Result:
    nothing = mock.patch.multiple(sampler, propose=_no_params, propose_next=_no_params)
    with nothing:
        checked = [_checked(case, seeds=range(2 if quick else 3)) for case in _cases(quick=quick)]
        compared = [_compared(trials, machines) for trials, machines in (((9, 9),) if quick else ((9, 9), (1_000, 64)))]
    return Result(
        tables=[*(_comparison(each) for each in compared), _validation(checked)],
        values={"compared": compared, "checked": checked},
    )


def _no_params(*_: Any, **__: Any) -> list[dict[str, Any]]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a simulated sweep took.

    Attributes:
        usd: with the machines' end, which may come after the winner.
    """

    hours: float
    usd: float
    starts: int = 0
    losses: int = 0


def spec_of(trials: int, *, batch: int | None = None, **fields: Any) -> SweepSpec:
    """Returns a model's search; in rounds if it has a batch."""
    search = {"method": "tpe", "trials": trials, **({"batch": batch} if batch else {})}
    parameters = {"lr": {"low": 0.0001, "high": 1.0, "log": True}}
    return SweepSpec.from_json({"parameters": parameters, "search": search, "epochs": EPOCHS, "name": "s", **fields})


class Trials:
    """Draws the pace of each trial, the same one on every rung."""

    def __init__(self, random: Random, *, spread: float) -> None:
        self._random = random
        self._spread = spread
        self.paces: dict[str, float] = {}
        self._trained: dict[str, int] = {}

    def __call__(self, options: Mapping[str, str]) -> Training:
        trial = options["trial_id"]
        drawn = SECONDS_PER_EPOCH * math.exp(self._random.gauss(0, self._spread))
        pace = self.paces.setdefault(trial, drawn)
        before, epochs = self._trained.get(trial, 0), int(options["epochs"])
        self._trained[trial] = epochs
        value = self._random.random()
        rows = [{"epoch": epoch, "val_accuracy": value} for epoch in range(1, epochs + 1)]
        return Training(rows=rows, seconds=pace * (epochs - before))


def simulated(
    spec: SweepSpec, fleet: Fleet, behaviour: Behaviour, waits: Waits, trials: Trials, *, usd_per_hour: float
) -> Taken:
    """Runs a sweep, and then its machines to their end."""
    machines = Machines(Clock(), fleet.at_once, behaviour)
    sweep = Sweep(spec, machines, trials, waits=waits).run()
    hours = machines.clock.now / HOUR
    machines.clock.run(lambda: machines.are_gone)
    return Taken(
        hours=hours,
        usd=machines.seconds / HOUR * usd_per_hour + assumed.REQUESTS_USD_PER_JOB.low * sweep.submitted,
        starts=machines.starts,
        losses=machines.losses,
    )


# --- do the plan's ranges hold?


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    spec: SweepSpec
    machines: int
    capacity: Capacity = Capacity.ON_DEMAND


def _cases(*, quick: bool) -> list[Case]:
    halving: dict[str, Any] = {"halving": {"min_epochs": 4, "factor": 3}}
    plain: dict[str, Any] = {"parameters": {"lr": list(range(1, 10))}, "search": "grid"}
    cases = [
        Case(name="9 trials of a grid, in rounds", spec=spec_of(9, **plain), machines=9),
        Case(name="60 trials, rounds of 4", spec=spec_of(60, batch=4), machines=4),
        Case(name="60 trials, free-running", spec=spec_of(60), machines=4),
    ]
    if quick:
        return cases
    return [
        *cases,
        Case(name="64 trials, halving, rounds of 16", spec=spec_of(64, batch=16, **halving), machines=16),
        Case(name="64 trials, halving, free-running", spec=spec_of(64, **halving), machines=16),
        Case(name="320 trials, rounds of 64, Spot", spec=spec_of(320, batch=64), machines=64, capacity=Capacity.SPOT),
        Case(name="320 trials, free-running, Spot", spec=spec_of(320), machines=64, capacity=Capacity.SPOT),
        Case(name="1,000 trials, free-running", spec=spec_of(1_000), machines=64),
        Case(name="1,000 trials in one round", spec=spec_of(1_000, batch=1_000), machines=1_000),
    ]


def _checked(case: Case, *, seeds: Sequence[int]) -> dict[str, Any]:
    """Simulates a case with each seed, and compares with the plan's ranges for the paces that were drawn."""
    fleet = Fleet(usd_per_hour=TUTORIAL_RATES.usd_per_hour, at_once=case.machines, capacity=case.capacity)
    taken: list[Taken] = []
    bills: list[Bill] = []
    for seed in seeds:
        random = Random(seed)  # noqa: S311  no secret
        trials = Trials(random, spread=0.2)
        is_spot = case.capacity is not Capacity.ON_DEMAND
        behaviour = Behaviour(
            boot=_sum(_drawn(random, assumed.BOOT_SECONDS), _drawn(random, assumed.PULL_SECONDS)),
            start=_drawn(random, assumed.START_SECONDS),
            idle=_drawn(random, assumed.IDLE_SECONDS),
            lost=_lost(random) if is_spot else lambda: math.inf,
        )
        waits = Waits(between=_drawn(random, assumed.BETWEEN_ROUNDS_SECONDS), ask=_drawn(random, assumed.ASK_SECONDS))
        usd_per_hour = random.uniform(fleet.usd.low, fleet.usd.high)
        taken.append(simulated(case.spec, fleet, behaviour, waits, trials, usd_per_hour=usd_per_hour))
        bills.append(bill_of(case.spec, fleet, Span(min(trials.paces.values()), max(trials.paces.values()))))
        print(f"  {case.name}, {case.machines} machines: {taken[-1]}", flush=True)
    within = [
        _is_in(one.hours, bill.hours) and _is_in(one.usd, bill.usd) for one, bill in zip(taken, bills, strict=True)
    ]
    return {
        "name": case.name,
        "machines": case.machines,
        "hours": [each.hours for each in taken],
        "usd": [each.usd for each in taken],
        "losses": [each.losses for each in taken],
        "planned_hours": [min(bill.hours.low for bill in bills), max(bill.hours.high for bill in bills)],
        "planned_usd": [min(bill.usd.low for bill in bills), max(bill.usd.high for bill in bills)],
        "within": sum(within),
    }


def _drawn(random: Random, span: Span) -> Callable[[], float]:
    return lambda: random.uniform(span.low, span.high)


def _sum(one: Callable[[], float], other: Callable[[], float]) -> Callable[[], float]:
    return lambda: one() + other()


def _lost(random: Random) -> Callable[[], float]:
    return lambda: random.expovariate(assumed.LOST_PER_HOUR.high / HOUR)


def _is_in(value: float, span: Span) -> bool:
    return span.low <= value <= span.high


def _validation(checked: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        [
            each["name"],
            f"{each['machines']:,}",
            _between(each["hours"]),
            _between(each["planned_hours"]),
            _between(each["usd"]),
            _between(each["planned_usd"]),
            f"{each['within']} of {len(each['usd'])}",
        ]
        for each in checked
    ]
    caption = (
        "What sweeps took in the simulation, the lowest and the highest of the seeds, beside the plan's ranges. "
        "Boot, pull, waits, idling, prices of disks and losses of Spot are drawn from the assumed ranges; the times of "
        "trials (spread 0.2) lie between the fastest and the slowest pace that the plan knows."
    )
    columns = ["sweep", "machines", "hours", "planned", "USD", "planned", "within both"]
    return Table(columns=columns, rows=rows, caption=caption)


def _between(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


# --- rounds, free-running search, and others


def _compared(trials: int, machines: int) -> dict[str, Any]:
    """Returns the hours and USD of the same trials by each way."""
    price = Fleet(usd_per_hour=TUTORIAL_RATES.usd_per_hour, at_once=machines)
    ours = price.usd.low
    behaviour = Behaviour(boot=lambda: BOOT, idle=lambda: IDLE, start=lambda: 10.0)
    waits = Waits(between=lambda: 30.0, ask=lambda: 5.0)
    found: dict[str, Taken] = {}
    for name, batch in (("stepsweep, rounds", machines), ("stepsweep, free-running", None)):
        spec = spec_of(trials, batch=batch)
        found[name] = simulated(spec, price, behaviour, waits, _trials(), usd_per_hour=ours)
        print(f"  {name}, {trials:,} trials: {found[name]}", flush=True)

    def others(most: int, kind: Behaviour) -> Machines:
        clock = Clock()
        pool, draw = Machines(clock, most, kind), _trials()
        for number in range(trials):
            pool.submit(draw({"trial_id": str(number), "epochs": str(EPOCHS)}).seconds, lambda _: None)
        return pool

    scaled = others(machines, Behaviour(boot=lambda: BOOT, idle=lambda: IDLE))
    scaled.clock.run()
    found["Ray Tune, cluster that scales"] = Taken(
        hours=(scaled.clock.now - IDLE) / HOUR,
        usd=scaled.seconds / HOUR * ours + scaled.clock.now / HOUR * HEAD_USD_PER_HOUR,
    )
    kept = others(machines, Behaviour(boot=lambda: BOOT))
    kept.clock.run()
    hours = kept.clock.now / HOUR
    up = max(UP_HOURS, hours)
    head = HEAD_USD_PER_HOUR
    found["Ray Tune, cluster shut down at the end"] = Taken(hours=hours, usd=hours * (machines * ours + head))
    found[f"Ray Tune, cluster up for {UP_HOURS} hours"] = Taken(hours=hours, usd=up * (machines * ours + head))
    amt = others(AMT_AT_ONCE, Behaviour(start=lambda: BOOT))
    amt.clock.run()
    found["SageMaker AMT, 10 at once"] = Taken(
        hours=amt.clock.now / HOUR, usd=_trained(trials) / HOUR * AMT_FACTOR * TUTORIAL_RATES.usd_per_hour
    )
    return {
        "trials": trials,
        "machines": machines,
        "found": {name: {"hours": each.hours, "usd": each.usd} for name, each in found.items()},
    }


def _trials() -> Trials:
    return Trials(Random(0), spread=SPREAD)  # noqa: S311  no secret


def _trained(trials: int) -> float:
    draw = _trials()
    return sum(draw({"trial_id": str(number), "epochs": str(EPOCHS)}).seconds for number in range(trials))


def _comparison(compared: Mapping[str, Any]) -> Table:
    caption = (
        f"{compared['trials']:,} trials of about ten minutes (spread {SPREAD}), a model's search, "
        f"{compared['machines']} machines (SageMaker: {AMT_AT_ONCE}). A machine boots for {BOOT / 60:.0f} minutes, "
        f"image included, and idles for {IDLE / 60:.0f} before it ends."
    )
    rows = [[name, f"{each['hours']:.2f}", f"{each['usd']:.2f}"] for name, each in compared["found"].items()]
    return Table(columns=["", "hours", "USD"], rows=rows, caption=caption)
