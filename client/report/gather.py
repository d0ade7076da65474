"""Gathers the data of a report from the records of one sweep, whether or not its cloud is up."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from stepsweep.bucket.folder import path_of
from stepsweep.bucket.job_logs import THREADS
from stepsweep.bucket.plans import Plan
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.stores import Home
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.hints import hint_of
from stepsweep.client.clouds.own_command import own_command
from stepsweep.client.clouds.trainers import remembered
from stepsweep.client.deployment import explained
from stepsweep.client.logs.reading import log_of
from stepsweep.client.pictures.importance import importance
from stepsweep.client.running.control import Found
from stepsweep.contract.alike import by_reason
from stepsweep.contract.attempts import spent_seconds
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.keys import console_address
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.space import key_of
from stepsweep.contract.standing import Standing
from stepsweep.contract.trial import Trial
from stepsweep.page.course import course
from stepsweep.page.gathered import File, Gathered, TrainerCommand, in_order
from stepsweep.trainer_script import script_of

MAX_LOGS = 50
"""Failed trials whose logs are read: those with the most frequent reasons first, but at least one per reason."""
LOG_LINES = 40
MAX_LINE = 500


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
    winner = _winner(standing, plan)
    return Gathered(
        standing=standing,
        winner=winner,
        curves=curves,
        unfinished=unfinished,
        attempts=in_order(by_key, endings),
        job_seconds=spent_seconds(outcomes),
        artifacts=_artifacts(archive, winner),
        logs=_logs(cloud, found, standing, plan, outcomes) if plan else {},
        objects=archive.objects,
        where=cloud.where,
        is_on_aws=not cloud.is_local,
        course=course(standing.spec, endings, standing.output, is_on_aws=not cloud.is_local),
        importance=importance(standing.spec, standing.rows, endings),
        trainer=_trainer(cloud, name),
        note=archive.note(name),
        hint=hint_of(cloud, name, standing.rows),
        winner_command=own_command(cloud, standing.spec, winner, found.trainer_command),
    )


def _trainer(cloud: Cloud, sweep: str) -> TrainerCommand:
    if not cloud.is_local:
        return TrainerCommand(can_run=True)  # the stack has it
    had = remembered(cloud.directory, sweep)
    if had is None:
        return TrainerCommand()
    contained = ("--container",) if had.container else ()
    if had.place is None:
        return TrainerCommand(entrypoint=("python", "-m", "stepsweep.trainer"), options=contained, can_run=True)
    try:
        script = script_of(had.place)
    except InvalidInput:
        return TrainerCommand()
    options = ("--trainer", str(had.place), *contained)
    if script is None:
        return TrainerCommand(options=options, can_run=True)
    place = f"{shlex.join(['cd', str(script.folder)])} && "
    return TrainerCommand(entrypoint=script.started_by, options=options, place=place, can_run=True)


def _winner(standing: Standing, plan: Plan | None) -> Trial | None:
    return plan.trials.get(standing.winner.trial_id) if plan and standing.winner else None


def _artifacts(archive: Archive, winner: Trial | None) -> list[File]:
    with explained():
        found = archive.records.files.artifacts(winner) if winner else []
    return [File(name=each.name, bytes=each.bytes, address=_address(archive.objects, each.key)) for each in found]


def _address(objects: Home, key: str) -> str:
    """Returns a link to an object: its file, or its page in the console."""
    if isinstance(objects, Path):
        return path_of(objects.resolve().parent, objects.name, key).as_uri()
    return console_address(objects, key)


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
    by_frequency = [
        [row.trial_id for row in failed.members]
        for failed in by_reason(row for row in standing.rows if row.rank is None and row.trial_id in plan.trials)
    ]
    firsts = [trials[0] for trials in by_frequency]
    asked = [*firsts, *(trial_id for trials in by_frequency for trial_id in trials[1:])][:MAX_LOGS]

    def tail(trial_id: str) -> list[str]:
        if trial_id not in failed:
            trial_id = of_params.get(key_of(plan.trials[trial_id].params), trial_id)
        try:
            return log_of(cloud, found, plan, trial_id).tail(LOG_LINES)
        except SweepError as error:
            return [f"(its log could not be read: {error})"]

    lines = for_all(tail, asked, threads=THREADS)
    return {trial_id: [line[:MAX_LINE] for line in last] for trial_id, last in zip(asked, lines, strict=True) if last}
