"""`sweep doctor` as a process, against a stack on moto; what moto cannot answer comes over the same wire."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from stepsweep.client.checks.aws import family_of
from stepsweep.client.checks.findings import Finding, State
from stepsweep.client.checks.machine import examine_machine
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.operations.capacity import Waiting
from stepsweep.client.running.execution import Progress
from stepsweep.contract.deployed import Output
from tests.support.answers import JSON, Answer, Change, answering
from tests.support.command import Sweep
from tests.support.deployed import ACCOUNT, Deployed, deploy
from tests.support.stack import REGION

WELL = """\
ok      region: {region}
ok      credentials: account {account}, as arn:aws:sts::{account}:user/moto
ok      stack: {name} is CREATE_COMPLETE
ok      outputs: all {outputs} exist
ok      state machine: {name}-sweep is ACTIVE
ok      job queue: {low}-queue is ENABLED and VALID
ok      compute: {low}-gpus is ENABLED and VALID
ok      job definition: {low}-job:1 is ACTIVE; 4 vCPUs per trial
ok      image: {account}.dkr.ecr.{region}.amazonaws.com/cdk-{low}-container-assets-{account}-{region}:abc is there, \
0.0 GB
ok      quota: Running On-Demand G and VT instances (L-DB2E81BA) is 64 vCPUs; the stack uses at most 64, 16 trials at \
once
ok      waiting jobs: none
ok      bucket: s3://{low}-results can be read
"""
NO_SUCH_QUOTA = Answer.json_error("NoSuchResourceException", "The request failed because the quota does not exist.")


def quota(vcpus: float) -> Answer:
    answer = {"Quota": {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA", "Value": vcpus, "Adjustable": True}}
    return Answer(status=200, type=JSON, body=json.dumps(answer))


class Doctor:
    """The command, on one stack, with some answers that are not moto's."""

    def __init__(self, sweep: Sweep, server: str) -> None:
        self.sweep, self.server = sweep, server

    def __call__(
        self, made: Deployed, answers: Mapping[str, Answer | Change] | None = None, *words: str, code: int
    ) -> dict[str, list[dict[str, str]]]:
        """Returns the findings by their check."""
        with answering(self.server, {"GetServiceQuota": quota(64), **(answers or {})}) as url:
            environment = {**made.environment, "AWS_ENDPOINT_URL": url}
            ended = self.sweep("doctor", "--on", "aws", "--json", "--stack", made.name, *words, environment=environment)
        assert ended.returncode == code, ended.stdout + ended.stderr
        assert ended.stderr == ""
        findings: dict[str, list[dict[str, str]]] = {}
        for one in json.loads(ended.stdout):
            assert set(one) == {"check", "state", "found", "remedy"}
            findings.setdefault(one["check"], []).append(one)
        return findings


@pytest.fixture
def doctor(sweep: Sweep, server: str) -> Doctor:
    return Doctor(sweep, server)


@pytest.fixture(scope="module")
def made(server: str) -> Deployed:
    """One stack for all tests that change nothing of it."""
    return deploy(server)


def only(findings: Mapping[str, list[dict[str, str]]], check: str) -> tuple[str, str, str]:
    (one,) = findings[check]
    return one["state"], one["found"], one["remedy"]


# --- all is well ------------------------------------------------------------------------------------------------------


