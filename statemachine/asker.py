"""Lambda function "answer": a worker's trial has ended → what the worker trains next, in a free-running search.

It records the trial's outcome, and appends one event to the search's log: the trial's end and the next task. What it
keeps of the log for its next invocation may be lost or old. If it is killed and runs again, it finds its answer in the
log, or gives one.

It has the packages of the model (`statemachine/sampler.py`), and loads them only when a model is asked.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stepsweep.bucket.outcomes import recorded
from stepsweep.bucket.s3 import Bucket
from stepsweep.bucket.search_log import KeptLogs, SearchLog
from stepsweep.bucket.trials import read_result
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.events import Task, TaskEnd
from stepsweep.contract.free_running import answer, ends_what_runs
from stepsweep.contract.job_outcome import JobOutcome, begun
from stepsweep.contract.jobs import ENDED_WITH_THE_SEARCH
from stepsweep.contract.means import StackJob
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.space import Params
from stepsweep.contract.trial import Status
from stepsweep.contract.worker import ASK, END, STOP, TRAIN, worker_state
from stepsweep.statemachine import kept
from stepsweep.statemachine.log import Invocation

MAX_SECONDS = 120.0
"""After which a worker that finds only trained trials asks again: an invocation must not run into its timeout."""


def handler(event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
    """Answers one worker.

    Args:
        event: `{"sweep": name, "execution": its name, "leg": number, "worker": number, "turn": number,
            "ended": how its job ended}`. The last is `{"job": …}` or `{"failure": …}`, or empty if there was no job.

    Returns:
        The worker's next state; see `worker_state`.
    """
    invocation = Invocation("answer", sweep=event["sweep"], round_number=event["leg"])
    question = Question(
        # An earlier version's execution, which goes on with this function, does not name itself.
        execution=event.get("execution", ""), leg=event["leg"], worker=event["worker"], turn=event["turn"]
    )  # fmt: skip
    bucket = Bucket(os.environ[keys.BUCKET], kept.s3())
    job = StackJob.from_json(json.loads(os.environ[keys.JOB]), where=keys.JOB)
    logs = kept.logs() if question.execution else KeptLogs()
    state = told(bucket, event["sweep"], question, ended=event["ended"], job=job, logs=logs)
    invocation.ended(worker=question.worker, turn=state["question"]["turn"], do=state["do"])
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A worker asks what to do, for the `turn`-th time of its leg.

    Attributes:
        execution: its name; empty if it is not known.
    """

    execution: str = ""
    leg: int
    worker: int
    turn: int


def told(
    bucket: Bucket, sweep: str, question: Question, *, ended: Mapping[str, Any], job: StackJob, logs: KeptLogs
) -> dict[str, Any]:
    """Answers a worker, and returns its next state.

    A trial that was trained before, by this sweep or another, ends at once, and the worker gets the next one.

    Args:
        logs: what this environment has read.
    """
    with logs.of(bucket, sweep, execution=question.execution) as log:
        return _told(bucket, log, question, ended=ended, job=job)


def _told(
    bucket: Bucket, log: SearchLog, question: Question, *, ended: Mapping[str, Any], job: StackJob
) -> dict[str, Any]:
    until = time.monotonic() + MAX_SECONDS
    while True:
        state, turn, task = _answered(bucket, log, question, ended)
        next_state = partial(worker_state, state, question.worker, turn=turn + 1, bucket=bucket.name, job=job)
        if task is None and ends_what_runs(state, question.worker):
            return next_state(do=STOP, why=f"{ENDED_WITH_THE_SEARCH}{state.ended_by}")
        if task is None:
            return next_state(do=END)
        trial = state.trial(task.candidate, task.member)
        if not bucket.has(trial.metrics_key):
            return next_state(do=TRAIN, trial=trial, medians=task.medians)
        if time.monotonic() > until:
            return next_state(do=ASK)
        question, ended = replace(question, turn=turn + 1), {}


def _answered(
    bucket: Bucket, log: SearchLog, question: Question, ended: Mapping[str, Any]
) -> tuple[SearchState, int, Task | None]:
    """Returns the state, the turn and the task of the answer in the log; appends it if it is missing."""
    end: TaskEnd | None = None
    proposed: list[Params] | None = None
    seen: int | None = None
    while True:
        state = log.state
        if state is None:
            raise FileNotFoundError(f"the log of {question} is not in the bucket: it was deleted while the sweep ran")
        if question.leg != state.began.leg or question.execution not in ("", state.began.execution):
            return state, question.turn, None
        turn, task = state.turns.get(question.worker, (-1, None))
        if turn >= question.turn:  # answered: the first answer was lost on its way
            return state, turn, task
        if end is None and task is not None:
            end = _end(bucket, state, task, ended)
        event = answer(
            state, leg=question.leg, worker=question.worker, turn=question.turn,
            ended=end, proposed=proposed, seen=seen, hours=(time.time() - state.began.started) / 3600,
        )  # fmt: skip
        if event is None:
            seen = state.events
            proposed = _proposed(state, question, end)
        else:
            log.append(event)


def _end(bucket: Bucket, state: SearchState, task: Task, ended: Mapping[str, Any]) -> TaskEnd:
    """Records how a job ended, and returns what its trial's metrics say."""
    trial = state.trial(task.candidate, task.member)
    outcome = None
    if ended:
        status = Status.FAILED if "failure" in ended else Status.SUCCEEDED
        key = keys.outcome_key(state.spec.name, trial.round_number, trial.trial_id)
        execution, earlier = state.began.execution, None
        if state.began.leg > state.began.part and isinstance(before := recorded(bucket, key), JobOutcome):
            earlier = before.before(execution)  # another execution began the search
        document = {**begun(trial.trial_id, status, execution=execution, earlier=earlier), **ended}
        bucket.put_json(key, document)
        try:
            outcome = JobOutcome.from_json(document, where=key)
        except InvalidDocument:  # part of it is AWS's
            outcome = None
    rule = state.spec.stop.median
    judged = rule.judged(state.spec.epochs) if rule else ()
    read = read_result(bucket, trial, state.spec.objectives, outcome=outcome, averages_at=judged)
    result = read.result
    return TaskEnd(
        status=result.outcome.status,
        reason=result.outcome.reason,
        cause=result.outcome.cause,
        value=result.value,
        epoch=result.epoch,
        epochs_trained=result.epochs_trained,
        job_seconds=read.job_seconds,
        by_objective=result.by_objective,
        ended=read.ended,
        averages=read.averages,
    )


def _proposed(state: SearchState, question: Question, end: TaskEnd | None) -> list[Params]:
    """Asks the model once in an invocation; after a conflict its params are only compared again."""
    from stepsweep.statemachine.sampler import propose_next

    known = state.copy()
    known.end_task(question.worker, end)
    return list(propose_next(known))
