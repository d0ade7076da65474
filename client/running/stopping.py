"""Stops a sweep: its executions, and the jobs that are left after that."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stepsweep.bucket.sweep_jobs import jobs_alive
from stepsweep.client.deployment import explained
from stepsweep.client.running.control import Control
from stepsweep.client.running.progress import STOPPED

TERMINATED_AT_ONCE = 50
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJobs.html"""

PATIENCE_SECONDS = 120.0
"""Longest wait for jobs to end, after the last request to end some. A job gets SIGTERM, and SIGKILL 30 s later; AWS
reports its end with a delay."""

QUIET_LOOKS = 2
"""Listings without a new execution or a job before the sweep counts as stopped: the first may miss what has just begun.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html says so of executions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The result of stopping a sweep.

    Attributes:
        executions: ARNs of the executions that were stopped.
        jobs: ids of the jobs that were alive.
        left: ids of the jobs that Batch has not agreed to end. Others may still get their time to end.
    """

    executions: list[str]
    jobs: list[str]
    left: list[str]


def stop_sweep(control: Control, name: str, *, poll_seconds: float, on_status: Callable[[str], None]) -> Stopped:
    """Stops the executions of a sweep, and terminates its jobs until none is alive.

    Step Functions itself makes only a best effort to terminate the jobs of a stopped execution.

    Raises:
        CloudError: the cloud did not answer, or refused a request.
    """
    batch, queue = control.deployment.batch, control.deployment.job_queue
    executions: dict[str, None] = {}
    accepted: set[str] = set()
    quiet, deadline = 0, time.monotonic() + PATIENCE_SECONDS
    with explained():
        # Before stopping the executions, since their jobs may end a moment later.
        jobs = dict.fromkeys(jobs_alive(batch, queue, name))
        while True:
            # Again and again: somebody may have started one just now, and Step Functions may list it late.
            running = [arn for arn in control.running(name) if arn not in executions]
            for arn in running:
                control.deployment.step_functions.stop_execution(
                    executionArn=arn, error=STOPPED, cause="stopped with `sweep stop`"
                )
            executions |= dict.fromkeys(running)
            alive = jobs_alive(batch, queue, name)
            new = [job_id for job_id in alive if job_id not in accepted]
            if new:
                on_status(f"Ending {len(new):,} jobs …" if len(new) > 1 else "Ending a job …")
                accepted |= _terminated(control, new)
                if accepted.issuperset(new):  # or a job that Batch refuses to end would be asked about for ever
                    deadline = time.monotonic() + PATIENCE_SECONDS
            jobs |= dict.fromkeys(new)
            quiet = 0 if alive or running else quiet + 1
            if quiet == QUIET_LOOKS or time.monotonic() > deadline:
                left = [job_id for job_id in alive if job_id not in accepted]
                return Stopped(executions=list(executions), jobs=list(jobs), left=left)
            time.sleep(poll_seconds)


def _terminated(control: Control, ids: Sequence[str]) -> set[str]:
    """Returns which of the jobs Batch has agreed to end. It says so of each."""
    return {
        job_id
        for first in range(0, len(ids), TERMINATED_AT_ONCE)
        for job_id in control.deployment.batch.terminate_jobs(
            jobs=ids[first : first + TERMINATED_AT_ONCE], reason="The sweep was stopped"
        )["successful"]
    }