def test_a_stack_that_is_well_has_nothing_to_do(sweep: Sweep, server: str, made: Deployed) -> None:
    with answering(server, {"GetServiceQuota": quota(64)}) as url:
        environment = {**made.environment, "AWS_ENDPOINT_URL": url}
        ended = sweep("doctor", "--on", "aws", "--stack", made.name, environment=environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    tool, _, rest = ended.stdout.partition("\n")
    assert tool.startswith("ok      tool: stepsweep ")
    assert rest == WELL.format(
        name=made.name, low=made.name.lower(), region=REGION, account=ACCOUNT, outputs=len(Output)
    )


def test_people_get_a_line_a_check_and_what_to_do_below_it(sweep: Sweep, server: str, made: Deployed) -> None:
    with answering(server, {"GetServiceQuota": quota(0)}) as url:
        ended = sweep(
            "doctor", "--on", "aws", "--stack", made.name, environment={**made.environment, "AWS_ENDPOINT_URL": url}
        )
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    assert f"ok      stack: {made.name} is CREATE_COMPLETE" in lines
    at = next(number for number, line in enumerate(lines) if line.startswith("problem quota: "))
    assert lines[at + 1].startswith(
        "          -> `aws service-quotas request-service-quota-increase --service-code ec2 "
    )


# --- credentials ------------------------------------------------------------------------------------------------------


def test_no_credentials(sweep: Sweep) -> None:
    ended = sweep("doctor", "--on", "aws", "--region", "us-east-1")
    assert ended.returncode == 1
    assert ended.stderr == ""
    assert "problem credentials: no usable AWS credentials (Unable to locate credentials)\n" in ended.stdout
    assert "-> run `aws configure` or `aws sso login`, or give --profile" in ended.stdout


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredToken", "the AWS credentials have expired (ExpiredToken)"),
        ("InvalidClientTokenId", "AWS does not accept the credentials (InvalidClientTokenId)"),
        ("SignatureDoesNotMatch", "AWS does not accept the credentials (SignatureDoesNotMatch)"),
    ],
)
def test_credentials_that_aws_does_not_take(doctor: Doctor, made: Deployed, code: str, said: str) -> None:
    answers = {"GetCallerIdentity": Answer.query_error(code, "The security token included in the request is not good")}
    findings = doctor(made, answers, code=1)
    assert list(findings) == ["tool", "credentials"]
    state, found, remedy = only(findings, "credentials")
    assert (state, found) == ("problem", said)
    assert "`aws s" in remedy


def test_no_region(sweep: Sweep) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    ended = sweep("doctor", "--on", "aws", environment=keys)
    assert ended.returncode == 1
    assert "problem region: no AWS region is set\n" in ended.stdout
    assert "-> give --region us-east-1, or set AWS_REGION" in ended.stdout


def test_an_sso_login_that_is_over(sweep: Sweep) -> None:
    environment = sweep.with_sso_profile("work")
    ended = sweep("doctor", "--on", "aws", "--profile", "work", environment=environment)
    assert ended.returncode == 1
    assert "problem credentials: the AWS login is over (" in ended.stdout
    assert "-> run `aws sso login --profile work`" in ended.stdout


def test_a_profile_that_is_not_there_is_a_wrong_option(sweep: Sweep) -> None:
    ended = sweep("doctor", "--on", "aws", "--profile", "wrok")
    assert ended.returncode == 2
    assert ended.stderr.startswith("sweep: The config profile (wrok) could not be found")


@pytest.mark.parametrize("command", [["doctor"], ["teardown", "--check"]])
def test_a_region_that_is_none_is_a_wrong_option(sweep: Sweep, command: list[str]) -> None:
    ended = sweep(*command, "--on", "aws", "--region", "us east")
    assert ended.returncode == 2
    assert ended.stderr.endswith("write one such as us-east-1\n")


def test_what_may_not_be_read_names_the_action(doctor: Doctor, made: Deployed) -> None:
    body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>1</RequestId></Error>"
    denied = Answer(status=403, type="application/xml", body=body)
    jobs = Answer.json_error("AccessDeniedException", "not authorized")
    findings = doctor(made, {f"/{made.bucket}": denied, "/v1/listjobs": jobs}, code=0)
    assert only(findings, "bucket")[1] == "could not be checked: these credentials may not s3:ListBucket"
    assert only(findings, "waiting jobs")[1] == "could not be checked: these credentials may not batch:ListJobs"


