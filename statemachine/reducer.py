"""Lambda function "reduce": the metrics in S3 → every planned trial's outcome, the leaderboard, the winner or front.

It uses only the standard library and boto3. The function's package contains the rooms that it imports. Its output
depends only on the bucket's contents: if it is killed and runs again, it writes the same bytes.
"""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

from stepsweep.bucket.job_logs import CloudLastLines, LastLines, with_last_lines
from stepsweep.bucket.latest import other_execution
from stepsweep.bucket.outcomes import Outcomes, Unreadable
from stepsweep.bucket.s3 import Bucket, for_all, from_json
from stepsweep.bucket.stores import S3Store
from stepsweep.bucket.trials import Read, read_result
from stepsweep.contract import keys, rounds
from stepsweep.contract.documents import RoundPlan, RoundResults
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.jobs import NO_JOB_STARTED
from stepsweep.contract.means import StackJob
from stepsweep.contract.results import Group, Result, grouped
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.stop import Course
from stepsweep.contract.trial import Trial
from stepsweep.statemachine import kept
from stepsweep.statemachine.conclusion import conclude, left_to_the_planner
from stepsweep.statemachine.leg import end_leg
from stepsweep.statemachine.log import Invocation
from stepsweep.statemachine.report import Ground, leave_report
from stepsweep.statemachine.spending import cost_of, over_budget, spent_until

MAX_LOG_READS = 100
"""Failed trials whose last log line is read."""


