"""Estimates the time and cost of a sweep from finished trials of the same trainer; without any, they are unknown."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stepsweep.bucket.s3 import for_all
from stepsweep.client.archive.records import Plan, Records
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.trainers import sweeps_of
from stepsweep.client.deployment import explained
from stepsweep.client.words import number_of
from stepsweep.contract import rounds
from stepsweep.contract.cost import TUTORIAL_RATES
from stepsweep.contract.limits import MAX_NAME
from stepsweep.contract.means import StackJob
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status

if TYPE_CHECKING:
    from stepsweep.trainer_script import Script

MAX_SWEEPS = 10
MAX_TRIALS = 100
"""Most sweeps and trials of each that are read; more would not change the estimate much."""

CALIBRATION = "-calibration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The job time of one epoch, with its share of the job's start.

    Attributes:
        fastest, slowest: seconds per epoch of the fastest and of the slowest trial.
        measured_on: the trials, in words.
    """

    fastest: float
    slowest: float
    measured_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is known in advance about the time and cost of a sweep.

    Attributes:
        pace: None if no trial of the trainer has finished there, and it is not the tutorial's.
        usd_per_hour: price of what one trial takes of a machine.
        is_of_machine: whether the pace was measured where the jobs will run.
    """

    pace: Pace | None
    usd_per_hour: float
    is_of_machine: bool

    def seconds(self, epochs: int) -> tuple[float, float] | None:
        """Returns the shortest and the longest job time of all trials together."""
        return (epochs * self.pace.fastest, epochs * self.pace.slowest) if self.pace else None

    def usd(self, epochs: int) -> tuple[float, float] | None:
        """Returns the lowest and the highest cost of all trials together, at most; see `is_of_machine`."""
        seconds = self.seconds(epochs)
        return (seconds[0] / 3600 * self.usd_per_hour, seconds[1] / 3600 * self.usd_per_hour) if seconds else None


def estimated(spec: SweepSpec, cloud: Cloud, script: "Script | None" = None) -> Estimate:
    """Returns what finished trials tell about a sweep.

    Args:
        script: the trainer, if it is not the cloud's.

    Raises:
        CloudError: AWS did not answer, or does not allow it.
    """
    price = TUTORIAL_RATES.usd_per_hour
    if not cloud.is_local:
        control = cloud.looked_at().control
        price = control.deployment.usd_per_hour if control else price
    price *= StackJob().machines(spec.resources)
    pace = pace_of(cloud, script)
    is_of_machine = not cloud.is_local
    if pace is None and cloud.is_local and script is None and cloud.trainer is None:
        seconds = TUTORIAL_RATES.seconds_per_epoch or 0.0
        pace, is_of_machine = Pace(fastest=seconds, slowest=seconds, measured_on="the tutorial"), True
    return Estimate(pace=pace, usd_per_hour=price, is_of_machine=is_of_machine)


def pace_of(cloud: Cloud, script: "Script | None" = None) -> Pace | None:
    """Returns the pace of the trainer's finished trials in this cloud; None if there are none.

    Raises:
        CloudError: AWS did not answer, or does not allow it.
    """
    if cloud.is_local:
        if not (names := sweeps_of(cloud.directory, script or cloud.trainer)):
            return None
        archive, version = cloud.recorded(), None
    else:
        found = cloud.looked_at()
        archive, version = found.archive, found.control.deployment.trainer_version if found.control else None
        with explained():
            names = archive.records.sweeps()
    with explained():
        plans = [plan for plan in for_all(lambda name: _plan(archive.records, name), names) if plan is not None]
        plans = [plan for plan in plans if version is None or plan.trainer_version == version]
        plans.sort(key=lambda plan: plan.planned_at, reverse=True)
        measured = [each for plan in plans[:MAX_SWEEPS] for each in _measured(archive.records, plan)]
    if not measured:
        return None
    # The start of a job weighs more in a short trial than in a long one.
    longest = max(epochs for epochs, _ in measured)
    paces = [seconds / epochs for epochs, seconds in measured if 2 * epochs >= longest]
    where = "on this machine" if cloud.is_local else "of this stack"
    what = f"{number_of(len(paces), 'finished trial')} of this trainer {where}"
    return Pace(fastest=min(paces), slowest=max(paces), measured_on=what)


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
        "search": {"method": "grid"},
        "halving": None,
        "epochs": 1,
        "repeats": 1,
        "budget_usd": None,
        # Of one epoch it makes no difference, and the spec's own may ask for more.
        "objective": {**spec.to_json()["objective"], "at": "last"},
        "fresh": spec.epochs > 1,
    }
    return SweepSpec.from_json(document)


def _plan(records: Records, name: str) -> Plan | None:
    spec = records.spec(name)
    return records.plan(spec, records.objects(name)) if spec else None


def _measured(records: Records, plan: Plan) -> Iterable[tuple[int, float]]:
    """Yields the epochs that trials trained in their last round, and the seconds that their jobs ran for it."""
    ended = plan.finished(records.objects(plan.spec.name))[:MAX_TRIALS]
    below = (0, *plan.spec.rungs)
    for read in records.results(plan, ended):
        epochs = (read.result.epochs_trained or 0) - below[read.result.trial.rung]
        if read.result.outcome.status is Status.SUCCEEDED and epochs > 0 and read.job_seconds > 0:
            yield epochs, read.job_seconds