def test_a_network_that_is_gone(sweep: Sweep, made: Deployed) -> None:
    environment = {**made.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    ended = sweep("doctor", "--on", "aws", environment=environment)
    assert ended.returncode == 1
    assert "problem credentials: the cloud cannot be reached (" in ended.stdout
    assert ended.stderr == ""


# --- the stack --------------------------------------------------------------------------------------------------------


def test_no_stack(sweep: Sweep, made: Deployed) -> None:
    ended = sweep("doctor", "--on", "aws", "--stack", "Nothing", environment=made.environment)
    assert ended.returncode == 1
    assert "problem stack: there is no stack Nothing in this region\n" in ended.stdout
    assert "-> `sweep deploy`, or say where it is" in ended.stdout


@pytest.mark.parametrize(
    ("status", "state", "remedy"),
    [
        ("UPDATE_COMPLETE", "ok", ""),
        ("UPDATE_IN_PROGRESS", "warning", "wait until that has ended"),
        ("UPDATE_ROLLBACK_COMPLETE", "warning", "the last deploy failed and was undone"),
        (
            "ROLLBACK_COMPLETE",
            "problem",
            "the first deploy failed and was undone; `sweep destroy`, then `sweep deploy`",
        ),
        ("CREATE_IN_PROGRESS", "problem", "wait until that has ended"),
        ("DELETE_FAILED", "problem", "`sweep destroy` again"),
        ("UPDATE_ROLLBACK_FAILED", "problem", "`aws cloudformation continue-update-rollback --stack-name Doctored"),
    ],
)
def test_the_stack_s_status(doctor: Doctor, made: Deployed, status: str, state: str, remedy: str) -> None:
    answers: dict[str, Answer | Change] = {"DescribeStacks": lambda body: body.replace("CREATE_COMPLETE", status)}
    findings = doctor(made, answers, code=int(state == "problem"))
    assert only(findings, "stack")[:2] == (state, f"{made.name} is {status}")
    assert only(findings, "stack")[2].startswith(remedy)
    assert ("bucket" in findings) is (state != "problem")


def test_a_stack_that_is_another_one(sweep: Sweep, made: Deployed) -> None:
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    made.client("cloudformation").create_stack(StackName=f"{made.name}Other", TemplateBody=template)
    ended = sweep("doctor", "--on", "aws", "--stack", f"{made.name}Other", environment=made.environment)
    assert ended.returncode == 1
    every = ", ".join(Output)
    assert f"problem outputs: the stack has no output {every}\n" in ended.stdout


def test_what_was_deleted_by_hand(doctor: Doctor, server: str) -> None:
    made = deploy(server)
    states = made.client("stepfunctions")
    (arn,) = [
        one["stateMachineArn"] for one in states.list_state_machines()["stateMachines"] if made.name in one["name"]
    ]
    states.delete_state_machine(stateMachineArn=arn)
    made.client("s3").delete_bucket(Bucket=made.bucket)
    made.client("ecr").batch_delete_image(repositoryName=made.repository, imageIds=[{"imageTag": "abc"}])
    findings = doctor(made, code=1)
    assert only(findings, "state machine")[1] == f"{made.name}-sweep is not there"
    assert only(findings, "bucket")[1] == f"there is no bucket {made.bucket}"
    state, found, remedy = only(findings, "image")
    assert (state, found.endswith(":abc is not there")) == ("problem", True)
    assert remedy.endswith("`sweep deploy` builds and pushes it again")


def test_a_queue_and_a_compute_environment_that_are_off(doctor: Doctor, server: str) -> None:
    made = deploy(server)
    batch = made.client("batch")
    batch.update_job_queue(jobQueue=made.queue, state="DISABLED")
    batch.update_compute_environment(computeEnvironment=made.compute, state="DISABLED")
    findings = doctor(made, code=1)
    assert only(findings, "job queue") == (
        "problem",
        f"{made.queue} is DISABLED and VALID",
        f"`aws batch update-job-queue --job-queue {made.queue} --state ENABLED`",
    )
    assert only(findings, "compute")[2].startswith("`aws batch update-compute-environment --compute-environment ")


def test_a_compute_environment_that_is_invalid_says_batch_s_reason(doctor: Doctor, made: Deployed) -> None:
    def invalid(body: str) -> str:
        answer: dict[str, Any] = json.loads(body)
        for one in answer["computeEnvironments"]:
            one |= {"status": "INVALID", "statusReason": "CLIENT_ERROR - The launch template does\n not exist"}
        return json.dumps(answer)

    findings = doctor(made, {"/v1/describecomputeenvironments": invalid}, code=1)
    state, found, remedy = only(findings, "compute")
    assert state == "problem"
    assert found.endswith("is ENABLED and INVALID: CLIENT_ERROR - The launch template does not exist")
    assert remedy.startswith("fix what the reason names")


def test_an_image_that_is_not_in_ecr_is_said_to_be_unchecked(doctor: Doctor, server: str) -> None:
    findings = doctor(deploy(server, image="docker.io/me/trainer:1"), code=0)
    assert only(findings, "image")[:2] == ("warning", "docker.io/me/trainer:1 is not in ECR, so it was not checked")


# --- quotas -----------------------------------------------------------------------------------------------------------


def test_a_quota_of_none_is_the_problem(doctor: Doctor, made: Deployed) -> None:
    findings = doctor(made, {"GetServiceQuota": quota(0.0)}, "--region", "eu-west-1", code=1)
    state, found, remedy = only(findings, "quota")
    assert state == "problem"
    assert found.endswith("(L-DB2E81BA) is 0 vCPUs: no job will ever start on these machines")
    assert remedy.startswith(
        "`aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-DB2E81BA "
        "--desired-value 64 --region eu-west-1`, or https://eu-west-1.console.aws.amazon.com/servicequotas/home/"
    )


def test_a_quota_below_one_trial_starts_none(doctor: Doctor, made: Deployed) -> None:
    found = only(doctor(made, {"GetServiceQuota": quota(2)}, code=1), "quota")[1]
    assert found.endswith("is 2 vCPUs, and a trial needs 4: no job will ever start on these machines")


def test_a_quota_below_what_the_stack_may_use_says_how_many_trials_that_is(doctor: Doctor, made: Deployed) -> None:
    state, found, _ = only(doctor(made, {"GetServiceQuota": quota(8)}, code=0), "quota")
    assert state == "warning"
    assert found.endswith("is 8 vCPUs, 2 trials at once; the stack may use 64, 16 trials at once")


def test_a_quota_that_was_never_changed_is_the_default_one(doctor: Doctor, made: Deployed) -> None:
    answers = {"GetServiceQuota": NO_SUCH_QUOTA, "GetAWSDefaultServiceQuota": quota(0)}
    assert only(doctor(made, answers, code=1), "quota")[0] == "problem"


def test_a_quota_that_may_not_be_read_is_a_warning_that_names_the_action(doctor: Doctor, made: Deployed) -> None:
    denied = Answer.json_error(
        "AccessDeniedException", "User: arn:aws:iam::123456789012:user/me is not authorized to perform: x"
    )
    assert only(doctor(made, {"GetServiceQuota": denied}, code=0), "quota") == (
        "warning",
        "could not be checked: these credentials may not servicequotas:GetServiceQuota",
        "have servicequotas:GetServiceQuota allowed, or ask somebody who may",
    )


def test_spot_has_a_quota_of_its_own(doctor: Doctor, server: str) -> None:
    found = only(doctor(deploy(server, capacity="spot"), code=0), "quota")[1]
    assert found.startswith("All G and VT Spot Instance Requests (L-3819A6DF) is 64 vCPUs")


def test_where_both_kinds_serve_both_are_looked_at(doctor: Doctor, server: str) -> None:
    made = deploy(server, capacity="spot-first")
    assert [one["state"] for one in doctor(made, code=0)["quota"]] == ["ok", "ok"]
    assert [one["state"] for one in doctor(made, {"GetServiceQuota": quota(0)}, code=1)["quota"]] == ["problem"] * 2


@pytest.mark.parametrize(
    ("instance_type", "family"),
    [
        *((name, "G") for name in ("g4dn.xlarge", "gr6.4xlarge", "vt1.3xlarge")),
        ("p3.2xlarge", "P"),
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html
        *(
            (f"{name}.large", "Standard")
            for name in ("a1", "c5", "d3", "h1", "i3", "is4gen", "im4gn", "r5", "t3", "z1d")
        ),
        ("m5", "Standard"),
        ("optimal", "Standard"),
        ("trn1.2xlarge", "TRN"),
        ("9", "?"),
    ],
)
def test_an_instance_type_counts_against_its_family_s_quota(instance_type: str, family: str) -> None:
    assert family_of(instance_type) == family


# --- jobs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "reason", "state"),
    [
        (2, "", "ok"),
        (60, "", "problem"),
        (60, "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue", "problem"),
    ],
)
def test_jobs_that_wait_for_long_say_why(doctor: Doctor, made: Deployed, minutes: int, reason: str, state: str) -> None:
    created = int((time.time() - 60 * minutes) * 1000)
    job = {"jobId": "1", "jobName": "t", "createdAt": created, "status": "RUNNABLE", "statusReason": reason}

    # moto's queue is empty; the first of the statuses that are asked about is RUNNABLE
    asked: list[str] = []

    def jobs(body: str) -> str:
        asked.append(body)
        return json.dumps({"jobSummaryList": [job] if len(asked) == 1 else []})

    findings = doctor(made, {"/v1/listjobs": jobs}, code=int(state == "problem"))
    got, found, remedy = only(findings, "waiting jobs")
    assert got == state
    if state == "problem":
        assert found == f"1 RUNNABLE for more than 15 minutes: {reason or 'no reason given'}"
        assert ("max_vcpus" in remedy) is bool(reason)


