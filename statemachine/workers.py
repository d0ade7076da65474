"""The legs of a free-running search: begins one with the items of its workers, as part of the function "plan"."""

import time
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from stepsweep.bucket.latest import has_planned, taken_over
from stepsweep.bucket.s3 import Bucket
from stepsweep.bucket.search_log import SearchLog
from stepsweep.contract import keys
from stepsweep.contract.budget import within_budget
from stepsweep.contract.cost import Rates
from stepsweep.contract.events import Began
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.free_running import begin
from stepsweep.contract.means import StackJob
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.worker import ASK, TRAIN, worker_state
from stepsweep.statemachine.claims import Trainer, check_trainer, claim


def plan_workers(
    bucket: Bucket,
    spec: SweepSpec,
    *,
    execution: str,
    started_at: datetime,
    part: int,
    trainer: Trainer,
    workers: int,
    rates: Rates,
    job: StackJob,
) -> dict[str, Any]:
    """Begins a leg of a free-running search, and writes the items of its workers.

    The event that begins it gives each worker its first trial, so that they need not all ask at once. If the event
    is in the log already, this function was invoked before, and writes the same items.

    Args:
        execution: name of the execution.
        started_at: when it started.
        part: counts the legs of the execution, from 0.
        workers: the most that there may be.
        rates: of a machine that the stack's own job fills.

    Raises:
        InvalidSweep: as `plan` does.
    """
    log = SearchLog.read(bucket, spec.name)
    if not part:
        within_budget(spec, rates, job, finished=0, to_run=spec.number_of_trials)
        if not claim(bucket, spec) and log.state is not None and not spec.accept_trainer:
            check_trainer(spec, then=_trainer_of(log.state.began), now=trainer)
    elif log.state is not None:  # an execution's jobs run the image that it started with
        trainer = _trainer_of(log.state.began)
    began = Began(
        leg=0,
        execution=execution,
        part=part,
        started=started_at.timestamp(),
        spec=spec,
        trainer_version=trainer.version,
        trainer_name=trainer.name,
        fleet=Fleet.of(spec, job, usd_per_hour=rates.usd_per_hour),
    )
    state = _begun(log, began, workers=workers)
    tasks = {worker: task for worker, (_, task) in state.turns.items() if task is not None}
    trials = {worker: state.trial(task.candidate, task.member) for worker, task in tasks.items()}
    finished = bucket.present(trial.metrics_key for trial in trials.values())
    items = []
    for worker in range(state.began.workers):
        trial = trials.get(worker)
        item = partial(worker_state, state, worker, turn=1 if trial else 0, bucket=bucket.name, job=job)
        has_job = trial is not None and trial.metrics_key not in finished
        items.append(item(do=TRAIN, trial=trial, medians=tasks[worker].medians) if has_job else item(do=ASK))
    key = keys.workers_key(spec.name, state.began.leg)
    bucket.put_json(key, items)
    has_planned(
        bucket,
        spec,
        execution=execution,
        started_at=started_at,
        round_number=state.began.leg,
        trainer_version=trainer.version,
    )
    return {
        "sweep": spec.name,
        "round": part,
        "planned": spec.number_of_trials,
        "to_run": len(items),
        "to_run_key": key,
        "planned_at": int(time.time() * 1000),
        "ended": {},
        "max_concurrency": max(1, len(items)),
        "leg": state.began.leg,
    }


def _begun(log: SearchLog, began: Began, *, workers: int) -> SearchState:
    """Returns the state of the log after the event that begins this leg."""
    while True:
        before = log.state
        if before is not None and (before.began.execution, before.began.part) == (began.execution, began.part):
            return before
        if before is not None and began.part and before.began.execution != began.execution:
            raise taken_over(began.spec.name, before.began.execution)
        leg = before.began.leg + 1 if before else 0
        log.append(begin(before, replace(began, leg=leg), workers=workers))


def _trainer_of(began: Began) -> Trainer:
    return Trainer(version=began.trainer_version, name=began.trainer_name)
