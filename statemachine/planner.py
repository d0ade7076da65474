"""Lambda function "plan": the input and the finished trials → the trials of this round.

It uses only the standard library and boto3. The function's package contains the rooms that it imports.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from stepsweep.bucket.s3 import Bucket, s3_client
from stepsweep.contract import keys, rounds
from stepsweep.contract.cost import Rates
from stepsweep.contract.documents import RoundPlan, RoundResults, TrialItem
from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.means import StackJob
from stepsweep.contract.ranking import grouped
from stepsweep.contract.space import parse_value
from stepsweep.contract.spec import ABOUT_THE_RUN, SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.statemachine.log import Invocation


def handler(event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
    """Plans one round.

    Args:
        event: `{"input": the execution's input, "execution": its name, "round": number}`.

    Returns:
        The input of the following states; see `plan`. For wrong input it returns `{"fault": text}`, so that the
        execution ends in a state that shows the text, not as an error of this function.
    """
    bucket = Bucket(os.environ[keys.BUCKET], s3_client())
    seconds = os.environ.get(keys.SECONDS_PER_EPOCH)
    rates = Rates(
        usd_per_hour=float(os.environ[keys.USD_PER_HOUR]), seconds_per_epoch=float(seconds) if seconds else None
    )
    try:
        spec = SweepSpec.from_json(event["input"], default_name=event["execution"])
        job = StackJob.from_json(json.loads(os.environ[keys.JOB]), where=keys.JOB)
        _check_means(spec, job, held=json.loads(os.environ[keys.SECRETS]))
        invocation = Invocation("plan", sweep=spec.name, round_number=event["round"])
        state = plan(
            bucket,
            spec,
            round_number=event["round"],
            trainer_version=os.environ[keys.TRAINER_VERSION],
            trainer_name=os.environ[keys.TRAINER_NAME],
            max_concurrency=int(os.environ[keys.DEFAULT_MAX_CONCURRENCY]),
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
    round_number: int,
    trainer_version: str,
    trainer_name: str,
    max_concurrency: int,
    rates: Rates,
    job: StackJob,
) -> dict[str, Any]:
    """Writes the round's plan, and the trials that still have to be trained.

    Trials with metrics, from this sweep or any other, are planned but not trained again. A later round is planned from
    the results of the one before. It keeps the trainer of round 0, whose image the execution's jobs run even if a
    deploy has replaced it meanwhile.

    Args:
        rates: of a machine that the stack's own job fills; a trial that asks for more of it costs more. The spec's
            `seconds_per_epoch` takes the place of theirs.
        job: what a trial gets that asks for nothing.

    Raises:
        InvalidSweep: the estimate exceeds the budget or is unknown, another input has the sweep's name, or the sweep
            was planned for another trainer. Then nothing is written.
    """
    if round_number:
        key = keys.plan_key(spec.name, round_number - 1)
        before = RoundPlan.from_json(bucket.written_json(key), where=key)
        trainer_version, trainer_name = before.trainer_version, before.trainer_name
        trials = _next_round(bucket, spec, round_number, trainer_version)
    else:
        trials = rounds.first_round(spec, trainer_version=trainer_version)
    planned = [trial for trial in trials if trial.round_number == round_number]
    finished = bucket.present(trial.metrics_key for trial in planned)
    to_run = [trial for trial in planned if trial.metrics_key not in finished]
    rates = replace(
        rates.of_machines(job.machines(spec.resources)),
        seconds_per_epoch=spec.seconds_per_epoch or rates.seconds_per_epoch,
    )
    usd = rates.estimate_usd(epochs=rounds.epochs_to_train(spec, to_run))
    if not round_number:
        usd = _within_budget(spec, planned, to_run, rates, trainer_name)
        if not _claim(bucket, spec) and not spec.accept_trainer:
            _check_trainer(bucket, spec, trainer_version=trainer_version, trainer_name=trainer_name)

    bucket.put_json(
        keys.plan_key(spec.name, round_number),
        RoundPlan(
            spec=spec,
            round_number=round_number,
            trainer_version=trainer_version,
            trainer_name=trainer_name,
            trials=tuple(trials),
        ).to_json(),
    )
    to_run_key = keys.to_run_key(spec.name, round_number)
    bucket.put_json(
        to_run_key, [TrialItem.of(trial, spec=spec, bucket=bucket.name, job=job).to_json() for trial in to_run]
    )
    return {
        "sweep": spec.name,
        "round": round_number,
        "planned": len(trials),
        "to_run": len(to_run),
        "to_run_key": to_run_key,
        "map_results_prefix": keys.map_results_prefix(spec.name, round_number),
        "map_results": {},  # the reducer reads it; the Map replaces it with its own, if it runs and does not fail
        "max_concurrency": spec.max_concurrency or max_concurrency,
        "usd_at_most": None if usd is None else round(usd, 4),
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
    if rounds.wanted(spec, grouped(results)):
        document = bucket.written_json(keys.proposed_key(spec.name, round_number))
        proposed = [{name: parse_value(params[name]) for name in spec.parameters} for params in document]
    return rounds.next_round(spec, results, proposed, round_number=round_number, trainer_version=trainer_version)


def _within_budget(
    spec: SweepSpec, planned: Sequence[Trial], to_run: Sequence[Trial], rates: Rates, trainer_name: str
) -> float | None:
    """Returns the estimated maximum cost of all rounds; None if nobody has measured the trainer.

    Raises InvalidSweep if the cost exceeds the budget, or is unknown and there is a budget.
    """
    schedule = rounds.schedule(spec)
    finished = len(planned) - len(to_run)
    usd = rates.estimate_usd(epochs=sum(each.epochs for each in schedule) - finished * spec.rungs[0])
    if spec.budget_usd is not None and usd is None and to_run:
        raise InvalidSweep(
            [
                f"budget_usd: cannot be checked: the time that the trainer {json.dumps(trainer_name)} takes for an "
                "epoch is unknown; give seconds_per_epoch (`sweep plan --calibrate` measures it), or leave "
                "budget_usd out"
            ]
        )
    if spec.budget_usd is not None and usd is not None and usd > spec.budget_usd:
        what = f"{len(to_run)} trials of up to {spec.epochs} epochs"
        if len(schedule) > 1:
            what += f" in {len(schedule)} rounds"
        raise InvalidSweep(
            [
                f"budget_usd: {what} are estimated at {usd:.2f} USD "
                f"({rates.seconds_per_epoch:g} s per epoch, {rates.usd_per_hour:g} USD per hour), more than "
                f"{spec.budget_usd:g}; give fewer trials or epochs, or a larger budget"
            ]
        )
    return usd


def _claim(bucket: Bucket, spec: SweepSpec) -> bool:
    """Claims the sweep's name for this input. Returns False if the same input has it already: the sweep continues."""
    key = keys.spec_key(spec.name)
    if bucket.put_json_once(key, spec.to_json()):
        return True
    try:
        earlier = SweepSpec.from_json(bucket.get_json(key))
    except (InvalidSweep, InvalidDocument):
        difference = f"its {key} cannot be read"
    else:
        if spec.same_work(earlier):
            return False
        difference = _first_difference(spec, earlier)
    raise InvalidSweep(
        [
            f"name: the sweep {json.dumps(spec.name)} is there already and asked for something else "
            f"({difference}); choose another name, trials that are finished are not repeated"
        ]
    )


