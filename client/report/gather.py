"""Gathers the data of a report from the records of one sweep, whether or not its cloud is up."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.stores import Home
from stepsweep.client.archive.attempts import Attempt, attempts_of, spent_seconds
from stepsweep.client.archive.curves import losses, metrics_of
from stepsweep.client.archive.endings import Ending
from stepsweep.client.archive.leaderboard import Row
from stepsweep.client.archive.recorded import Archive, Standing
from stepsweep.client.archive.records import Artifact, Plan
from stepsweep.client.clouds.cloud import SPEC_FILE, Cloud
from stepsweep.client.clouds.trainers import remembered
from stepsweep.client.deployment import explained
from stepsweep.client.logs.reading import log_of
from stepsweep.client.pictures.course import Course, course
from stepsweep.client.pictures.importance import Importance, importance
from stepsweep.client.running.control import Found
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.space import key_of
from stepsweep.trainer_script import script_of

MAX_LOGS = 50
"""Failed trials whose logs are read: those with the most frequent reasons first, but at least one per reason."""
LOG_THREADS = 4
"""CloudWatch Logs allows 25 requests per second."""
LOG_LINES = 40
MAX_LINE = 500


RUNNING = "RUNNING"
"""What stands for the outcome of a trial that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerCommand:
    """How a person runs the trainer of a sweep again.

    Attributes:
        entrypoint: the words before a job's arguments; empty if they are the Dockerfile's, or unknown.
        options: of `sweep run`, for this trainer.
        place: the start of a command line that goes to the folder of a script; empty for others.
        can_run: whether `sweep run` with these options takes this trainer.
    """

    entrypoint: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    place: str = ""
    can_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The data of a sweep's page.

    Attributes:
        curves: metrics by trial id: of a report all that exist.
        unfinished: ids of the curves that are live rows of unfinished trials.
        attempts: attempts of all jobs of the sweep, ordered by start; None if they have not been read.
        job_seconds: running time of the jobs; None if it has not been read.
        course: how the search went; None if no trial has a value, or if it has not been read.
        importance: of the parameters; None if fewer than two vary, or if it has not been read.
        artifacts: the files of the winner's first trial.
        logs: the last lines of failed trials, by id.
        where: the options of the sweep's cloud, to append to a command.
        is_on_aws: whether the jobs cost money.
        running: the trials that run, as rows without a rank.
        trainer: how to run it again; by default nothing is known of it.
    """

    standing: Standing
    plan: Plan | None
    curves: Mapping[str, Metrics]
    unfinished: frozenset[str]
    attempts: Sequence[Attempt] | None
    job_seconds: float | None
    artifacts: Sequence[Artifact]
    logs: Mapping[str, Sequence[str]]
    objects: Home
    where: str
    is_on_aws: bool
    course: Course | None = None
    importance: Importance | None = None
    running: Sequence[Row] = ()
    trainer: TrainerCommand = TrainerCommand()

    @property
    def rows(self) -> list[Row]:
        """The leaderboard, and below it the trials that run."""
        return [*self.standing.rows, *self.running]

    @property
    def losses(self) -> tuple[str | None, str | None]:
        """The trainer's names for the loss on validation and on training data."""
        return losses(metrics_of(self.curves.values()))


def gathered(cloud: Cloud, found: Found, name: str) -> Gathered:
    """Reads the records of a sweep.

    Raises:
        InvalidInput: there is no sweep with this name; the message suggests similar names.
    """
    archive, standing = found.archive, found.standing(name)
    plan = archive.plan(standing.spec)
    curves, unfinished = _curves(archive, standing, plan) if plan else ({}, frozenset())
    by_key = archive.outcomes(name)
    outcomes = list(by_key.values())
    endings = archive.endings(plan, by_key)
    return Gathered(
        standing=standing,
        plan=plan,
        curves=curves,
        unfinished=unfinished,
        attempts=in_order(by_key, endings),
        job_seconds=spent_seconds(outcomes),
        artifacts=_artifacts(archive, standing, plan) if plan else [],
        logs=_logs(cloud, found, standing, plan, outcomes) if plan else {},
        objects=archive.objects,
        where=cloud.where,
        is_on_aws=not cloud.is_local,
        course=course(standing.spec, endings, standing.output, is_on_aws=not cloud.is_local),
        importance=importance(standing.spec, standing.rows, endings),
        trainer=_trainer(cloud, name),
    )


