"""`sweep teardown --check` as a process: it sees all of a stack, says what costs, and deletes nothing."""

import json
import re

import pytest

from stepsweep.client.checks.findings import State
from stepsweep.client.checks.leftovers import month_usd, others
from tests.support.answers import Answer, answering
from tests.support.clients import client_of
from tests.support.command import Sweep
from tests.support.deployed import ACCOUNT, TAGS, Deployed, deploy, manifest
from tests.support.moto_server import running_moto
from tests.support.stack import REGION, environment_of

LEFT = """\
warning stack: {name} is there, CREATE_COMPLETE; it costs nothing except what is listed below
-> `sweep destroy`
warning buckets: {low}-results is empty, and costs nothing
-> `aws s3 rb --force s3://{low}-results` deletes it with all results in it
warning log groups: {name}-Jobs holds 0 bytes, kept for ever: costs nothing
-> `aws logs delete-log-group --log-group-name {name}-Jobs`
problem images: {repository}:abc, 0.0 GB, costs storage: less than 0.01 USD a month
-> `aws ecr batch-delete-image --repository-name {repository} --image-ids imageTag=abc`; CDK's bootstrap keeps images \
of stacks that are gone
warning state machines: {name}-sweep costs nothing unless it is started
-> `aws stepfunctions delete-state-machine --state-machine-arn arn:aws:states:{region}:{account}:\
stateMachine:{name}-sweep`
warning job queues: {low}-queue costs nothing
-> `aws batch update-job-queue --job-queue {low}-queue --state DISABLED`, then `aws batch delete-job-queue --job-queue \
{low}-queue`
warning compute: {low}-gpus costs nothing while no job runs
-> `aws batch update-compute-environment --compute-environment {low}-gpus --state DISABLED`, then `aws batch \
delete-compute-environment --compute-environment {low}-gpus`
warning job definitions: {low}-job:1 is ACTIVE, and costs nothing
-> `aws batch deregister-job-definition --job-definition {low}-job:1`
"""


@pytest.fixture
def made(server: str) -> Deployed:
    return deploy(server)


def looked(
    sweep: Sweep, made: Deployed, *, code: int, url: str | None = None, name: str | None = None
) -> list[dict[str, str]]:
    environment = {**made.environment, **({"AWS_ENDPOINT_URL": url} if url else {})}
    words = ("teardown", "--check", "--on", "aws", "--stack", name or made.name, "--json")
    ended = sweep(*words, environment=environment)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert ended.stderr == ""
    findings: list[dict[str, str]] = json.loads(ended.stdout)
    return findings


def about(findings: list[dict[str, str]], check: str, name: str) -> dict[str, str]:
    (one,) = [one for one in findings if one["check"] == check and name in one["found"]]
    return one


def test_without_check_it_is_a_wrong_option_that_says_what_destroys(sweep: Sweep) -> None:
    ended = sweep("teardown", "--on", "aws")
    assert ended.returncode == 2
    assert ended.stderr.startswith("sweep: `sweep destroy` destroys the stack; this command checks what is left")


def test_on_this_machine_there_is_nothing_to_check(sweep: Sweep) -> None:
    ended = sweep("teardown", "--check")
    assert ended.returncode == 2
    assert ended.stderr.startswith("sweep: --check goes with --on aws; ")


def test_what_is_left_is_said_with_the_command_that_deletes_it(sweep: Sweep, made: Deployed) -> None:
    found = [
        f"{one['state']} {one['check']}: {one['found']}\n-> {one['remedy']}\n"
        for one in looked(sweep, made, code=1)
        if re.search(rf"\b{made.name}\b", one["found"], re.IGNORECASE)
    ]
    of_stack = {"name": made.name, "low": made.name.lower(), "repository": made.repository}
    assert "".join(found) == LEFT.format(**of_stack, region=REGION, account=ACCOUNT)


def test_all_of_a_stack_is_seen_and_nothing_of_it_deleted(sweep: Sweep, made: Deployed) -> None:
    made.client("s3").put_object(Bucket=made.bucket, Key="sweeps/a/winner.json", Body=b"{}")
    other = f"of-{made.queue}"  # known by its tag alone
    container = {
        "image": "busybox",
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
    }
    made.client("batch").register_job_definition(
        jobDefinitionName=other, type="container", containerProperties=container, tags=TAGS
    )
    findings = looked(sweep, made, code=1)
    assert about(findings, "job definitions", other)["state"] == "warning"
    assert about(findings, "stack", made.name)["state"] == "warning"
    assert about(findings, "stack", made.name)["remedy"] == "`sweep destroy`"
    bucket = about(findings, "buckets", made.bucket)
    assert bucket["state"] == "problem"
    assert bucket["remedy"].startswith(f"`aws s3 rb --force s3://{made.bucket}`")
    image = about(findings, "images", f"{made.repository}:abc")
    assert image["state"] == "problem"
    assert (
        f"`aws ecr batch-delete-image --repository-name {made.repository} --image-ids imageTag=abc`" in image["remedy"]
    )
    for check, name in (
        ("log groups", f"{made.name}-Jobs"),
        ("state machines", f"{made.name}-sweep"),
        ("job queues", made.queue),
        ("compute", made.compute),
    ):
        one = about(findings, check, name)
        assert one["state"] == "warning", one
        assert "costs nothing" in one["found"]
        assert one["remedy"].startswith("`aws ")
    assert looked(sweep, made, code=1) == findings