def _check_trainer(bucket: Bucket, spec: SweepSpec, *, trainer_version: str, trainer_name: str) -> None:
    """Refuses to continue with another trainer: comparing results of two trainers would give a wrong winner."""
    key, sweep = keys.plan_key(spec.name, 0), json.dumps(spec.name)
    try:
        document = bucket.get_json(key)
        earlier = RoundPlan.from_json(document, where=key) if document is not None else None
    except InvalidDocument as error:
        raise InvalidSweep(
            [f"name: the plan of the sweep {sweep} cannot be read ({error}); choose another name"]
        ) from None
    if earlier is None or earlier.trainer_version == trainer_version:
        return
    then, now = json.dumps(earlier.trainer_name), json.dumps(trainer_name)
    what = f"the sweep {sweep} was planned for the trainer {then}, and this one is {now}"
    if then == now:
        what = f"the trainer {now} has changed since the sweep {sweep} was planned"
    raise InvalidSweep(
        [
            f"name: {what}; choose another name, take the trainer that it was planned for, or set accept_trainer "
            "(--accept-trainer): all of its trials then count as new"
        ]
    )


def _first_difference(spec: SweepSpec, earlier: SweepSpec) -> str:
    then, now = earlier.to_json(), spec.to_json()
    name = next(name for name in now if json.dumps(now[name]) != json.dumps(then[name]) and name not in ABOUT_THE_RUN)
    return f"its {name} was {json.dumps(then[name])[:200]}"
