"""Stopping a sweep with jobs in every state that Batch has, none of which Step Functions ends for it."""

import json
from pathlib import Path

import pytest

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.running import stopping
from stepsweep.client.running.control import Control
from stepsweep.client.running.stopping import Stopped, stop_sweep
from stepsweep.client.ui.doings import Doings
from stepsweep.contract.spec import SweepSpec
from tests.support.batch_queue import Job, Queue, served
from tests.support.embedded import eventually
from tests.support.stack import Stack


def stopped(stack: Stack, queue: Queue) -> Stopped:
    """Stops the sweep `mine` while its stack has this queue."""
    with served(queue) as url:
        control = Control(stack.with_batch(url))
        return stop_sweep(control, "mine", poll_seconds=0, on_status=lambda _: None)


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"])
def test_a_job_in_any_state_before_its_end_is_terminated(stack: Stack, status: str) -> None:
    jobs = {"a": Job(sweep="mine", status=status), "b": Job(sweep="other", status=status)}
    found = stopped(stack, Queue(jobs))
    assert (found.jobs, found.left) == (["a"], [])
    assert (jobs["a"].status, jobs["a"].reason) == ("FAILED", "The sweep was stopped")
    assert jobs["b"].status == status, "a job of another sweep was terminated"


def test_a_thousand_jobs_are_terminated_with_twenty_requests(stack: Stack) -> None:
    queue = Queue({f"job-{number}": Job(sweep="mine") for number in range(1000)})
    found = stopped(stack, queue)
    assert (sorted(found.jobs), found.left) == (sorted(queue.jobs), [])
    assert {job.status for job in queue.jobs.values()} == {"FAILED"}
    assert queue.requests == 20


def test_a_job_that_batch_could_not_end_at_first_is_asked_for_again(stack: Stack) -> None:
    queue = Queue({"a": Job(sweep="mine"), "b": Job(sweep="mine", refusals=2)})
    assert stopped(stack, queue).left == []
    assert queue.jobs["b"].status == "FAILED"


def test_what_batch_has_agreed_to_end_is_not_left_and_what_it_refused_is(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "PATIENCE_SECONDS", 0.5)
    queue = Queue({"slow": Job(sweep="mine", ends=False), "stuck": Job(sweep="mine", refusals=10**9)})
    assert stopped(stack, queue).left == ["stuck"]


def test_a_job_that_was_submitted_while_the_sweep_was_stopped_is_terminated_and_named(stack: Stack) -> None:
    jobs = {"a": Job(sweep="mine"), "late": Job(sweep="mine", from_look=2)}
    assert stopped(stack, Queue(jobs)).jobs == ["a", "late"]
    assert jobs["late"].status == "FAILED"


def test_an_execution_that_begins_while_the_sweep_is_stopped_is_stopped_too(stack: Stack) -> None:
    spec = SweepSpec.from_json({"parameters": {"lr": [0.1]}, "epochs": 1, "name": "mine"}, default_name="x")
    begun: list[str] = []

    def begin(_status: str) -> None:
        begun.append(Control(stack.deployment).start(spec).arn)

    with served(Queue({"a": Job(sweep="mine")})) as url:
        found = stop_sweep(Control(stack.with_batch(url)), "mine", poll_seconds=0, on_status=begin)
    assert found.executions == begun
    assert Control(stack.deployment).running("mine") == []


def test_executions_that_others_have_named_are_those_of_the_sweep_in_their_input(stack: Stack) -> None:
    states, machine = stack.deployment.step_functions, stack.deployment.state_machine_arn
    spec = {"parameters": {"lr": [0.1]}, "epochs": 1}
    given = {
        "from-the-console": spec | {"name": "mine"},
        "mine": spec,  # without a name, a sweep has that of its execution
        "another": spec | {"name": "mine-too"},
        "mine-too": spec | {"name": "another"},
        "wrong": {"name": "mine"},
    }
    for name, document in given.items():
        states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(document))
    ours = Control(stack.deployment).start(SweepSpec.from_json(spec | {"name": "mine"}, default_name="x"))
    found = stopped(stack, Queue({}))
    names = sorted(arn.rpartition(":")[2] for arn in found.executions)
    assert names == sorted([ours.name, "from-the-console", "mine"])
    running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    assert {execution["name"] for execution in running} == {"another", "mine-too", "wrong"}


def test_the_page_tells_each_step_and_what_is_left(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setitem(POLL_SECONDS, "aws", 0.0)
    cloud = Cloud(
        on="aws", directory=Path("nowhere"), trainer=None, job_vcpus=None, profile=None, region=None, stack=stack.name
    )
    stack.planned(name="mine", parameters={"a": [1]}, epochs=1)
    told: list[tuple[str, str, tuple[str, ...]]] = []

    def tell(name: str) -> None:
        done = doings.of(name)
        if not told or told[-1] != (name, done.text, done.faults):
            told.append((name, done.text, done.faults))

    def ended() -> bool:
        return bool(told) and not told[-1][1]

    doings = Doings(tell)
    begun = ("mine", "Stopping mine …", ())

    def stopped_by_the_page(jobs: dict[str, Job]) -> None:
        told.clear()
        with served(Queue(jobs)) as url:
            deployment = stack.with_batch(url)
            monkeypatch.setattr(Cloud, "on_aws", lambda _self: deployment)
            doings.stop(cloud, "mine")
            eventually(ended)

    stopped_by_the_page({**{name: Job(sweep="mine", refusals=10**9) for name in "ab"}, "c": Job(sweep="mine")})
    left = "still alive: a, b; look at them in AWS Batch, and stop it again"
    assert told[:2] == [begun, ("mine", "Ending 3 jobs …", ())]
    assert told[-1] == ("mine", "", (left,))
    assert doings.now() == {"mine": left}
    stopped_by_the_page({"d": Job(sweep="mine")})
    assert told == [begun, ("mine", "Ending a job …", ()), ("mine", "", ())]
    assert doings.now() == {}
    doings.stop(cloud, "nope")
    eventually(lambda: bool(doings.of("nope").faults))
    assert doings.of("nope").faults == (
        f'there is no sweep "nope" in s3://{stack.name.lower()}; there is only the sweep mine',
    )
