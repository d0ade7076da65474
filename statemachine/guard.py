"""Lambda function "guard": whether any job of a sweep starts; and the end of its jobs, if none does or a rule says so.

Where no machine starts, Batch cancels the first job of its queue at most, and lets the others wait
(docs/decisions/022-a-sweep-whose-jobs-never-start-ends.md).
"""

import os
from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.sweep_jobs import ON_MACHINES, jobs_alive, jobs_of
from stepsweep.contract import keys
from stepsweep.contract.jobs import NO_JOB_STARTED, NOTHING_RUNS, NOTHING_STARTS, OTHERS_RUN, SEARCH_STOPPED, STARTED
from stepsweep.statemachine.log import Invocation

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

NO_REASON = "Batch does not say why; a new account's GPU quota is 0, and `sweep doctor --on aws` looks further"

THREADS = 4

CLOCKS_DIFFER_MS = 10_000
"""By how much the planner's clock may be ahead of Batch's. Otherwise jobs that were submitted at once, and have ended
since, would not be seen, and a sweep could be ended for want of them."""


def handler(event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
    """Looks at the jobs of a round or leg, or ends those of the sweep.

    Args:
        event: the planner's answer, of which it needs `{"sweep": name, "round": number, "planned_at": milliseconds}`.
            With `"ended": {"Error": "NoJobStarted" or "SearchStopped", "Cause": why}` it ends the jobs. After a look
            it has the `verdict` of that.

    Returns:
        The event; after a look with its `verdict`, and `why` nothing starts.
    """
    batch, queue = batch_client(), os.environ[keys.SWEEP_QUEUE]
    invocation = Invocation("guard", sweep=event["sweep"], round_number=event["round"])
    ended = event["ended"]
    if ended.get("Error") in (NO_JOB_STARTED, SEARCH_STOPPED):
        jobs = end_jobs(batch, queue, event["sweep"], reason=ended["Cause"])
        invocation.ended(jobs=jobs)
        return dict(event)
    verdict, reason = look(
        batch,
        queue,
        event["sweep"],
        since_ms=event["planned_at"] - CLOCKS_DIFFER_MS,
        by_hand=os.environ[keys.JOB_QUEUE],
    )
    if verdict == NOTHING_RUNS and event.get("verdict") == NOTHING_RUNS:
        verdict = NOTHING_STARTS
    invocation.ended(verdict=verdict)
    why = f"no job started within {os.environ[keys.START_WITHIN_MINUTES]} minutes: {reason}"
    return {**event, "verdict": verdict, "why": why}


def batch_client() -> "BatchClient":
    return boto3.client("batch", config=Config(retries={"mode": "standard", "max_attempts": 8}))


def look(batch: "BatchClient", queue: str, sweep: str, *, since_ms: int, by_hand: str) -> tuple[str, str]:
    """Returns the verdict, and the most frequent of Batch's reasons why the sweep's jobs wait.

    Args:
        since_ms: jobs that were submitted before are those of earlier rounds.
        by_hand: the queue of the jobs that a person submits, which use the same machines.
    """
    submitted = {"name": "AFTER_CREATED_AT", "values": [str(since_ms)]}
    pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue, filters=[submitted])  # type: ignore[list-item]
    ids = [job["jobId"] for page in pages for job in page["jobSummaryList"]]
    reasons: Counter[str] = Counter()
    for job in jobs_of(batch, sweep, ids):
        # A job whose machine was lost waits again, and has an attempt.
        if job["status"] in ON_MACHINES or job.get("startedAt") or job.get("attempts"):
            return STARTED, ""
        reasons[job.get("statusReason") or NO_REASON] += 1
    for name, status in product((queue, by_hand), ON_MACHINES):
        if batch.list_jobs(jobQueue=name, jobStatus=status, maxResults=1)["jobSummaryList"]:
            return OTHERS_RUN, ""
    given = [reason for reason, _ in reasons.most_common() if reason != NO_REASON]
    return NOTHING_RUNS, " ".join(next(iter(given), NO_REASON).split())


def end_jobs(batch: "BatchClient", queue: str, sweep: str, *, reason: str) -> int:
    """Ends the jobs of a sweep that wait or run, and returns how many.

    Step Functions makes only a best effort to terminate the jobs of a Map that it stops. Jobs are listed by status, one
    after the other: a job that loses its machine meanwhile goes back to one that was listed, and others may come.
    """
    ended: set[str] = set()
    looks = 0
    while True:
        new = [job_id for job_id in jobs_alive(batch, queue, sweep) if job_id not in ended]
        # One by one: the runtime's boto3 may not know TerminateJobs.
        for_all(lambda job_id: batch.terminate_job(jobId=job_id, reason=reason), new, threads=THREADS)
        ended.update(new)
        looks += 1
        if not new and looks > 1:
            return len(ended)
