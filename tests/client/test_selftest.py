"""What a self-test concludes from Batch's descriptions, those of AWS's documentation, and what it writes down."""

from typing import Any

import pytest

from stepsweep.client.checks import seen
from stepsweep.client.checks.findings import Finding, State


def job(status: str, *codes: int, reason: str = "", tries: int = 5) -> Any:
    attempts = [{"container": {"exitCode": code}} for code in codes]
    return {"status": status, "statusReason": reason, "attempts": attempts, "retryStrategy": {"attempts": tries}}


@pytest.mark.parametrize(
    ("codes", "tries", "state"),
    [
        ((75, 0), 5, State.OK),
        ((75, 75, 1), 5, State.OK),
        ((75,), 5, State.PROBLEM),
        ((75,), 1, State.UNKNOWN),
        ((0,), 5, State.UNKNOWN),
        ((1,), 5, State.UNKNOWN),
        ((), 5, State.UNKNOWN),
    ],
)
def test_only_another_attempt_shows_that_exit_code_75_is_tried_again(
    codes: tuple[int, ...], tries: int, state: State
) -> None:
    assert seen.tried_again(job("FAILED", *codes, tries=tries)).state is state


@pytest.mark.parametrize(
    ("waiting", "state"),
    [
        (job("RUNNABLE", reason="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no instance type fits"), State.OK),
        (job("FAILED", reason="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"), State.OK),
        (job("RUNNABLE"), State.PROBLEM),
        (job("RUNNING"), State.UNKNOWN),
        (job("FAILED", 137, reason="Essential container in task exited"), State.UNKNOWN),
        (None, State.UNKNOWN),
    ],
)
def test_a_reason_counts_only_for_a_job_that_no_machine_took(waiting: Any, state: State) -> None:
    assert seen.why_it_waits(waiting, minutes=20).state is state


@pytest.mark.parametrize(
    ("after", "state"),
    [
        ([job("FAILED", 143, reason="Terminated")], State.OK),
        ([job("RUNNING")], State.PROBLEM),
        ([job("FAILED"), job("RUNNABLE")], State.PROBLEM),
        ([job("SUCCEEDED", 0)], State.UNKNOWN),
        ([], State.PROBLEM),
    ],
)
def test_a_stopped_execution_s_jobs_have_all_failed(after: list[Any], state: State) -> None:
    assert seen.stopped("RUNNING", after, seconds=3).state is state


def test_a_job_that_ended_by_itself_does_not_show_that_a_stop_ends_jobs() -> None:
    assert seen.stopped("FAILED", [job("FAILED", 1)], seconds=1).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("summary", "gpus", "state"),
    [
        ({"options": {"device": "cuda"}, "devices": ["Tesla T4"]}, 1, State.OK),
        ({"options": {"device": "x86_64, 8 cores"}, "devices": []}, 1, State.PROBLEM),
        ({"options": {"device": "x86_64, 8 cores"}}, 0, State.UNKNOWN),
        ({"options": []}, 1, State.UNKNOWN),
        (["cuda"], 1, State.UNKNOWN),
        (None, 1, State.UNKNOWN),
    ],
)
def test_only_a_summary_that_names_its_device_shows_the_driver(summary: object, gpus: int, state: State) -> None:
    assert seen.driver(summary, gpus=gpus).state is state


def test_what_a_trainer_calls_its_devices_is_short_and_printable_in_the_record() -> None:
    summary = {
        "options": {"device": "cuda"},
        "devices": ["\x1b]0;title\x07T4\nok      forged: line", *["x" * 10**6] * 99],
    }
    text = seen.text_of(["one"], [seen.driver(summary, gpus=1)], bucket="mine-1a2b")
    assert len(text) < 1_000
    assert len(text.splitlines()) == 3
    assert "\x1b" not in text
    assert "and 97 more" in text


def test_a_job_without_the_stack_s_region_is_a_problem() -> None:
    described: Any = {"container": {"environment": [{"name": "AWS_REGION", "value": "us-east-1"}]}}
    finding = seen.region(described, "us-east-1")
    assert (finding.state, finding.found) == (
        State.PROBLEM, "AWS_REGION is us-east-1, AWS_DEFAULT_REGION is not set",
    )  # fmt: skip
    described["container"]["environment"].append({"name": "AWS_DEFAULT_REGION", "value": "us-east-1"})
    assert seen.region(described, "us-east-1").state is State.OK
    assert seen.region(described, "eu-west-1").state is State.PROBLEM


def test_the_record_names_no_account() -> None:
    found = (
        "User: arn:aws:sts::123456789012:assumed-role/me/ASIAIOSFODNN7EXAMPLE is not authorized on "
        "s3://mine-1a2b/trials/x of 123456789012.dkr.ecr.us-east-1.amazonaws.com/a, key AKIAIOSFODNN7EXAMPLE, mine-1a2b"
    )
    text = seen.text_of(["one"], [Finding(check="log", state=State.PROBLEM, found=found)], bucket="mine-1a2b")
    assert text == (
        "one\n\nproblem log: User: <arn> is not authorized on s3://<bucket>/trials/x of "
        "<account>.dkr.ecr.us-east-1.amazonaws.com/a, key <key>, <bucket>\n"
    )