def test_a_sweep_whose_trials_would_never_start_is_refused_before_it_starts(
    sweep: Sweep, server: str, made: Deployed
) -> None:
    def started(words: tuple[str, ...], answer: Answer) -> tuple[int, str]:
        with answering(server, {"GetServiceQuota": answer, "StartExecution": refused}) as url:
            asked = ("run", "--set", "lr=1", "--epochs", "1", "--on", "aws", "--stack", made.name, *words)
            ended = sweep(*asked, environment={**made.environment, "AWS_ENDPOINT_URL": url})
        return ended.returncode, ended.stderr

    refused = Answer.json_error("AccessDeniedException", "it would have been started")
    code, said = started((), quota(0))
    assert (code, "L-DB2E81BA) is 0 vCPUs: no job will ever start" in said) == (2, True)
    assert "request-service-quota-increase" in said
    assert "it would have been started" not in said
    unknown = Answer.json_error("AccessDeniedException", "you may not")
    for words, answer in ((("--no-check",), quota(0)), ((), quota(64)), ((), unknown)):
        assert "it would have been started" in started(words, answer)[1]


QUOTA_OF_0 = (
    "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the "
    "specified instance type belongs to. Launching EC2 instance failed."
)


def of_autoscaling(operation: str, result: str) -> Answer:
    body = f'<{operation}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><{operation}Result>{result}'
    return Answer(status=200, type="text/xml", body=f"{body}</{operation}Result></{operation}Response>")


