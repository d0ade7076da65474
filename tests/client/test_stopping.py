"""Stopping a sweep with jobs in every state that Batch has, none of which Step Functions ends for it."""

import pytest

from stepsweep.client.running.control import Control
from stepsweep.client.running.stopping import Stopped, stop_sweep
from tests.support.batch_queue import Job, Queue, served
from tests.support.stack import Stack


def stopped(stack: Stack, jobs: dict[str, Job]) -> Stopped:
    """Stops the sweep `mine` while the queue of its stack has these jobs."""
    with served(Queue(jobs)) as url:
        control = Control(stack.with_batch(url))
        return stop_sweep(control, "mine", poll_seconds=0, on_status=lambda _: None)


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"])
def test_a_job_in_any_state_before_its_end_is_terminated(stack: Stack, status: str) -> None:
    jobs = {"a": Job(sweep="mine", status=status), "b": Job(sweep="other", status=status)}
    found = stopped(stack, jobs)
    assert (found.jobs, found.left) == (["a"], [])
    assert (jobs["a"].status, jobs["a"].reason) == ("FAILED", "The sweep was stopped")
    assert jobs["b"].status == status, "a job of another sweep was terminated"


def test_more_jobs_than_batch_describes_at_once_are_all_terminated(stack: Stack) -> None:
    jobs = {f"job-{number}": Job(sweep="mine") for number in range(230)}
    found = stopped(stack, jobs)
    assert (sorted(found.jobs), found.left) == (sorted(jobs), [])
    assert {job.status for job in jobs.values()} == {"FAILED"}


def test_a_job_that_was_submitted_while_the_sweep_was_stopped_is_terminated_and_named(stack: Stack) -> None:
    jobs = {"a": Job(sweep="mine"), "late": Job(sweep="mine", from_look=2)}
    assert stopped(stack, jobs).jobs == ["a", "late"]
    assert jobs["late"].status == "FAILED"
