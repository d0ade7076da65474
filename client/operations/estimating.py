"""Estimates the time and cost of a sweep from finished trials of the same trainer; without any, they are unknown.

`contract.bill` makes a bill of the pace, with everything that machines cost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from stepsweep.bucket.plans import Plan
from stepsweep.bucket.records import Records
from stepsweep.bucket.s3 import for_all
from stepsweep.client.archive.executions import execution_prefix
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.trainers import sweeps_of
from stepsweep.client.deployment import Deployment, explained
from stepsweep.client.operations.prices import Price, price_of
from stepsweep.contract import rounds
from stepsweep.contract.artifacts import FRONT, WINNER
from stepsweep.contract.assumed import Span
from stepsweep.contract.bill import Bill, bill_of
from stepsweep.contract.budget import within_budget
from stepsweep.contract.cost import TUTORIAL_RATES, Rates
from stepsweep.contract.described import number_of
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.limits import MAX_NAME
from stepsweep.contract.means import StackJob
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status

if TYPE_CHECKING:
    from stepsweep.client.running.control import Control, Found
    from stepsweep.trainer_script import Script

MAX_SWEEPS = 10
MAX_TRIALS = 100
"""Most sweeps and trials of each that are read; more would not change the estimate much."""

MAX_READ = 30
"""Sweeps of a stack whose plans are read to find those of the trainer."""

CALIBRATION = "-calibration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The job time of one epoch, with its share of the job's start.

    Attributes:
        fastest, slowest: seconds per epoch of the fastest and of the slowest trial.
        measured_on: the trials, in words.
        epochs: the fewest and the most that their jobs trained; None if no job was measured.
    """

    fastest: float
    slowest: float
    measured_on: str
    epochs: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is known in advance about the time and cost of a sweep.

    Attributes:
        pace: None if no trial of the trainer has finished there, and it is not the tutorial's.
        fleet: the machines that its jobs would get on AWS, and their price.
        widest: the same, if the spec did not limit them.
        price_from: where the price is from, in words.
        budget_usd_per_hour: the price by which the stack checks budgets; None on this machine.
        is_of_machine: whether the pace was measured where the jobs will run.
        finished: number of trials of the first round that need no job, as far as is known.
    """

    pace: Pace | None
    fleet: Fleet
    widest: Fleet
    price_from: str
    budget_usd_per_hour: float | None
    is_of_machine: bool
    finished: int = 0

    @property
    def paces(self) -> Span | None:
        return Span(self.pace.fastest, self.pace.slowest) if self.pace else None

    def seconds(self, epochs: int) -> Span | None:
        """Returns the shortest and the longest job time of all trials together."""
        return self.paces * epochs if self.paces else None

    def jobs_usd(self, epochs: int) -> Span | None:
        """Returns the cost of the trials alone."""
        return self.paces * (epochs / 3600) * self.fleet.usd if self.paces else None

    def bill(self, spec: SweepSpec) -> Bill | None:
        return bill_of(spec, self.fleet, self.paces, finished=self.finished) if self.paces else None


def estimated(spec: SweepSpec, cloud: Cloud, script: "Script | None" = None) -> Estimate:
    """Returns what finished trials, and on AWS the stack and its prices, tell about a sweep.

    Args:
        script: the trainer, if it is not the cloud's.

    Raises:
        InvalidSweep: the sweep would be refused, since its budget is too small or cannot be checked.
        CloudError: AWS did not answer, or does not allow it.
    """
    history = _history(cloud, script)
    pace, control, is_of_machine = history.pace, history.control, not cloud.is_local
    if (stated := spec.seconds_per_epoch) is not None:
        pace, is_of_machine = Pace(fastest=stated, slowest=stated, measured_on="the spec's seconds_per_epoch"), True
    elif pace is None and cloud.is_local and script is None and cloud.trainer is None:
        seconds = TUTORIAL_RATES.seconds_per_epoch or 0.0
        pace, is_of_machine = Pace(fastest=seconds, slowest=seconds, measured_on="the tutorial"), True
    if control is None:
        price = Price(usd_per_hour=TUTORIAL_RATES.usd_per_hour, told="a g4dn.xlarge in us-east-1 in 2021")
        job, most, budgets = StackJob(), None, price.usd_per_hour
    else:
        deployed = control.deployment
        price, job, most = price_of(deployed), deployed.job, deployed.max_concurrency
        budgets = deployed.usd_per_hour
    finished = history.finished(spec)
    # The tutorial's pace, which a stack knows by itself, is unknown here.
    if pace is not None or control is None or control.deployment.trainer_command:
        _check(spec, Rates(usd_per_hour=budgets, seconds_per_epoch=pace.slowest if pace else None), job, finished)
    fleet = partial(Fleet.of, job=job, usd_per_hour=price.usd_per_hour)
    return Estimate(
        pace=pace,
        fleet=fleet(replace(spec, max_concurrency=spec.max_concurrency or most)),
        widest=fleet(replace(spec, max_concurrency=None)),
        price_from=price.told,
        budget_usd_per_hour=budgets * job.machines(spec.resources) if control else None,
        is_of_machine=is_of_machine,
        finished=finished,
    )


def check_budget(spec: SweepSpec, cloud: Cloud, script: "Script | None" = None) -> None:
    """Raises what `estimated` does, where a spec has a budget."""
    if spec.budget_usd is not None:
        estimated(spec, cloud, script)


def check_as_planned(spec: SweepSpec, deployment: Deployment) -> None:
    """Checks the budget of a spec that `with_pace` returned as the planner of a stack will. Raises InvalidSweep."""
    # The tutorial's pace is known to the planner alone.
    if spec.seconds_per_epoch is not None or deployment.trainer_command:
        first = rounds.first_round(spec, trainer_version=deployment.trainer_version)
        with explained():
            finished = Records(deployment.store).have_metrics_of(first)
        rates = Rates(usd_per_hour=deployment.usd_per_hour, seconds_per_epoch=None)
        _check(spec, rates, deployment.job, finished)


def _check(spec: SweepSpec, rates: Rates, job: StackJob, finished: int) -> None:
    """Checks the budget as the planner does. Raises InvalidSweep."""
    if spec.rounds:
        begun = rounds.schedule(spec)[0].trials
    else:  # its planner does not know which trials a free-running search begins
        finished, begun = 0, spec.number_of_trials
    within_budget(spec, rates, job, finished=finished, to_run=begun - finished)


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """What a cloud has of a trainer.

    Attributes:
        plans: of its latest sweeps, the latest first.
        version: identifies its code; None if nothing says it.
        control: of the stack; None on this machine.
    """

    records: Records
    plans: Sequence[Plan]
    version: str | None
    control: "Control | None"

    @property
    def pace(self) -> Pace | None:
        with explained():
            measured = [each for plan in self.plans[:MAX_SWEEPS] for each in _measured(self.records, plan)]
        if not measured:
            return None
        # The start of a job weighs more in a short trial than in a long one.
        longest = max(epochs for epochs, _ in measured)
        counted = [(epochs, seconds) for epochs, seconds in measured if 2 * epochs >= longest]
        paces = [seconds / epochs for epochs, seconds in counted]
        where = "of this stack" if self.control else "on this machine"
        what = f"{number_of(len(paces), 'finished trial')} of this trainer {where}"
        trained = min(epochs for epochs, _ in counted), longest
        return Pace(fastest=min(paces), slowest=max(paces), measured_on=what, epochs=trained)

    def finished(self, spec: SweepSpec) -> int:
        """Returns how many trials of the first round need no job."""
        if self.version is None:
            return 0
        with explained():
            return self.records.have_metrics_of(rounds.first_round(spec, trainer_version=self.version))


def _history(cloud: Cloud, script: "Script | None" = None) -> _History:
    if cloud.is_local:
        records, control, version = cloud.recorded().records, None, None
        names = sweeps_of(cloud.directory, script or cloud.trainer)
    else:
        found = cloud.looked_at()
        records, control = found.archive.records, found.control
        version = control.deployment.trainer_version if control else None
        names = latest(found, most=MAX_READ)
    with explained():
        found_plans = [each for each in for_all(lambda name: _plan(records, name), names) if each is not None]
    found_plans.sort(key=lambda each: each[0], reverse=True)
    plans = [plan for _, plan in found_plans if version is None or plan.trainer_version == version]
    if cloud.is_local and plans:
        version = plans[0].trainer_version
    return _History(records=records, plans=plans, version=version, control=control)


def pace_of(cloud: Cloud, script: "Script | None" = None) -> Pace | None:
    """Returns the pace of the trainer's finished trials in this cloud; None if there are none.

    Raises:
        CloudError: AWS did not answer, or does not allow it.
    """
    return _history(cloud, script).pace


def latest(found: "Found", *, most: int) -> list[str]:
    """Returns the stack's latest sweeps by the start of their executions: one request, however many there are."""
    with explained():
        names = found.archive.records.sweeps()
        if found.control is None or len(names) <= most:
            return names[:most]
        deployed = found.control.deployment
        answer = deployed.step_functions.list_executions(stateMachineArn=deployed.state_machine_arn, maxResults=1000)
    latest: dict[str, None] = {}
    known = {execution_prefix(name): name for name in names}
    for execution in sorted(answer["executions"], key=lambda each: each["startDate"], reverse=True):
        name = execution["name"]
        if (sweep := known.get(name) or known.get(name.rpartition("-")[0])) is not None:
            latest[sweep] = None
    return list(latest)[:most]


