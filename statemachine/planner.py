"""Lambda function "plan": the input and the finished trials → the trials of this round.

It uses only the standard library and boto3. The function's package contains the rooms that it imports.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from stepsweep.bucket.latest import has_planned, other_execution, taken_over
from stepsweep.bucket.outcomes import recorded
from stepsweep.bucket.s3 import Bucket, for_all
from stepsweep.contract import keys, rounds
from stepsweep.contract.budget import within_budget
from stepsweep.contract.cost import Rates
from stepsweep.contract.documents import RoundPlan, RoundResults, TrialItem
from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.means import StackJob
from stepsweep.contract.results import grouped
from stepsweep.contract.space import parse_value, shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.statemachine import kept
from stepsweep.statemachine.claims import Trainer, check_trainer, claim
from stepsweep.statemachine.earlier import with_known
from stepsweep.statemachine.log import Invocation
from stepsweep.statemachine.workers import plan_workers


def handler(event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
    """Plans one round.

    Args:
        event: `{"input": the execution's input, "execution": its name, "started": when it started, "round": number}`.

    Returns:
        The input of the following states; see `plan`. For wrong input it returns `{"fault": text}`, so that the
        execution ends in a state that shows the text, not as an error of this function.
    """
    bucket = Bucket(os.environ[keys.BUCKET], kept.s3())
    seconds = os.environ.get(keys.SECONDS_PER_EPOCH)
    rates = Rates(
        usd_per_hour=float(os.environ[keys.USD_PER_HOUR]), seconds_per_epoch=float(seconds) if seconds else None
    )
    try:
        spec = with_known(bucket, SweepSpec.from_json(event["input"], default_name=event["execution"]))
        job = StackJob.from_json(json.loads(os.environ[keys.JOB]), where=keys.JOB)
        _check_means(spec, job, held=json.loads(os.environ[keys.SECRETS]))
        invocation = Invocation("plan", sweep=spec.name, round_number=event["round"])
        trainer = Trainer(version=os.environ[keys.TRAINER_VERSION], name=os.environ[keys.TRAINER_NAME])
        execution, started_at = event["execution"], datetime.fromisoformat(event["started"])
        at_once = int(os.environ[keys.DEFAULT_MAX_CONCURRENCY])
        if spec.rounds:
            state = plan(
                bucket,
                spec,
                execution=execution,
                started_at=started_at,
                round_number=event["round"],
                trainer=trainer,
                max_concurrency=at_once,
                rates=rates,
                job=job,
            )
        else:
            machines = max(1, int(int(os.environ[keys.JOBS_AT_ONCE]) / job.machines(spec.resources)))
            state = plan_workers(
                bucket,
                spec,
                execution=execution,
                started_at=started_at,
                part=event["round"],
                trainer=trainer,
                workers=min(spec.max_concurrency or at_once, machines),
                rates=rates,
                job=job,
            )
    except InvalidSweep as error:
        return {"fault": str(error)}
    invocation.ended(planned=state["planned"], to_run=state["to_run"])
    return state


def plan(
    bucket: Bucket,
    spec: SweepSpec,
    *,
    execution: str,
    started_at: datetime,
    round_number: int,
    trainer: Trainer,
    max_concurrency: int,
    rates: Rates,
    job: StackJob,
) -> dict[str, Any]:
    """Writes the round's plan, and the trials that still have to be trained.

    Trials with metrics, from this sweep or any other, are planned but not trained again. A later round is planned from
    the results of the one before. It keeps the trainer of round 0, whose image the execution's jobs run even if a
    deploy has replaced it meanwhile.

    Args:
        execution: name of the execution.
        started_at: when it started.
        rates: of a machine that the stack's own job fills; a trial that asks for more of it costs more. The spec's
            `seconds_per_epoch` takes the place of theirs.
        job: what a trial gets that asks for nothing.

    Raises:
        InvalidSweep: the estimate exceeds the budget or is unknown, another input has the sweep's name, the sweep
            was planned for another trainer, or another execution goes on with it. Then nothing is written.
    """
    if round_number:
        key = keys.plan_key(spec.name, round_number - 1)
        before = RoundPlan.from_json(bucket.written_json(key), where=key)
        # Another execution may have another trainer. It writes its plan first, and then that it is the latest.
        own = before.execution == execution
        if other := before.execution if not own else other_execution(bucket, spec.name, execution):
            raise taken_over(spec.name, other)
        trainer = Trainer(version=before.trainer_version, name=before.trainer_name)
        is_resumed = before.is_resumed
        trials = _next_round(bucket, spec, round_number, trainer.version)
    else:
        trials = rounds.first_round(spec, trainer_version=trainer.version)
    planned = [trial for trial in trials if trial.round_number == round_number]
    finished = bucket.present(trial.metrics_key for trial in planned)
    to_run = [trial for trial in planned if trial.metrics_key not in finished]
    usd = None
    if not round_number:
        usd = within_budget(spec, rates, job, finished=len(finished), to_run=len(to_run))
        is_resumed = not claim(bucket, spec)
        if is_resumed and not spec.accept_trainer:
            _check_planned_trainer(bucket, spec, trainer)

    earlier = _earlier(bucket, spec, to_run, execution) if is_resumed else {}
    bucket.put_json(
        keys.plan_key(spec.name, round_number),
        RoundPlan(
            execution=execution,
            spec=spec,
            round_number=round_number,
            is_resumed=is_resumed,
            recorded_before=tuple(earlier),
            trainer_version=trainer.version,
            trainer_name=trainer.name,
            trials=tuple(trials),
        ).to_json(),
    )
    to_run_key = keys.to_run_key(spec.name, round_number)
    item = partial(TrialItem.of, execution=execution, spec=spec, bucket=bucket.name, job=job)
    items = [item(trial, earlier=earlier.get(trial.trial_id)) for trial in to_run]
    bucket.put_json(to_run_key, [item.to_json() for item in items])
    # Last: it makes them the latest.
    has_planned(
        bucket,
        spec,
        execution=execution,
        started_at=started_at,
        round_number=round_number,
        trainer_version=trainer.version,
    )
    return {
        "sweep": spec.name,
        "round": round_number,
        "planned": len(trials),
        "to_run": len(to_run),
        "to_run_key": to_run_key,
        "map_results_prefix": keys.map_results_prefix(spec.name, round_number),
        "planned_at": int(time.time() * 1000),
        "ended": {},  # the reducer reads it; how the training ended replaces it, if there is something to train
        "max_concurrency": spec.max_concurrency or max_concurrency,
        "usd_at_most": None if usd is None else round(usd, 4),
        "leg": None,
    }


def _earlier(
    bucket: Bucket, spec: SweepSpec, trials: Sequence[Trial], execution: str
) -> dict[str, Mapping[str, float]]:
    """Returns how long the jobs ran of trials that have an outcome, which theirs replaces, in the order of the plan."""
    names = {keys.outcome_key(spec.name, trial.round_number, trial.trial_id): trial.trial_id for trial in trials}
    present = bucket.present(names)
    there = [key for key in names if key in present]
    found = for_all(lambda key: recorded(bucket, key), there)
    return {
        names[key]: outcome.before(execution) if isinstance(outcome, JobOutcome) else {}
        for key, outcome in zip(there, found, strict=True)
    }


def _check_means(spec: SweepSpec, job: StackJob, *, held: Sequence[str]) -> None:
    """Raises InvalidSweep where the spec asks for secrets or resources that no job of the stack gets."""
    there = ", ".join(held) or "none"
    faults = [
        f"secrets.{name}: jobs are not given it, they have {there}; `sweep deploy -c secrets=…` says where its value is"
        for name in spec.secrets
        if name not in held
    ]
    if faults := [*faults, *job.faults_of(spec.resources)]:
        raise InvalidSweep(faults)


def _next_round(bucket: Bucket, spec: SweepSpec, round_number: int, trainer_version: str) -> list[Trial]:
    key = keys.results_key(spec.name, round_number - 1)
    results = RoundResults.from_json(bucket.written_json(key), where=key).results
    proposed = []
    if rounds.wanted_of_model(spec, grouped(results)):
        document = bucket.written_json(keys.proposed_key(spec.name, round_number))
        proposed = [
            {name: parse_value(params[name]) for name in spec.parameters if name in params} for params in document
        ]
    return rounds.next_round(spec, results, proposed, round_number=round_number, trainer_version=trainer_version)


def _check_planned_trainer(bucket: Bucket, spec: SweepSpec, trainer: Trainer) -> None:
    """Refuses to continue with another trainer than that of round 0."""
    key = keys.plan_key(spec.name, 0)
    try:
        document = bucket.get_json(key)
        earlier = RoundPlan.from_json(document, where=key) if document is not None else None
    except InvalidDocument as error:
        raise InvalidSweep(
            [
                f"name: the plan of the sweep {shown(spec.name)} cannot be read ({error}); delete this object, and the "
                "sweep is planned anew, or choose another name"
            ]
        ) from None
    if earlier is not None:
        check_trainer(spec, then=Trainer(version=earlier.trainer_version, name=earlier.trainer_name), now=trainer)