def _trainer(cloud: Cloud, sweep: str) -> TrainerCommand:
    if not cloud.is_local:
        return TrainerCommand(can_run=True)  # the stack has it
    had = remembered(cloud.directory, sweep)
    if had is None:
        return TrainerCommand()
    if had.place is None:
        return TrainerCommand(entrypoint=("python", "-m", "stepsweep.trainer"), can_run=True)
    try:
        script = script_of(had.place)
    except InvalidInput:
        return TrainerCommand()
    if script is None:
        return TrainerCommand(options=("--trainer", str(had.place)), can_run=True)
    place = f"{shlex.join(['cd', str(script.folder)])} && "
    can_run = (script.folder / SPEC_FILE).is_file()
    return TrainerCommand(entrypoint=script.started_by, place=place, can_run=can_run)


def in_order(outcomes: Mapping[str, JobOutcome], endings: Sequence[Ending]) -> list[Attempt]:
    """Returns the attempts of jobs, ordered by start.

    Args:
        outcomes: by key.
        endings: say for which rung a job trained.
    """
    rungs = {key: ending.rung for ending in endings for key in ending.jobs}
    attempts = (attempt for key, outcome in outcomes.items() for attempt in attempts_of(outcome, rungs.get(key)))
    return sorted(attempts, key=lambda attempt: (attempt.started, attempt.trial_id))


def _artifacts(archive: Archive, standing: Standing, plan: Plan) -> list[Artifact]:
    winner = next((row.trial_id for row in standing.rows if row.rank == 1), None)
    with explained():
        return archive.records.artifacts(plan.trials[winner]) if winner in plan.trials else []


def _curves(archive: Archive, standing: Standing, plan: Plan) -> tuple[dict[str, Metrics], frozenset[str]]:
    trials = [plan.trials[row.trial_id] for row in standing.rows if row.trial_id in plan.trials]
    curves = archive.curves(trials)
    live = archive.live_curves([trial for trial in trials if trial.trial_id not in curves])
    return curves | live, frozenset(live)


def _logs(
    cloud: Cloud, found: Found, standing: Standing, plan: Plan, outcomes: Sequence[JobOutcome]
) -> dict[str, list[str]]:
    failed = {outcome.trial_id for outcome in outcomes if not outcome.succeeded}
    # With several trials of the same params, the row names the first, but another one may have failed.
    of_params = {key_of(plan.trials[each].params): each for each in failed if each in plan.trials}
    by_reason: dict[str, list[str]] = {}
    for row in standing.rows:
        if row.rank is None and row.trial_id in plan.trials:
            by_reason.setdefault(row.reason, []).append(row.trial_id)
    by_frequency = sorted(by_reason.values(), key=len, reverse=True)
    firsts = [trials[0] for trials in by_frequency]
    asked = [*firsts, *(trial_id for trials in by_frequency for trial_id in trials[1:])][:MAX_LOGS]

    def tail(trial_id: str) -> list[str]:
        if trial_id not in failed:
            trial_id = of_params.get(key_of(plan.trials[trial_id].params), trial_id)
        try:
            return log_of(cloud, found, plan, trial_id).tail(LOG_LINES)
        except SweepError as error:
            return [f"(its log could not be read: {error})"]

    lines = for_all(tail, asked, threads=LOG_THREADS)
    return {trial_id: [line[:MAX_LINE] for line in last] for trial_id, last in zip(asked, lines, strict=True) if last}
