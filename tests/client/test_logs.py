"""The log of a trial: all of it, and as it grows, on this machine and on AWS."""

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.logs.reading import follow_log, read_log
from stepsweep.client.logs.trial_logs import CloudLog, LocalLog, attempts_by_job
from stepsweep.client.running.control import Control
from stepsweep.contract.errors import InvalidInput
from tests.support.recorded import RecordedCloud
from tests.support.stack import LOG_GROUP, Stack


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    first, second = recorded.planned("mine", {"lr": [0.1, 0.01]})
    recorded.failed("mine", first, "of the second\nhalf")
    (recorded.directory / "logs" / first.trial_id / "job-1.log").write_text("of the first\r\nand \xb0\n", "latin-1")
    del second
    return Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )


def test_all_attempts_are_read(cloud: Cloud) -> None:
    found = read_log(cloud, "mine", ["lr=0.1"])
    assert found == {
        "sweep": "mine",
        "trial_id": found["trial_id"],
        "attempts": [
            {"number": 1, "lines": ["of the first", "and \ufffd"]},
            {"number": 2, "lines": ["of the second", "half"]},
        ],
    }
    assert found["trial_id"].startswith("lr-0_1-")
    lines: list[str] = []
    assert follow_log(cloud, "mine", ["lr=0.1"], on_line=lines.append)
    assert lines == ["of the first", "and \ufffd", "--- attempt 2", "of the second", "half"]


@pytest.mark.parametrize(
    ("words", "params"),
    [
        (["lr=0.1 batch-size=32 aug=no"], {"lr": 0.1, "batch-size": 32, "aug": "no"}),
        (["lr=0.10, batch-size=32,aug=no"], {"lr": 0.1, "batch-size": 32, "aug": "no"}),
        (["--lr=0.2  --batch-size=64", "aug=no"], {"lr": 0.2, "batch-size": 64, "aug": "no"}),
        (["lr=0.1", "batch-size=32", "aug=flip p=0.5"], {"lr": 0.1, "batch-size": 32, "aug": "flip p=0.5"}),
    ],
)
def test_several_params_may_stand_in_one_pair_of_quotes(cloud: Cloud, words: list[str], params: dict[str, Any]) -> None:
    choices = {"lr": [0.1, 0.2], "batch-size": [32, 64], "aug": ["flip p=0.5", "no"]}
    trials = RecordedCloud(directory=cloud.directory).planned("other", choices)
    (trial_id,) = [trial.trial_id for trial in trials if trial.params == params]
    with pytest.raises(CloudError, match=f"^there is no log of {trial_id} here"):
        read_log(cloud, "other", words)


def test_a_trial_that_has_not_started_has_none(cloud: Cloud) -> None:
    for read in (read_log, lambda *words: follow_log(*words, on_line=print)):
        with pytest.raises(CloudError) as raised:
            read(cloud, "mine", ["lr=0.01"])
        assert str(raised.value).startswith("there is no log of lr-0_01-")
        assert str(raised.value).endswith(" here: it has not started, or its log was deleted")
    (file,) = (cloud.directory / "s3").glob("*/sweeps/mine/latest.json")
    file.unlink()
    with pytest.raises(InvalidInput, match=r"^the sweep mine has no plan yet, and so no trials$"):
        read_log(cloud, "mine", ["lr=0.1"])


def test_a_log_that_is_empty_is_there(cloud: Cloud) -> None:
    (file,) = (cloud.directory / "logs").glob("*/job-2.log")
    file.write_text("")
    file.with_name("job-1.log").unlink()
    assert read_log(cloud, "mine", ["lr=0.1"])["attempts"] == []
    assert not follow_log(cloud, "mine", ["lr=0.1"], on_line=print)


def test_a_log_that_grows_is_read_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "job-1.log"
    file.write_text("one\ntw")
    log = LocalLog(tmp_path, "a", None, [])
    was_there = log.is_there
    assert list(log.news(is_over=False)) == [(1, "one")]
    assert (was_there, log.is_there) == (False, True)
    with file.open("a") as more:
        more.write("o\nthree\nfour\nfi")
    assert list(log.news(is_over=False, at_most=9)) == [(1, "four")], "the first ones are left out"
    assert list(log.news(is_over=True)) == [(1, "fi")]
    assert list(log.news(is_over=True)) == []
    assert (log.tail(2), log.tail(9)) == (["four", "fi"], ["one", "two", "three", "four", "fi"])
    assert log.is_over()