def test_machines_and_volumes_that_are_left_cost_money(sweep: Sweep, made: Deployed) -> None:
    ec2 = made.client("ec2")
    tags = [{"Key": name, "Value": value} for name, value in TAGS.items()]
    images = ec2.describe_images()["Images"]
    (instance,) = ec2.run_instances(
        ImageId=images[0]["ImageId"], InstanceType="g4dn.xlarge", MinCount=1, MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )["Instances"]  # fmt: skip
    volume = ec2.create_volume(
        AvailabilityZone=f"{REGION}a", Size=100, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}]
    )["VolumeId"]
    findings = looked(sweep, made, code=1)
    machine = about(findings, "instances", instance["InstanceId"])
    assert machine["state"] == "problem"
    assert f"`aws ec2 terminate-instances --instance-ids {instance['InstanceId']}`" in machine["remedy"]
    assert about(findings, "volumes", volume)["found"].startswith(f"{volume}, 100 GB, costs storage")
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    ec2.delete_volume(VolumeId=volume)
    assert [one["found"] for one in looked(sweep, made, code=1) if one["check"] in ("instances", "volumes")] == [
        "none",
        "none",
    ]


def test_what_may_not_be_seen_is_not_said_to_be_gone(sweep: Sweep, made: Deployed, server: str) -> None:
    denied = Answer.json_error("AccessDeniedException", "not authorized")
    with answering(server, {"DescribeLogGroups": denied}) as url:
        findings = looked(sweep, made, code=1, url=url)
    (logs,) = [one for one in findings if one["check"] == "log groups"]
    assert logs["state"] == "problem"
    assert logs["found"] == "could not be checked: these credentials may not logs:DescribeLogGroups"


def test_where_there_is_nothing_nothing_is_left(sweep: Sweep) -> None:
    with running_moto() as url:
        made = deploy(url)
        elsewhere = {**made.environment, "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2"}
        ended = sweep("teardown", "--check", "--on", "aws", "--stack", "Nothing", environment=elsewhere)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "problem" not in ended.stdout
    assert "ok      instances: none\n" in ended.stdout
    assert "ok      images: none in CDK's repository\n" in ended.stdout


def test_images_whose_owner_nobody_knows_any_more_are_counted(sweep: Sweep) -> None:
    with running_moto() as url:
        environment = {**environment_of(url), "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2"}
        ecr, name = client_of("ecr", environment), "cdk-a-container-assets-1-us-west-2"
        for repository in (name, "cdk-b-container-assets-1-us-west-2", "others"):
            ecr.create_repository(repositoryName=repository)
        for repository in (name, "others"):
            ecr.put_image(repositoryName=repository, imageTag="1", imageManifest=manifest("1"))
        words = ("teardown", "--check", "--on", "aws", "--stack", "Nothing", "--json")
        ended = sweep(*words, environment=environment)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    (found,) = [one for one in json.loads(ended.stdout) if one["check"] == "images"]
    assert found == {
        "check": "images",
        "state": "problem",
        "found": f"CDK's repository holds images, which cost storage; their owner is unknown: {name} (1)",
        "remedy": "no job definition of ours is left that names one. `cdk gc` deletes what no stack uses",
    }


def test_what_storage_costs_is_said_in_cents() -> None:
    assert month_usd(10**10, "ecr") == "1.00 USD"
    assert month_usd(10**6, "ecr") == "less than 0.01 USD"


@pytest.mark.parametrize(
    ("resource", "state", "check", "costs"),
    [
        ("ec2:us-east-1:1:natgateway/nat-1", State.PROBLEM, "ec2 natgateway", "may cost money"),
        ("ec2:us-east-1:1:vpc/vpc-1", State.WARNING, "ec2 vpc", "costs nothing by itself"),
        ("iam::1:role/a", State.WARNING, "iam", "costs nothing"),
        ("lambda:us-east-1:1:function:a", State.WARNING, "lambda", "costs nothing unless it is called"),
        ("sagemaker:us-east-1:1:endpoint/a", State.WARNING, "sagemaker", "is not known to us; look whether it costs"),
    ],
)
def test_what_else_has_the_tag_is_named_with_what_it_costs(resource: str, state: State, check: str, costs: str) -> None:
    (found,) = others([f"arn:aws:{resource}"])
    assert (found.state, found.check) == (state, check)
    assert found.found.startswith(f"1 with our tag: arn:aws:{resource}; such {costs}")
    assert found.remedy.startswith("`sweep destroy` while the stack is there; ")


def test_what_another_check_has_seen_is_not_named_again() -> None:
    seen = (
        "s3:::a", "logs:us-east-1:1:log-group:a", "states:us-east-1:1:stateMachine:a",
        "batch:us-east-1:1:job-queue/a", "cloudformation:us-east-1:1:stack/a/1",
        "ec2:us-east-1:1:instance/i-1", "ec2:us-east-1:1:volume/vol-1",
    )  # fmt: skip
    (found,) = others(f"arn:aws:{one}" for one in (*seen, "sns:us-east-1:1:a"))
    assert found.check == "sns"
