"""What a self-test concludes from Batch's descriptions, those of AWS's documentation, and what it writes down."""

from typing import Any

import pytest

from stepsweep.client.checks import seen
from stepsweep.client.checks.findings import Finding, State
from tests.support.findings import told


def job(status: str, *codes: int | None, reason: str = "", tries: int | None = 5) -> Any:
    attempts = [{"container": {} if code is None else {"exitCode": code}} for code in codes]
    return {"status": status, "statusReason": reason, "attempts": attempts, "retryStrategy": {"attempts": tries}}


NO_ATTEMPT = "no attempt ended so ({}); name a spec whose trial does on its first attempt"


@pytest.mark.parametrize(
    ("codes", "tries", "found"),
    [
        ((75, 0), 5, "ok: was tried again: the attempts ended with 75, 0"),
        ((75, None, 1), 5, "ok: was tried again: the attempts ended with 75, none, 1"),
        ((0, 75), 5, "problem: was not tried again: the attempts ended with 0, 75"),
        ((75,), 5, "problem: was not tried again: the attempts ended with 75"),
        ((75,), 1, f"unknown: not checked: {NO_ATTEMPT.format(75)}"),
        ((75,), None, f"unknown: not checked: {NO_ATTEMPT.format(75)}"),
        ((0,), 5, f"unknown: not checked: {NO_ATTEMPT.format(0)}"),
        ((1,), 5, f"unknown: not checked: {NO_ATTEMPT.format(1)}"),
        ((), 5, f"unknown: not checked: {NO_ATTEMPT.format('none ended')}"),
    ],
)
def test_only_another_attempt_shows_that_exit_code_75_is_tried_again(
    codes: tuple[int | None, ...], tries: int | None, found: str
) -> None:
    described = job("FAILED", *codes, tries=tries)
    if tries is None:
        del described["retryStrategy"]
    assert told([seen.tried_again(described)]) == {"exit code 75": found}
    unknown: Any = {"status": "FAILED", "attempts": [{}]}
    assert told([seen.tried_again(unknown)]) == {"exit code 75": f"unknown: not checked: {NO_ATTEMPT.format('none')}"}


@pytest.mark.parametrize(
    ("waiting", "found"),
    [
        (
            job("RUNNABLE", reason="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT -\n no type"),
            "ok: was RUNNABLE: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no type",
        ),
        (job("FAILED", reason="MISCONFIGURATION"), "ok: was FAILED: MISCONFIGURATION"),
        (
            job("RUNNABLE"),
            "problem: was RUNNABLE for 20 minutes, and Batch gave no reason\n"
            "-> report it; `sweep doctor` asks EC2 for one",
        ),
        *(
            (job(status), f"unknown: not checked: this cloud has a machine that takes it: it was {status}")
            for status in ("STARTING", "RUNNING", "SUCCEEDED")
        ),
        (
            job("FAILED", 137, reason="Essential container in task exited"),
            "unknown: not checked: this cloud has a machine that takes it: it was FAILED",
        ),
        (None, "unknown: not checked: its execution submitted no job"),
    ],
)
def test_a_reason_counts_only_for_a_job_that_no_machine_took(waiting: Any, found: str) -> None:
    assert told([seen.why_it_waits(waiting, minutes=20)]) == {"a job that cannot start": found}