def handler(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Ends one round.

    Args:
        event: `{"sweep": name, "execution": its name, "round": number, "ended": how the training ended, "leg": number,
            "started": when the execution started, "entered": when its state did}`. Training ends with an error and a
            cause (`contract/jobs.py`), or with `{}` if there was none. The leg is null for a search in rounds. For a
            free-running one the round is the leg of the execution.

    Returns:
        `{"another_round": true, "sweep": name, "round": the next one, "ask": whether a model proposes params for it}`
        while the search continues; at its end `{"another_round": false, "output": …}`, or
        `{"another_round": false, "fault": text}` if no trial succeeded.
    """
    bucket = S3Store(os.environ[keys.BUCKET], kept.s3())
    logs = boto3.client("logs", config=Config(retries={"mode": "standard", "max_attempts": 8}))
    last_lines = CloudLastLines(logs, os.environ[keys.LOG_GROUP], at_most=MAX_LOG_READS)
    invocation = Invocation("reduce", sweep=event["sweep"], round_number=event["round"])
    job = StackJob.from_json(json.loads(os.environ[keys.JOB]), where=keys.JOB)
    map_results, no_job_started = _how_training_ended(event["ended"])
    # An earlier version's execution, which goes on with this function, does not name itself.
    execution = event.get("execution", "")
    if event["leg"] is None:
        # Not this process's clock: a function that runs again must decide the same.
        since = datetime.fromisoformat(event["entered"]) - datetime.fromisoformat(event["started"])
        state = reduce(
            bucket,
            last_lines,
            sweep=event["sweep"],
            execution=execution,
            round_number=event["round"],
            map_results=map_results,
            no_job_started=no_job_started,
            usd_per_hour=float(os.environ[keys.USD_PER_HOUR]),
            job=job,
            hours=since.total_seconds() / 3600,
        )
    else:
        state = end_leg(
            bucket,
            last_lines,
            sweep=event["sweep"],
            execution=execution,
            part=event["round"],
            no_job_started=no_job_started,
            job=job,
        )
    report: dict[str, object] = {}
    if not state["another_round"]:
        report = leave_report(
            bucket,
            event["sweep"],
            _ground(),
            round_number=event["round"],
            map_results=map_results,
            context=context,
        )
    invocation.ended(another_round=state["another_round"], has_winner="output" in state, **report)
    return state


def _ground() -> Ground:
    """Returns where the function runs. An endpoint of its own means an embedded cloud: a page must not ask for `--on
    aws` there, or speak of costs."""
    return Ground(stack="" if "AWS_ENDPOINT_URL" in os.environ else os.environ[keys.STACK])


def reduce(
    bucket: Bucket,
    last_lines: LastLines,
    *,
    sweep: str,
    round_number: int,
    map_results: Any,
    usd_per_hour: float,
    job: StackJob,
    execution: str = "",
    hours: float = 0.0,
    no_job_started: str = "",
) -> dict[str, Any]:
    """Reads every planned trial's metrics, and writes results.json, from which the next round is planned.

    At the end of the search it ranks them, keeps the artifacts of the best, and writes leaderboard.csv and winner.json
    or, with several objectives, front.json.

    Args:
        map_results: the place of the Map's own record of the round; see `outcomes.of_map`. It saves one request per
            trial, and decides nothing: without it the function writes the same.
        usd_per_hour: of a machine that the stack's own job fills.
        job: what a trial gets that asks for nothing.
        execution: whose round it is; empty if that is not known.
        hours: since the execution started.
        no_job_started: why not one of the round's jobs started, if so. Then it is the outcome of each, and the search
            ends.
    """
    key = keys.plan_key(sweep, round_number)
    plan = RoundPlan.from_json(bucket.written_json(key), where=key)
    if execution not in ("", plan.execution):  # another one has begun to plan
        return left_to_the_planner(sweep, round_number)
    spec, trials = plan.spec, plan.trials
    fleet = Fleet.of(spec, job, usd_per_hour=usd_per_hour)

    outcomes = Outcomes(bucket, trials, sweep=sweep, round_number=round_number, map_results=map_results)

    def outcome_of(trial: Trial) -> JobOutcome | Unreadable | None:
        found = outcomes.of(trial)
        if no_job_started and trial.round_number == round_number:
            earlier = found.seconds_of if isinstance(found, JobOutcome) else {}
            return JobOutcome.never_started(trial.trial_id, no_job_started, execution=plan.execution, earlier=earlier)
        return found

    def read(trial: Trial) -> Read:
        return read_result(bucket, trial, spec.objectives, outcome=outcome_of(trial), in_rounds=True)

    all_read = for_all(read, trials)
    results = with_last_lines(all_read, last_lines)
    if no_job_started and round_number:
        results = _as_before(bucket, sweep, round_number, results)
    spent, in_all = spent_until(bucket, plan, all_read, fleet)
    # After what takes long: another execution may have planned, and even ended, since this function began.
    if execution and other_execution(bucket, sweep, execution):
        return left_to_the_planner(sweep, round_number)
    bucket.put_json(
        keys.results_key(sweep, round_number),
        RoundResults(
            execution=plan.execution, round_number=round_number, spent=spent, results=tuple(results)
        ).to_json(),
    )
    groups = grouped(results)
    has_winner = any(group.is_complete for group in groups)
    goes_on = has_winner and rounds.goes_on(spec, groups)
    ended_by = no_job_started or None
    if goes_on and not ended_by:
        ended_by = _stopped(bucket, spec, groups, round_number, hours)
        ended_by = ended_by or over_budget(spec, results, in_all, round_number + 1, fleet)
    if goes_on and not ended_by:
        ask = bool(rounds.wanted_of_model(spec, groups))
        return {"another_round": True, "sweep": sweep, "round": round_number + 1, "ask": ask}

    cost = cost_of(in_all, fleet, job_gpus=spec.resources.gpus or job.gpus)
    return conclude(
        bucket,
        spec,
        results,
        execution=plan.execution,
        rounds_run=round_number + 1,
        plan_key=keys.plan_key(sweep, round_number),
        ended_by=ended_by,
        cost=cost,
    )


def _how_training_ended(ended: Mapping[str, Any]) -> tuple[Any, str]:
    """Returns the Map's output, and why no job started, if so."""
    error, cause = ended.get("Error"), str(ended.get("Cause", ""))
    if error == NO_JOB_STARTED:
        return {}, cause
    try:
        return from_json(cause) if cause else {}, ""
    except ValueError:
        return {}, ""


def _as_before(bucket: Bucket, sweep: str, round_number: int, results: Sequence[Result]) -> list[Result]:
    """Returns results in which params that this round did not get to continue stand where they stood before it.

    Otherwise the winner would be one that was not good enough to continue. All trials of such params go back: the mean
    of values after different epochs compares with nothing.
    """
    key = keys.results_key(sweep, round_number - 1)
    before = {each.trial.trial_id: each for each in RoundResults.from_json(bucket.written_json(key), where=key).results}
    return [
        each if group.is_complete else before.get(each.trial.trial_id, each)
        for group in grouped(results)
        for each in group.results
    ]


def _stopped(bucket: Bucket, spec: SweepSpec, groups: Sequence[Group], round_number: int, hours: float) -> str | None:
    """Returns the rule that ends the search after this round; None if none does."""
    course = Course()
    if spec.stop.max_trials_without_improvement is not None:
        for number in range(round_number):
            key = keys.results_key(spec.name, number)
            before = RoundResults.from_json(bucket.written_json(key), where=key).results
            course = course.after(_values_of_round(grouped(before), number), spec.objective)
        course = course.after(_values_of_round(groups, round_number), spec.objective)
    last = len(spec.rungs) - 1  # values of other rungs do not compare
    values = [group.value for group in groups if group.rung == last and group.value is not None]
    best = min(values, key=spec.objective.rank, default=None)
    why = spec.stop.why(spec.objective, best=best, without_improvement=course.without_improvement, hours=hours)
    return why or None


def _values_of_round(groups: Sequence[Group], round_number: int) -> list[float | None]:
    """Returns the values of the params that a round trained."""
    return [group.value for group in groups if any(each.trial.round_number == round_number for each in group.results)]
