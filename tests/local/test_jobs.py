"""Batch jobs one by one: what they see, how they end, and why they could not run."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stepsweep.local.endpoint import WITHOUT_FILES
from stepsweep.local.host_process import NEEDED
from tests.support.embedded import Cloud, eventually
from tests.support.jobs import described, ended, printed, running, submitted
from tests.support.tiny import EMPTY_IMAGE, SHELL_IMAGE


def test_a_job_sees_its_definitions_environment_what_is_submitted_and_what_batch_adds(tiny_cloud: Cloud) -> None:
    overrides = {"environment": [{"name": "FROM", "value": "submission"}]}
    job = ended(tiny_cloud, submitted(tiny_cloud, "env", overrides=overrides))
    seen = dict(line.split("=", 1) for line in printed(tiny_cloud, job).splitlines())
    assert (seen["FROM"], seen["OTHER"]) == ("submission", "definition")
    assert (seen["AWS_BATCH_JOB_ID"], seen["AWS_BATCH_JOB_ATTEMPT"]) == (job["jobId"], "1")
    assert seen["AWS_ENDPOINT_URL"] == tiny_cloud.environment["AWS_ENDPOINT_URL"]
    assert [item["value"] for item in job["container"]["environment"] if item["name"] == "FROM"] == ["submission"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the most memory that a process has had")
def test_jobs_that_print_without_end_take_no_memory_of_the_cloud(tiny_cloud: Cloud) -> None:
    """The bound is that of docs/reliability.md for all attempts together."""
    process = Path(f"/proc/{tiny_cloud.process.pid}")
    (process / "clear_refs").write_text("5")  # https://docs.kernel.org/filesystems/proc.html: the most starts anew

    def most() -> int:
        (line,) = (line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    before = most()
    floods = [submitted(tiny_cloud, "yes | head -c 24000000; echo the end; exit 1") for _ in range(4)]
    for job in (ended(tiny_cloud, flood) for flood in floods):
        assert job["status"] == "FAILED"
        (attempt,) = job["attempts"]
        stream = attempt["container"]["logStreamName"]
        events = tiny_cloud.client("logs").get_log_events(logGroupName="jobs", logStreamName=stream)["events"]
        assert events[-1]["message"] == "the end"
    assert most() - before < 64 * 2**20


def test_nothing_of_the_shell_reaches_a_job_but_where_its_programs_are(tiny_cloud: Cloud) -> None:
    job = ended(tiny_cloud, submitted(tiny_cloud, 'ls -A "$HOME"; env; touch "$HOME/kept"'))
    seen = dict(line.split("=", 1) for line in printed(tiny_cloud, job).splitlines())
    of_any_job = {"FROM", "OTHER", "PATH", "HOME", "TMPDIR", "TMP", "TEMP", "STEPSWEEP_DATA_DIR"}
    of_aws = {"AWS_ENDPOINT_URL", "AWS_EC2_METADATA_DISABLED"}  # no key: this job has no role
    of_batch = {"AWS_BATCH_JOB_ID", "AWS_BATCH_JOB_ATTEMPT", "AWS_BATCH_JQ_NAME"}
    of_this_machine = {"PYTHONUSERBASE", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"}
    of_the_shell_itself = {"PWD", "OLDPWD", "SHLVL", "_"}
    given = {name for name in seen if not name.endswith("_NUM_THREADS") and name != "VECLIB_MAXIMUM_THREADS"}
    # No region: on AWS only a newer agent sets one, so the job definition must.
    assert given - of_this_machine - of_the_shell_itself == of_any_job | of_aws | of_batch
    assert seen["HOME"] != os.environ.get("HOME")
    assert not Path(seen["HOME"]).exists(), "as a container's, it is deleted with the attempt"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_job_reads_no_secret_of_the_shell_in_the_process_that_started_it(tiny_cloud: Cloud) -> None:
    job = ended(tiny_cloud, submitted(tiny_cloud, "tr '\\0' '\\n' < /proc/$PPID/environ"))
    seen = {line.partition("=")[0] for line in printed(tiny_cloud, job).splitlines()}
    assert "PATH" in seen
    assert {name for name in seen if not name.endswith("_NUM_THREADS")} <= {
        *NEEDED,
        *WITHOUT_FILES,
        "VECLIB_MAXIMUM_THREADS",
    }


def test_a_command_that_is_submitted_takes_the_place_of_the_definitions(tiny_cloud: Cloud) -> None:
    job = ended(tiny_cloud, submitted(tiny_cloud, "exit 1", overrides={"command": ["echo instead"]}))
    assert (job["status"], printed(tiny_cloud, job)) == ("SUCCEEDED", "instead\n")


def test_parameters_are_put_into_the_command(tiny_cloud: Cloud) -> None:
    job = ended(tiny_cloud, submitted(tiny_cloud, "echo Ref::lr", parameters={"lr": "0.1"}))
    assert printed(tiny_cloud, job) == "0.1\n"
    assert job["container"]["command"] == ["echo 0.1"]


def test_a_job_that_takes_too_long_is_ended_and_not_tried_again(tiny_cloud: Cloud) -> None:
    job = ended(
        tiny_cloud,
        submitted(tiny_cloud, "exec sleep 600", timeout={"attemptDurationSeconds": 1}, retryStrategy={"attempts": 3}),
    )
    assert (job["status"], job["statusReason"]) == ("FAILED", "Job attempt duration exceeded timeout")
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [143]


def test_a_job_that_is_terminated_is_ended_and_not_tried_again(tiny_cloud: Cloud) -> None:
    job_id = submitted(tiny_cloud, "exec sleep 600", retryStrategy={"attempts": 3})
    running(tiny_cloud, job_id)
    tiny_cloud.client("batch").terminate_job(jobId=job_id, reason="no longer wanted")
    job = ended(tiny_cloud, job_id)
    assert (job["status"], job["statusReason"], len(job["attempts"])) == ("FAILED", "no longer wanted", 1)


def test_a_job_that_is_terminated_has_failed_though_it_exits_with_0(tiny_cloud: Cloud) -> None:
    job_id = submitted(tiny_cloud, "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    running(tiny_cloud, job_id)
    eventually(lambda: printed(tiny_cloud, described(tiny_cloud, job_id)) == "ready\n")
    tiny_cloud.client("batch").terminate_job(jobId=job_id, reason="no longer wanted")
    job = ended(tiny_cloud, job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "no longer wanted")
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [0]


def test_a_job_has_the_exit_code_of_its_last_attempt_and_times_in_milliseconds(tiny_cloud: Cloud) -> None:
    before = int(time.time() * 1000)
    job = ended(tiny_cloud, submitted(tiny_cloud, "exit $AWS_BATCH_JOB_ATTEMPT", retryStrategy={"attempts": 2}))
    after = int(time.time() * 1000) + 1000  # a job's own times may be rounded to seconds
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [1, 2]
    assert job["container"]["exitCode"] == 2
    listed = tiny_cloud.client("batch").list_jobs(jobQueue=tiny_cloud.outputs["JobQueue"], jobStatus="FAILED")
    (summary,) = [each for each in listed["jobSummaryList"] if each["jobId"] == job["jobId"]]
    assert summary["container"]["exitCode"] == 2
    first, second = job["attempts"]
    times = [first["startedAt"], first["stoppedAt"], second["startedAt"], second["stoppedAt"]]
    assert before <= times[0]
    assert times == sorted(times)
    assert times[-1] <= after
    assert before - 1000 <= job["startedAt"] <= job["stoppedAt"] <= after


def test_a_submission_s_timeout_and_attempts_take_the_place_of_the_definition_s(tiny_cloud: Cloud) -> None:
    batch = tiny_cloud.client("batch")
    name = f"job-{time.time_ns()}"
    batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={"image": SHELL_IMAGE, "command": ["exit 1"], "vcpus": 1, "memory": 128},
        retryStrategy={"attempts": 1},
        timeout={"attemptDurationSeconds": 600},
    )

    def submit(**more: Any) -> dict[str, Any]:
        answer = batch.submit_job(jobName=name, jobQueue=tiny_cloud.outputs["JobQueue"], jobDefinition=name, **more)
        return ended(tiny_cloud, answer["jobId"])

    assert len(submit()["attempts"]) == 1
    assert len(submit(retryStrategy={"attempts": 3})["attempts"]) == 3
    needs = [{"type": "MEMORY", "value": "300"}]
    late = submit(
        timeout={"attemptDurationSeconds": 1},
        containerOverrides={"command": ["exec sleep 600"], "resourceRequirements": needs},
    )
    assert late["statusReason"] == "Job attempt duration exceeded timeout"
    assert late["container"]["resourceRequirements"] == needs


def test_a_job_has_the_vcpus_that_its_submission_asks_for_and_waits_until_they_are_free(tiny_cloud: Cloud) -> None:
    two = {"resourceRequirements": [{"type": "VCPU", "value": "2"}]}  # all that this cloud has
    says = "echo $OMP_NUM_THREADS $MKL_NUM_THREADS"
    first = submitted(tiny_cloud, "exec sleep 600")
    running(tiny_cloud, first)
    large = submitted(tiny_cloud, f"{says}; exec sleep 600", overrides=two)
    larger = submitted(tiny_cloud, says, overrides={"resourceRequirements": [{"type": "VCPU", "value": "96"}]})
    small = submitted(tiny_cloud, says)
    time.sleep(0.3)
    waiting = [described(tiny_cloud, job_id)["status"] for job_id in (large, larger, small)]
    assert waiting == ["RUNNABLE"] * 3, "one vCPU is free, but the queue keeps its order"
    tiny_cloud.client("batch").terminate_job(jobId=first, reason="enough")
    running(tiny_cloud, large)
    time.sleep(0.3)
    assert described(tiny_cloud, larger)["status"] == described(tiny_cloud, small)["status"] == "RUNNABLE"
    tiny_cloud.client("batch").terminate_job(jobId=large, reason="enough")
    jobs = [ended(tiny_cloud, job_id) for job_id in (large, larger, small)]
    assert [printed(tiny_cloud, job) for job in jobs] == ["2 2\n", "2 2\n", "1 1\n"]


def test_jobs_wait_for_a_vcpu_and_one_that_is_cancelled_there_never_runs(tiny_cloud: Cloud) -> None:
    batch = tiny_cloud.client("batch")
    first = [submitted(tiny_cloud, "exec sleep 600") for _ in range(2)]  # as many as there are vCPUs
    for job_id in first:
        running(tiny_cloud, job_id)
    waiting = submitted(tiny_cloud, "echo ran")
    assert described(tiny_cloud, waiting)["status"] == "RUNNABLE"
    batch.cancel_job(jobId=first[0], reason="it runs already, so this does nothing")
    batch.cancel_job(jobId=waiting, reason="no longer wanted")
    job = ended(tiny_cloud, waiting)
    assert (job["status"], job["statusReason"], job["attempts"]) == ("FAILED", "no longer wanted", [])
    assert [described(tiny_cloud, job_id)["status"] for job_id in first] == ["RUNNING"] * 2
    for job_id in first:
        batch.terminate_job(jobId=job_id, reason="enough")
        ended(tiny_cloud, job_id)
    assert not (tiny_cloud.directory / "logs" / job["jobName"]).exists()


def test_what_no_job_can_be_is_refused_and_submits_none(tiny_cloud: Cloud) -> None:
    batch, before = tiny_cloud.client("batch"), tiny_cloud.jobs("")
    job = {"jobName": "a", "jobQueue": tiny_cloud.outputs["JobQueue"], "jobDefinition": "missing"}

    def refused(operation: str, **asked: Any) -> str:
        with pytest.raises(ClientError) as failed:
            getattr(batch, operation)(**asked)
        assert failed.value.response["Error"]["Code"] == "ClientException"
        return str(failed.value.response["Error"]["Message"])

    names = "Job name should match valid pattern"
    assert [refused("submit_job", **{**job, "jobName": name}) for name in ("a b", "-a", "a" * 129)] == [names] * 3
    assert refused("submit_job", **job) == "missing does not exist"
    definition = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"][0]["jobDefinitionArn"]
    job = {**job, "jobDefinition": definition}
    assert refused("submit_job", **{**job, "jobQueue": "missing"}) == "missing does not exist"
    single = "The embedded cloud runs single container jobs only"
    for more in ({"arrayProperties": {"size": 2}}, {"dependsOn": [{"jobId": "1"}]}):
        assert refused("submit_job", **job, **more) == single
    many = [str(number) for number in range(51)]
    assert refused("terminate_jobs", jobs=many, reason="enough") == "jobs: at most 50, got 51"
    answer = batch.terminate_jobs(jobs=many[1:], reason="enough")
    assert (answer["successful"], answer["errors"]) == (many[1:], []), "as on AWS, where there are none of these"
    assert tiny_cloud.jobs("") == before


def test_a_job_whose_image_is_not_of_the_stack_fails_as_one_that_cannot_be_pulled(tiny_cloud: Cloud) -> None:
    rules = [{"action": "RETRY", "onReason": "CannotPullContainerError:*"}, {"action": "EXIT", "onReason": "*"}]
    image = "public.ecr.aws/me/trainer:v1"
    job = ended(tiny_cloud, submitted(tiny_cloud, image=image, retryStrategy={"attempts": 3, "evaluateOnExit": rules}))
    assert job["statusReason"] == "Task failed to start"
    reason = f"CannotPullContainerError: the embedded cloud has no image {image}"
    assert [attempt["container"]["reason"] for attempt in job["attempts"]] == [reason] * 3
    assert "exitCode" not in job["container"]


def test_a_job_that_nobody_tells_what_to_run_fails_as_one_that_cannot_be_started(tiny_cloud: Cloud) -> None:
    for _ in range(3):  # more than there are vCPUs: none of them is lost
        job = ended(tiny_cloud, submitted(tiny_cloud, image=EMPTY_IMAGE))
        assert job["statusReason"] == "Task failed to start"
        reason = "CannotStartContainerError: neither the image nor the job says what to run"
        assert job["container"]["reason"] == reason


def test_a_job_that_the_cloud_cannot_run_fails_and_costs_no_vcpu(tiny_cloud: Cloud) -> None:
    logs = tiny_cloud.directory / "logs"
    logs.mkdir(exist_ok=True)
    logs.rename(logs.with_name("elsewhere"))
    logs.write_text("not a folder")
    try:
        for _ in range(3):  # more than there are vCPUs
            job = ended(tiny_cloud, submitted(tiny_cloud))
            why = f"{logs}/{job['jobName']}: Not a directory"
            assert job["statusReason"] == f"The embedded cloud could not run it: {why}"
    finally:
        logs.unlink()
        logs.with_name("elsewhere").rename(logs)
