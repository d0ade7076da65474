"""The Python API: what is seen of an execution while it goes, step by step."""

from itertools import islice

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from stepsweep.client.deployment import CloudError
from stepsweep.client.running import execution as execution_module
from stepsweep.client.running.control import Control, Found
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import RUNNING, Progress
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status
from tests.support.batch_queue import Job, Queue, served
from tests.support.embedded import eventually
from tests.support.stack import SLEEPS, Stack

DOCUMENT = {"name": "mine", "parameters": {"lr": [0.1, 0.01, 0.001]}, "epochs": 2}
SPEC = SweepSpec.from_json(DOCUMENT)


def numbers(progress: Progress) -> tuple[int | None, int, int, int]:
    return progress.planned, progress.to_run, progress.ended, progress.failed


def test_a_trial_s_end_is_news_once_and_is_counted(stack: Stack) -> None:
    stack.set_machine(SLEEPS)
    execution = Control(stack.deployment).start(SPEC)
    following = execution.follow(poll_seconds=0)
    assert numbers(next(following)) == (None, 0, 0, 0)

    first, second, third = stack.planned(**DOCUMENT)
    assert numbers(next(following)) == (3, 3, 0, 0)

    stack.succeeded("mine", first, [0.8, 0.9])
    progress = next(following)
    assert numbers(progress) == (3, 3, 1, 0)
    (result,) = progress.news
    assert (result.trial, result.value, result.epoch, result.epochs_trained) == (first, 0.9, 2, 2)
    assert next(following).news == ()

    stack.failed("mine", second, "ValueError: too hot")
    stack.succeeded("mine", third, [float("nan")])
    progress = next(following)
    assert numbers(progress) == (3, 3, 3, 2)
    reasons = {result.trial.trial_id: result.outcome for result in progress.news}
    assert reasons[second.trial_id].reason == "exit code 1: ValueError: too hot"
    assert reasons[third.trial_id].status is Status.INVALID

    execution.stop()
    *_, last = following  # it may be seen running once more before it has stopped
    assert last.status == "ABORTED"
    assert execution.ending().output is None


def test_a_sweep_that_goes_on_counts_only_what_this_execution_does(stack: Stack) -> None:
    first, second, third = stack.planned(**DOCUMENT)
    stack.succeeded("mine", first, [0.8])
    stack.failed("mine", second, "a reason")

    execution = Control(stack.deployment).start(SPEC)
    following = execution.follow(poll_seconds=0)
    assert next(following).planned is None  # the plan that is there is not this execution's
    stack.planned(**DOCUMENT)
    assert numbers(next(following)) == (3, 2, 0, 0)
    stack.succeeded("mine", third, [0.7])
    assert numbers(next(following)) == (3, 2, 1, 0)
    execution.stop()


def test_how_many_train_is_of_this_sweep_s_jobs(stack: Stack) -> None:
    sweeps = Control(stack.deployment)
    execution = sweeps.start(SPEC)
    first, second, _ = stack.planned(**DOCUMENT)
    jobs = {
        "a": Job(sweep="mine", name=first.trial_id, status="RUNNING"),
        "b": Job(sweep="mine", name=second.trial_id, status="STARTING"),
        "c": Job(sweep="other", name="of-another-sweep", status="RUNNING"),
    }
    with served(Queue(jobs)) as url:
        progress = next(Execution(stack.with_batch(url), arn=execution.arn, spec=SPEC).follow(poll_seconds=0))
    assert (progress.running, progress.starting, progress.waiting) == (1, 1, 1)
    execution.stop()


def test_what_trains_is_seen_epoch_by_epoch_and_a_file_that_breaks_a_rule_is_not_shown(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_module, "READ_LIVE_SECONDS", 0)
    execution = Control(stack.deployment).start(SPEC)
    (first, *_) = stack.planned(**DOCUMENT)
    header, *rows = (f"{line}\n".encode() for line in ("epoch,val_accuracy", "1,0.5", "2,0.75"))
    seen = []
    with served(Queue({"a": Job(sweep="mine", name=first.trial_id)})) as url:
        following = Execution(stack.with_batch(url), arn=execution.arn, spec=SPEC).follow(
            poll_seconds=0, with_training=True
        )
        for data in (b"not,a\nmetrics file", header + rows[0], header + rows[0] + rows[1], b"\xff"):
            stack.bucket.put(keys.live_key(first.trial_id), data, "text/csv")
            (training,) = next(following).training
            seen.append((training.epoch, training.latest.get("val_accuracy")))
    assert seen == [(0, None), (1, 0.5), (2, 0.75), (0, None)]
    execution.stop()