def scaling(made: Deployed) -> dict[str, Answer]:
    """Returns what EC2 tells of a group: one failure of the last hour, one success, and an older failure."""
    group = f"<member><AutoScalingGroupName>{made.compute}-asg-1</AutoScalingGroupName></member>"
    moments = {"Failed": time.time() - 60, "Successful": time.time() - 30, "old": time.time() - 7200}
    activities = "".join(
        f"<member><StatusCode>{'Failed' if code == 'old' else code}</StatusCode>"
        f"<StatusMessage>{QUOTA_OF_0}</StatusMessage>"
        f"<StartTime>{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(moment))}</StartTime></member>"
        for code, moment in moments.items()
    )
    return {
        "DescribeAutoScalingGroups": of_autoscaling(
            "DescribeAutoScalingGroups", f"<AutoScalingGroups>{group}</AutoScalingGroups>"
        ),
        "DescribeScalingActivities": of_autoscaling(
            "DescribeScalingActivities", f"<Activities>{activities}</Activities>"
        ),
    }


def test_while_no_job_starts_a_sweep_says_ec2_s_own_reason(
    made: Deployed, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(server, scaling(made)) as url:
        for name, value in {**made.environment, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        cloud = Cloud(
            on="aws", directory=Path(), trainer=None, job_vcpus=None, profile=None, region=None, stack=made.name
        )
        waiting = Waiting(cloud)
        stuck = Progress(to_run=9, running=0, seconds=600)
        assert QUOTA_OF_0 in waiting.explained(stuck).waits_for
        assert waiting.explained(replace(stuck, running=1)).waits_for == ""
        assert waiting.explained(replace(stuck, waits_for="Batch's own")).waits_for == "Batch's own"


def test_ec2_s_own_reason_for_machines_that_do_not_start_and_an_old_machine_image(
    doctor: Doctor, made: Deployed
) -> None:
    def old(body: str) -> str:
        document = json.loads(body)
        for one in document["computeEnvironments"]:
            one["computeResources"] = {"ec2Configuration": [{"batchImageStatus": "UPDATE_AVAILABLE"}]}
        return json.dumps(document)

    findings = doctor(
        made,
        {"/v1/describecomputeenvironments": old, **scaling(made)},
        code=0,
    )
    state, found, remedy = only(findings, "machines")
    assert (state, found) == ("warning", f"1 could not be started in the last hour: {QUOTA_OF_0}")
    assert "larger quota" in remedy
    assert only(findings, "machine image")[0] == "warning"


# --- this machine -----------------------------------------------------------------------------------------------------


def test_this_machine(sweep: Sweep, tmp_path: Path) -> None:
    ended = sweep("doctor", "--json")
    assert ended.returncode == 1
    findings = {one["check"]: one for one in json.loads(ended.stdout)}
    assert list(findings) == [
        "tool", "packages [local]", "node", "memory", "packages [tutorial]", "data", "disk", "embedded cloud",
    ]  # fmt: skip
    assert [name for name, one in findings.items() if one["state"] == "problem"] == ["data"]
    assert "python -m stepsweep.trainer.fetch --dataset fashion-mnist" in findings["data"]["remedy"]
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_has_little_memory_is_told_what_a_trial_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=1 << 29))
    (found,) = (each for each in examine_machine(tmp_path) if each.check == "memory")
    assert found == Finding(
        check="memory",
        state=State.WARNING,
        found="0.5 GiB free; a trial takes up to 1.5",
        remedy="end other programs, or a trial may be killed",
    )


def test_data_and_an_embedded_cloud_that_was_killed(sweep: Sweep, tmp_path: Path) -> None:
    from stepsweep.trainer.data import DATASETS

    data = tmp_path / "cloud" / "data" / "mnist"
    data.mkdir(parents=True)
    for file in DATASETS["mnist"].sha256:
        (data / file).touch()
    (tmp_path / "cloud" / "cloud.json").write_text('{"url": "http://127.0.0.1:9", "region": "us-east-1"}')
    ended = sweep("doctor", "--dir", "cloud")
    assert ended.returncode == 0, ended.stdout
    assert "ok      data: mnist in cloud/data; not fashion-mnist\n" in ended.stdout
    assert "warning embedded cloud: cloud/cloud.json names a cloud that does not answer" in ended.stdout