def with_pace(spec: SweepSpec, cloud: Cloud) -> SweepSpec:
    """Returns the spec with the slowest known pace, if it has a budget to check and does not say the pace itself."""
    if spec.budget_usd is None or spec.seconds_per_epoch is not None or (pace := pace_of(cloud)) is None:
        return spec
    return replace(spec, seconds_per_epoch=pace.slowest)


def calibration(spec: SweepSpec) -> SweepSpec:
    """Returns a sweep of one trial of one epoch, with the first params of the spec; of one per fold, if it has folds.

    It trains even if the trial is finished, unless one epoch is a whole trial: that result counts for the sweep.
    """
    document = spec.to_json() | {
        "name": spec.name[: MAX_NAME - len(CALIBRATION)] + CALIBRATION,
        "parameters": {name: [value] for name, value in rounds.first_params(spec)[0].items()},
        "exclude": [],
        "try_first": [],
        "warm_start": [],
        "known": [],
        "search": {"method": "grid"},
        "halving": None,
        "epochs": 1,
        "repeats": 1,
        "budget_usd": None,
        "stop": None,
        # The first of several, since only the time counts. For one epoch `at` makes no difference, and the spec's own
        # may ask for more.
        "objective": {**spec.objective.to_json(), "at": "last"},
        "objectives": None,
        "keep_artifacts": WINNER if spec.keep_artifacts == FRONT else spec.keep_artifacts,
        "fresh": spec.epochs > 1,
    }
    return SweepSpec.from_json(document)


def _plan(records: Records, name: str) -> tuple[datetime, Plan] | None:
    """Returns a sweep's plan, and when the execution that made it started."""
    spec, latest = records.spec(name), records.latest(name)
    plan = records.plan(spec) if spec and latest else None
    return (latest.started_at, plan) if latest and plan else None


def _measured(records: Records, plan: Plan) -> Iterable[tuple[int, float]]:
    """Yields the epochs that trials trained in their last round, and the seconds that their jobs ran for it."""
    ended = records.finished(plan, records.objects(plan.spec.name))[:MAX_TRIALS]
    below = (0, *plan.spec.rungs)
    for read in records.results(plan, ended):
        epochs = (read.result.epochs_trained or 0) - below[read.result.trial.rung]
        if read.result.outcome.status is Status.SUCCEEDED and epochs > 0 and read.job_seconds > 0:
            yield epochs, read.job_seconds
