"""The Python API: what is seen of an execution while it goes, step by step."""

import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from stepsweep.client.deployment import CloudError
from stepsweep.client.running import jobs as jobs_module
from stepsweep.client.running.control import Control, Found
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.jobs import FollowedJobs
from stepsweep.client.running.printed import last_printed
from stepsweep.client.running.progress import RUNNING, Progress, Training
from stepsweep.contract import keys
from stepsweep.contract.documents import Latest
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status
from tests.support.batch_queue import Job, Queue, served
from tests.support.embedded import eventually
from tests.support.life import FAILED, Life, spec_of, succeeded
from tests.support.specs import NOW
from tests.support.stack import LOG_GROUP, SLEEPS, Stack

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
    monkeypatch.setattr(jobs_module, "READ_LIVE_SECONDS", 0)
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


def test_what_ended_before_a_look_failed_half_way_is_news_of_the_next_one(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch is asked last, once the outcomes have been read."""
    monkeypatch.setattr(jobs_module, "ASK_BATCH_SECONDS", 0)
    stack.set_machine(SLEEPS)
    execution = Control(stack.deployment).start(SPEC)
    following = execution.follow(poll_seconds=0)
    first, *_ = stack.planned(**DOCUMENT)
    assert numbers(next(following)) == (3, 3, 0, 0)
    stack.failed("mine", first, "ValueError: too hot")
    failing_once(stack, EndpointConnectionError(endpoint_url="https://batch.example"))
    assert "https://batch.example" in next(following).trouble
    progress = next(following)
    assert (numbers(progress), [each.trial for each in progress.news]) == ((3, 3, 1, 1), [first])
    assert list(progress.outcomes) == [keys.outcome_key("mine", 0, first.trial_id)]
    assert next(following).news == ()
    execution.stop()


def failing_once(stack: Stack, error: Exception) -> None:
    """Lets the next listing of jobs fail."""
    failures = [error]

    def answer(**_: object) -> None:
        if failures:
            raise failures.pop()

    stack.deployment.batch.meta.events.register("before-call.batch.ListJobs", answer)


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


def test_a_free_running_search_is_followed_in_its_log(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(spec=spec_of(5, epochs=2, halving={"min_epochs": 1, "factor": 2}), workers=2)
    execution = Control(stack.deployment).start(life.spec)

    def looked() -> Progress:
        for number, event in enumerate(life.log):
            stack.bucket.put_json(keys.event_key("s", number), event.to_json())
        with served(Queue({name: Job(sweep="s", name=name) for name in running})) as url:
            monkeypatch.setattr(execution._jobs, "_deployment", stack.with_batch(url))
            monkeypatch.setattr(jobs_module, "ASK_BATCH_SECONDS", 0)
            (progress,) = execution.look(with_training=True)
        assert 0 < progress.seconds < 600
        return replace(progress, seconds=0.0)

    running: list[str] = []
    assert looked() == Progress(status=RUNNING)
    life.begin(execution=execution.name)
    assert life.state is not None
    first, second = (life.state.trial(task.candidate, task.member) for _, task in life.tasks.values())
    running.append(second.trial_id)
    progress = looked()
    assert progress == Progress(
        status=RUNNING, planned=5, up_to=(1, 2), to_run=5, running=1, training=(Training(trial=second, latest={}),)
    )
    assert execution.search_state is not None
    assert execution.search_state.to_json() == life.state.to_json()
    assert execution.plan is not None

    latest = Latest(execution=execution.name, created_at=NOW, started_at=NOW, round_number=0, trainer_version="t")
    stack.bucket.put_json(keys.latest_key("s"), latest.to_json())
    stack.failed("s", first, "ValueError: too hot")
    life.ends(0, FAILED)
    life.ends(1, succeeded(0.5))
    running.clear()
    with monkeypatch.context() as failing:
        failing.setattr(FollowedJobs, "_ask", Mock(side_effect=EndpointConnectionError(endpoint_url="https://x")))
        with pytest.raises(CloudError):
            looked()  # what it has read of the log is news of the next look
    progress = looked()
    assert (progress.planned, progress.to_run, progress.ended, progress.failed) == (6, 6, 2, 1)  # one goes on
    assert [(each.trial, each.value, each.outcome.status) for each in progress.news] == [
        (first, None, Status.FAILED),
        (second, 0.5, Status.SUCCEEDED),
    ]
    assert progress.news[0].outcome.reason == "no memory: ValueError: too hot"
    assert list(progress.outcomes) == [keys.outcome_key("s", 0, first.trial_id)]
    execution.stop()


def test_what_ended_before_its_cloud_is_told_from_the_records(stack: Stack) -> None:
    execution = Control(stack.deployment).start(SPEC)
    first, second, third = stack.planned(**DOCUMENT)
    assert execution.missed() == []
    stack.succeeded("mine", first, [0.9])
    stack.failed("mine", second, "a reason")
    stack.succeeded("mine", third, [0.7])
    stack.reduced("mine")
    execution.stop()
    (progress,) = execution.missed()
    assert (progress.status, progress.seconds < 60, numbers(progress)) == ("SUCCEEDED", True, (3, 3, 3, 1))
    assert {each.trial.trial_id: each.outcome.reason for each in progress.news} == {
        first.trial_id: "", second.trial_id: "exit code 1", third.trial_id: "",
    }  # fmt: skip
    assert execution.missed()[0].news == ()


def test_the_last_line_of_each_running_trial_is_read(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "logs" / "first").mkdir(parents=True)
    for name, text in (("1-1", "old\n"), ("1-9", "old\n"), ("1-10", "x\n\x1b[31mhalf\r  all \n\n"), ("2-1", "other\n")):
        (tmp_path / "logs" / "first" / f"{name}.log").write_text(text)
    (tmp_path / "logs" / "long").mkdir()
    (tmp_path / "logs" / "long" / "3-1.log").write_text("cut" + " " * 8190)  # the last 8192 bytes are read
    (tmp_path / "logs" / "folder" / "4-1.log").mkdir(parents=True)
    local = replace(stack.deployment, folder=tmp_path / "s3" / "bucket")
    jobs = {"first": "1", "none": "2", "long": "3", "folder": "4"}
    assert last_printed(local, jobs) == {"first": "all", "long": "ut"}
    assert last_printed(local, {}) == {}

    for name, lines in (("a", ["old", "new"]), ("empty", [])):
        stack.deployment.logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=f"{stack.name}/{name}")
        stack.say(name, *lines)
    streams = {"1": f"{stack.name}/a", "2": f"{stack.name}/none", "3": f"{stack.name}/empty"}
    described: Any = [{"jobId": job_id, "container": {"logStreamName": name}} for job_id, name in streams.items()]
    asked = {"first": "1", "gone": "2", "silent": "3", "starting": "4"}
    with Stubber(stack.deployment.batch) as answers:
        needed = {"jobName": "x", "jobQueue": "q", "status": "RUNNING", "startedAt": 1, "jobDefinition": "d"}
        described = [{**needed, **each} for each in [*described, {"jobId": "4"}]]
        answers.add_response("describe_jobs", {"jobs": described}, {"jobs": ["1", "2", "3", "4"]})
        assert last_printed(stack.deployment, asked) == {"first": "new"}
        answers.add_client_error("describe_jobs", "AccessDeniedException")
        assert last_printed(stack.deployment, asked) == {}
        most: Any = {"jobs": [str(number) for number in range(100)]}
        answers.add_response("describe_jobs", {"jobs": []}, most)
        assert last_printed(stack.deployment, {f"t{number}": str(number) for number in range(200)}) == {}
        answers.assert_no_pending_responses()


def test_of_a_round_that_ended_between_two_looks_the_last_progress_is_told_too(stack: Stack) -> None:
    stack.set_machine(SLEEPS)
    document = {**DOCUMENT, "parameters": {"lr": [0.1, 0.01]}, "halving": {"min_epochs": 1, "factor": 2}}
    execution = Control(stack.deployment).start(SweepSpec.from_json(document))
    first, second = stack.planned(**document)
    (progress,) = execution.look()
    assert (progress.round_number, numbers(progress), progress.up_to) == (0, (2, 2, 0, 0), (1,))
    assert progress.round_began == 0.0
    stack.succeeded("mine", first, [0.5])
    stack.succeeded("mine", second, [0.6])
    stack.reduced("mine")
    time.sleep(1)  # S3 tells times of objects in whole seconds
    (promoted,) = stack.planned_again("mine", 1)
    last, begun = execution.look()
    assert (last.round_number, numbers(last), last.up_to) == (0, (2, 2, 2, 0), (1,))
    assert {each.trial.trial_id: each.value for each in last.news} == {first.trial_id: 0.5, second.trial_id: 0.6}
    assert last.seconds == begun.seconds >= progress.seconds
    assert (begun.round_number, numbers(begun), begun.up_to, begun.news) == (1, (1, 1, 0, 0), (2,), ())
    assert 0 < begun.round_began < begun.seconds + 1
    stack.succeeded("mine", promoted, [0.6, 0.7])
    (ended,) = execution.look()
    assert (numbers(ended), [each.value for each in ended.news]) == ((1, 1, 1, 0), [0.7])
    execution.stop()
