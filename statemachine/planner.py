"""Lambda function "plan": what was asked and what is finished → the trials of this round.

Standard library and boto3 only; the function's package holds `sweep/` and this folder's functions.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from statemachine.bucket import Bucket, for_all, s3_client
from sweep import keys
from sweep.cost import Rates
from sweep.errors import InvalidSweep
from sweep.spec import ABOUT_THE_RUN, SweepSpec
from sweep.trial import Trial


def handler(event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
    """Plans one round; the state machine's first state.

    Args:
        event: `{"input": what the execution was given, "execution": its name, "round": 0}`.

    Returns:
        What the following states read: see `plan`. Wrong input comes back as `{"fault": text}`, so that the
        execution ends in a state that says so, and not as an error of this function.
    """
    bucket = Bucket(os.environ[keys.BUCKET], s3_client())
    rates = Rates(
        usd_per_hour=float(os.environ[keys.USD_PER_HOUR]), seconds_per_epoch=float(os.environ[keys.SECONDS_PER_EPOCH])
    )
    try:
        spec = SweepSpec.from_json(event["input"], default_name=event["execution"])
        return plan(
            bucket,
            spec,
            round_number=event["round"],
            trainer_version=os.environ[keys.TRAINER_VERSION],
            max_concurrency=int(os.environ[keys.DEFAULT_MAX_CONCURRENCY]),
            rates=rates,
        )
    except InvalidSweep as error:
        return {"fault": str(error)}


def plan(
    bucket: Bucket, spec: SweepSpec, *, round_number: int, trainer_version: str, max_concurrency: int, rates: Rates
) -> dict[str, Any]:
    """Writes the round's plan, and beside it the trials that still have to be trained.

    Trials whose metrics are there, of this sweep or any other, are planned and not trained again.

    Raises:
        InvalidSweep: the estimate is above the budget, or the sweep's name was taken for another input. Nothing is
            written then.
    """
    trials = spec.trials(trainer_version=trainer_version)
    finished = for_all(lambda trial: bucket.has(trial.metrics_key), trials)
    to_run = [trial for trial, is_finished in zip(trials, finished, strict=True) if not is_finished]
    usd = _within_budget(spec, len(to_run), rates)
    _claim(bucket, spec)

    bucket.put_json(
        keys.plan_key(spec.name, round_number),
        {
            "spec": spec.to_json(),
            "round": round_number,
            "trainer_version": trainer_version,
            "trials": [trial.to_json() for trial in trials],
        },
    )
    to_run_key = keys.to_run_key(spec.name, round_number)
    bucket.put_json(to_run_key, [_map_item(bucket, spec, round_number, trial) for trial in to_run])
    return {
        "sweep": spec.name,
        "round": round_number,
        "planned": len(trials),
        "to_run": len(to_run),
        "to_run_key": to_run_key,
        "map_results_prefix": keys.map_results_prefix(spec.name, round_number),
        "max_concurrency": spec.max_concurrency or max_concurrency,
        "usd_at_most": round(usd, 4),
    }


def _within_budget(spec: SweepSpec, trials: int, rates: Rates) -> float:
    """Returns the estimate of what training costs. Raises InvalidSweep where the budget is below it."""
    usd = rates.estimate_usd(trials=trials, epochs=spec.epochs)
    if spec.budget_usd is not None and usd > spec.budget_usd:
        raise InvalidSweep(
            [
                f"budget_usd: {trials} trials of up to {spec.epochs} epochs are estimated at {usd:.2f} USD "
                f"({rates.seconds_per_epoch:g} s an epoch, {rates.usd_per_hour:g} USD an hour), more than "
                f"{spec.budget_usd:g}; give fewer trials or epochs, or a larger budget"
            ]
        )
    return usd


def _map_item(bucket: Bucket, spec: SweepSpec, round_number: int, trial: Trial) -> dict[str, Any]:
    """Returns what the states of one trial read. Texts only: a number in a Batch request ends the whole Map."""
    return {
        "sweep": spec.name,
        "trial_id": trial.trial_id,
        "command": trial.command(),
        "metrics_uri": keys.uri(bucket.name, trial.metrics_key),
        "checkpoint_uri": keys.uri(bucket.name, keys.checkpoint_prefix(trial.trial_id)),
        "outcome_key": keys.outcome_key(spec.name, round_number, trial.trial_id),
    }


def _claim(bucket: Bucket, spec: SweepSpec) -> None:
    """Takes the sweep's name for this input, or finds that it was taken for the same one: then the sweep goes on."""
    key = keys.spec_key(spec.name)
    if bucket.put_json_once(key, spec.to_json()):
        return
    try:
        earlier = SweepSpec.from_json(bucket.get_json(key))
    except (InvalidSweep, ValueError):
        difference = f"its {key} cannot be read"
    else:
        if spec.same_work(earlier):
            return
        difference = _first_difference(spec, earlier)
    raise InvalidSweep(
        [
            f"name: the sweep {json.dumps(spec.name)} is there already and asked for something else "
            f"({difference}); choose another name, trials that are finished are not repeated"
        ]
    )


def _first_difference(spec: SweepSpec, earlier: SweepSpec) -> str:
    then, now = earlier.to_json(), spec.to_json()
    name = next(name for name in now if json.dumps(now[name]) != json.dumps(then[name]) and name not in ABOUT_THE_RUN)
    return f"its {name} was {json.dumps(then[name])[:200]}"