REPORT = "\n-> `sweep stop` ends such jobs; report it"


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (
            "RUNNING",
            [job("FAILED", 143, reason="Terminated\n."), job("FAILED")],
            "ok: a job that was RUNNING is FAILED (Terminated .), FAILED (no reason) after 3 s",
        ),
        ("RUNNING", [job("RUNNING")], f"problem: a job that was RUNNING is RUNNING (no reason) 3 s {{}}{REPORT}"),
        (
            "STARTING",
            [job("FAILED"), job("RUNNABLE")],
            f"problem: a job that was STARTING is FAILED (no reason), RUNNABLE (no reason) 3 s {{}}{REPORT}",
        ),
        ("RUNNING", [], f"problem: a job that was RUNNING is unknown to Batch 3 s {{}}{REPORT}"),
        (
            "RUNNING",
            [job("SUCCEEDED", 0)],
            "unknown: not checked: its job was RUNNING and succeeded; name a spec whose trials take longer",
        ),
        *(
            (
                status,
                [job(status)],
                f"unknown: not checked: its job was {status} before it could be stopped; name a spec of longer trials",
            )
            for status in ("SUCCEEDED", "FAILED")
        ),
    ],
)
def test_a_stopped_execution_s_jobs_have_all_failed(before: str, after: list[Any], found: str) -> None:
    assert told([seen.stopped(before, after, seconds=3.4)]) == {"stop ends jobs": found.format("after StopExecution")}


NO_DEVICE = "unknown: not checked: the trainer writes no summary that names its device"


@pytest.mark.parametrize(
    ("summary", "gpus", "found"),
    [
        ({"options": {"device": "cuda"}, "devices": ["Tesla T4"]}, 1, "ok: the image found it: trained on Tesla T4"),
        ({"options": {"device": "cuda"}, "devices": "T4"}, 1, "ok: the image found it: trained on cuda"),
        ({"options": {"device": "cuda"}}, 1, "ok: the image found it: trained on cuda"),
        (
            {"options": {"device": "x86_64, 8 cores"}, "devices": []},
            1,
            "problem: the job asked for 1 GPU, and trained on the CPU\n"
            "-> look at its log, and whether the image's CUDA fits the driver of the machines' image",
        ),
        ({"options": {"device": "x86_64, 8 cores"}}, 0, "unknown: not checked: the job asked for no GPU"),
        ({"options": {"device": 1}}, 1, NO_DEVICE),
        ({"options": []}, 1, NO_DEVICE),
        (["cuda"], 1, NO_DEVICE),
        (None, 1, NO_DEVICE),
    ],
)
def test_only_a_summary_that_names_its_device_shows_the_driver(summary: object, gpus: int, found: str) -> None:
    assert told([seen.driver(summary, gpus=gpus)]) == {"GPU driver": found}


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
    def found(described: Any, expected: str = "us-east-1") -> str:
        return told([seen.region(described, expected)])["region of a job"]

    variables = [{"name": "AWS_REGION", "value": "us-east-1"}, {"name": "OTHER", "value": "a"}]
    described = {"container": {"environment": variables}}
    assert found(described) == "problem: AWS_REGION is us-east-1, AWS_DEFAULT_REGION is not set"
    variables.append({"name": "AWS_DEFAULT_REGION", "value": "us-east-1"})
    both = "AWS_REGION is us-east-1, AWS_DEFAULT_REGION is us-east-1"
    assert (found(described), found(described, "eu-west-1")) == (f"ok: {both}", f"problem: {both}")
    assert found({}) == "problem: AWS_REGION is not set, AWS_DEFAULT_REGION is not set"


def test_the_record_names_no_account() -> None:
    found = (
        "User: arn:aws:sts::123456789012:assumed-role/me/ASIAIOSFODNN7EXAMPLE is not authorized on "
        "s3://mine-1a2b/trials/x of 123456789012.dkr.ecr.us-east-1.amazonaws.com/a, key AKIAIOSFODNN7EXAMPLE, mine-1a2b"
    )
    one = Finding(check="log", state=State.PROBLEM, found=found, remedy="look\nat arn:aws-cn:s3:::a")
    two = Finding(check="left", state=State.OK, found="nothing of\n AROAIOSFODNN7EXAMPLE or AIDAIOSFODNN7EXAMPLE")
    assert seen.text_of(["one", "more"], [one, two], bucket="mine-1a2b") == (
        "one\nmore\n\nproblem log: User: <arn> is not authorized on s3://<bucket>/trials/x of "
        "<account>.dkr.ecr.us-east-1.amazonaws.com/a, key <key>, <bucket>\n          -> look at <arn>\n"
        "ok      left: nothing of <key> or <key>\n"
    )
