"""The end of a leg of a free-running search: another leg takes up what is left, or the search has ended."""

from dataclasses import replace
from typing import Any

from stepsweep.bucket.job_logs import LastLines, with_last_lines
from stepsweep.bucket.latest import other_execution
from stepsweep.bucket.outcomes import Outcomes, Unreadable
from stepsweep.bucket.s3 import Bucket, for_all
from stepsweep.bucket.search_log import SearchLog
from stepsweep.bucket.trials import Read, read_result
from stepsweep.contract import keys
from stepsweep.contract.described import sets_of_params, verb
from stepsweep.contract.documents import RoundPlan, RoundResults
from stepsweep.contract.free_running import begin
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.means import StackJob
from stepsweep.contract.trial import Status, Trial
from stepsweep.statemachine.conclusion import conclude, left_to_the_planner
from stepsweep.statemachine.spending import cost_of


def end_leg(
    bucket: Bucket,
    last_lines: LastLines,
    *,
    sweep: str,
    job: StackJob,
    execution: str = "",
    part: int = 0,
    no_job_started: str = "",
) -> dict[str, Any]:
    """Ends a leg of a free-running search, of which no worker runs any more.

    If trials are left, such as those of workers that failed, another leg takes them up, unless this one got nowhere.
    Otherwise it writes what `reducer.reduce` does at the end of the search.

    Args:
        job: what a trial gets that asks for nothing.
        execution: whose leg it is; empty if that is not known.
        part: the leg's number in its execution.
        no_job_started: why not one of the leg's jobs started, if so. Then the search ends.
    """
    state = SearchLog.read(bucket, sweep).state
    if state is None:
        raise FileNotFoundError(f"the log of {sweep} is not in the bucket: it was deleted while the sweep ran")
    if execution not in ("", state.began.execution):
        return left_to_the_planner(sweep, part)
    spec, leg = state.spec, state.began.leg
    following = replace(state.began, leg=leg + 1, part=state.began.part + 1, first=())
    ended_by = no_job_started or state.ended_by or None
    is_left = not ended_by and begin(state, following, workers=1).workers > 0
    if is_left and any(turn for turn, _ in state.turns.values()):
        return {"another_round": True, "sweep": sweep, "round": following.part, "ask": False}
    if is_left:
        left = f"{sets_of_params(state.left)} {verb(state.left, 'was', 'were')} not tried"
        ended_by = f"every worker failed before it could ask for its next trial; {left}"

    ended = state.ended()
    trials, open_ones = ended.trials(), {trial.trial_id for trial in ended.open_trials()}
    outcomes = Outcomes(bucket, trials, sweep=sweep, round_number=None, map_results={})

    def outcome_of(trial: Trial) -> JobOutcome | Unreadable | None:
        outcome = outcomes.of(trial)
        if outcome is None and no_job_started:
            return JobOutcome.never_started(trial.trial_id, no_job_started, execution=state.began.execution)
        if outcome is None and state.ended_by and trial.trial_id in open_ones:
            return JobOutcome.ended_with(trial.trial_id, state.ended_by, execution=state.began.execution)
        return outcome

    def read(trial: Trial) -> Read:
        found = read_result(bucket, trial, spec.objectives, outcome=None)
        # Metrics decide: only of a trial without any does the record of its job give the reason.
        if found.result.outcome.status is not Status.MISSING:
            return found
        return read_result(bucket, trial, spec.objectives, outcome=outcome_of(trial))

    all_read = for_all(read, trials)
    results = with_last_lines(all_read, last_lines)
    if execution and other_execution(bucket, sweep, execution):  # as in `reducer.reduce`
        return left_to_the_planner(sweep, part)
    plan = RoundPlan(
        execution=state.began.execution,
        spec=spec,
        round_number=leg,
        is_resumed=leg > state.began.part,
        recorded_before=(),
        trainer_version=state.began.trainer_version,
        trainer_name=state.began.trainer_name,
        trials=tuple(trials),
    )
    bucket.put_json(keys.free_plan_key(sweep), plan.to_json())
    bucket.put_json(
        keys.free_results_key(sweep),
        RoundResults(
            execution=state.began.execution, round_number=leg, spent=state.spent, results=tuple(results)
        ).to_json(),
    )
    return conclude(
        bucket,
        spec,
        results,
        execution=state.began.execution,
        rounds_run=1,
        plan_key=keys.free_plan_key(sweep),
        ended_by=ended_by,
        cost=cost_of(state.spent, state.began.fleet, job_gpus=spec.resources.gpus or job.gpus),
    )