def test_an_execution_s_name_is_new_each_time_and_never_too_long(stack: Stack) -> None:
    spec = SweepSpec.from_json({**DOCUMENT, "name": "n" * 80})
    sweeps = Control(stack.deployment)
    first, second = sweeps.start(spec), sweeps.start(spec)
    names = [execution.arn.rpartition(":")[2] for execution in (first, second)]
    assert names[0] != names[1]
    assert {len(name) for name in names} == {80}
    first.stop()
    second.stop()


def test_a_cloud_that_is_gone_for_too_long_is_an_error(stack: Stack) -> None:
    execution = Control(stack.deployment).start(SPEC)
    execution.arn = execution.arn + "x"  # an answer that no waiting changes
    with pytest.raises(CloudError, match="AWS answered: "):
        next(execution.follow(poll_seconds=0))


def test_a_cloud_that_does_not_answer_for_a_moment_is_waited_for(stack: Stack) -> None:
    execution = Control(stack.deployment).start(SPEC)
    failures = [EndpointConnectionError(endpoint_url="https://states.example")] * 2

    def answer(**_: object) -> None:
        if failures:
            raise failures.pop()

    stack.deployment.step_functions.meta.events.register("before-call.sfn.DescribeExecution", answer)
    seen = list(islice(execution.follow(poll_seconds=0), 3))
    execution.stop()
    assert ["https://states.example" in progress.trouble for progress in seen] == [True, True, False]


def test_where_a_sweep_stands(stack: Stack) -> None:
    with pytest.raises(InvalidInput, match=r'there is no sweep "mine" in s3://stepsweep-\d+; there is none yet'):
        Found.of(stack.deployment).standing("mine")

    execution = Control(stack.deployment).start(SPEC)
    first, second, third = stack.planned(**DOCUMENT)
    stack.succeeded("mine", second, [0.9])
    standing = Found.of(stack.deployment).standing("mine")
    assert (standing.status, standing.planned, standing.executions) == (RUNNING, 3, [execution.arn])
    assert [(row.rank, row.params, row.value) for row in standing.rows] == [(1, {"lr": 0.01}, 0.9)]

    execution.stop()
    eventually(lambda: Found.of(stack.deployment).standing("mine").status == "INTERRUPTED")

    stack.succeeded("mine", first, [0.8])
    stack.failed("mine", third, "a reason")
    output = stack.reduced("mine")
    standing = Found.of(stack.deployment).standing("mine")
    assert standing.status == "FINISHED"
    assert standing.output is not None
    assert standing.output.to_json() == output
    assert [(row.rank, row.params["lr"]) for row in standing.rows] == [(1, 0.01), (2, 0.1), (None, 0.001)]
    assert standing.rows == Found.of(stack.deployment).archive.leaderboard(standing.spec)


def test_a_finished_sweep_that_is_run_again_is_not_finished_until_it_is(stack: Stack) -> None:
    (first, *_) = stack.planned(**DOCUMENT)
    stack.succeeded("mine", first, [0.8])
    stack.reduced("mine")
    stack.planned(**DOCUMENT)
    standing = Found.of(stack.deployment).standing("mine")
    assert (standing.status, standing.output) == ("INTERRUPTED", None)
    assert [row.rank for row in standing.rows] == [1]  # what was finished before is known


def test_a_sweep_that_is_not_planned_yet_has_no_trials(stack: Stack) -> None:
    stack.bucket.put_json_once(keys.spec_key("mine"), SPEC.to_json())
    standing = Found.of(stack.deployment).standing("mine")
    assert (standing.planned, standing.rows, standing.is_finished) == (0, [], False)


def test_why_jobs_wait_is_what_batch_says_of_this_sweep_s(stack: Stack) -> None:
    (first, *_) = stack.planned(**DOCUMENT)
    stack.set_machine(SLEEPS)
    execution = Control(stack.deployment).start(SPEC)
    stack.planned(**DOCUMENT)
    reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no"
    waiting = [
        {"jobId": "1", "jobName": "of-another-sweep", "statusReason": "not ours"},
        {"jobId": "2", "jobName": first.trial_id, "statusReason": reason},
    ]
    starting = [{"jobId": "3", "jobName": first.trial_id}]
    with Stubber(stack.deployment.batch) as answers:  # no job is ever stuck here
        for jobs in ([], starting, waiting):
            answers.add_response("list_jobs", {"jobSummaryList": jobs})
        progress = next(execution.follow(poll_seconds=0))
        answers.assert_no_pending_responses()
    assert (progress.waits_for, progress.running, progress.starting, progress.waiting) == (reason, 0, 1, 2)
    execution.stop()