def test_the_log_of_the_last_job_counts(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number, name in enumerate(("old-1", "new-2", "new-10", "new-x", "new-0", "other-1")):
        file = tmp_path / "a" / f"{name}.log"
        file.write_text(f"{name}\n")
        os.utime(file, (number, number))
    found = attempts_by_job(tmp_path, "a")
    assert [(job, sorted(files)) for job, files in found.items()] == [("old", [1]), ("new", [2, 10]), ("other", [1])]
    assert LocalLog(tmp_path, "a", None, []).tail(9) == ["other-1"]
    recorded = LocalLog(tmp_path, "a", None, ["trial/new-1", "trial/new-2"])
    assert list(recorded.news(is_over=True)) == [(2, "new-2"), (10, "new-10")]
    assert recorded.tail(9) == ["new-10"]
    assert LocalLog(tmp_path, "none", None, []).tail(9) == []


def jobs_of(*jobs: tuple[str, str, int]) -> dict[str, Any]:
    listed = [{"jobId": name, "jobName": "a", "status": status, "createdAt": at} for name, status, at in jobs]
    return {"jobSummaryList": [*listed, {"jobId": "capital", "jobName": "A", "status": "RUNNING", "createdAt": 9}]}


def test_on_aws_the_attempts_of_the_last_job_that_batch_knows_are_read(stack: Stack) -> None:
    for name, lines in (("one", ["of one"]), ("two", ["of two\nmore", "last"]), ("kept", ["a", "b", "c\nd"])):
        stack.deployment.logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=f"{stack.name}/{name}")
        stack.say(name, *lines)
    one, two, later = (f"{stack.name}/{name}" for name in ("one", "two", "later"))
    asked = {"jobQueue": stack.deployment.job_queue, "filters": [{"name": "JOB_NAME", "values": ["a"]}]}
    attempts = [{"container": {"logStreamName": name}} for name in (one, two)]
    needed = {"jobName": "a", "jobQueue": "q", "status": "RUNNING", "startedAt": 1, "jobDefinition": "d"}
    described = {**needed, "jobId": "new", "attempts": [*attempts, {}], "container": {"logStreamName": later}}
    log = CloudLog(stack.deployment, "a", [f"{stack.name}/kept"])
    local = LocalLog(Path("nowhere"), "a", Control(stack.deployment), [])
    jobs = jobs_of(("new", "RUNNING", 2), ("old", "FAILED", 1))
    with Stubber(stack.deployment.batch) as answers:
        answers.add_response("list_jobs", jobs, asked)
        answers.add_response("describe_jobs", {"jobs": [described]}, {"jobs": ["new"]})
        assert list(log.news(is_over=False)) == [(1, "of one"), (2, "of two"), (2, "more"), (2, "last")]
        answers.add_response("list_jobs", jobs, asked)
        answers.add_response("describe_jobs", {"jobs": [described]}, {"jobs": ["new"]})
        assert list(log.news(is_over=False)) == []
        for found, is_over in ((jobs, False), (jobs_of(("old", "FAILED", 1), ("new", "SUCCEEDED", 2)), True)):
            for each in (log, local):
                answers.add_response("list_jobs", found, asked)
                assert each.is_over() is is_over
        answers.add_response("list_jobs", {"jobSummaryList": []}, asked)
        fresh = CloudLog(stack.deployment, "a", [f"{stack.name}/kept"])
        assert list(fresh.news(is_over=True, at_most=100)) == [(1, "b"), (1, "c"), (1, "d")]
        assert fresh.tail(3) == ["b", "c", "d"]
        answers.add_response("list_jobs", {"jobSummaryList": []}, asked)
        assert CloudLog(stack.deployment, "a", []).tail(3) == []
        answers.assert_no_pending_responses()
    refused = CloudLog(stack.deployment, "a", [one])
    with Stubber(stack.deployment.batch) as answers, Stubber(stack.deployment.logs) as logs:
        answers.add_response("list_jobs", {"jobSummaryList": []}, asked)
        logs.add_client_error("get_log_events", "AccessDeniedException", "no")
        with pytest.raises(CloudError, match="AccessDenied"):
            list(refused.news(is_over=True))
    assert not refused.is_there
