"""`sweep teardown --check`: it sees all of a stack, says what costs, and deletes nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from stepsweep.client.checks.leftovers import Leftovers, others
from stepsweep.client.checks.stored import month_usd
from tests.support.answers import JSON, Answer, Change, answering
from tests.support.clients import client_of
from tests.support.command import Sweep
from tests.support.deployed import ACCOUNT, TAGS, Deployed, deploy, manifest
from tests.support.findings import told
from tests.support.stack import REGION, environment_of

NOTHING = {
    "account": "ok: {account}, as arn:aws:sts::{account}:user/moto",
    "stack": "ok: Nothing is not there",
    "instances": "ok: none",
    "volumes": "ok: none",
    "buckets": "ok: none",
    "log groups": "ok: none",
    "images": "ok: none in CDK's repository",
    "state machines": "ok: none",
    "job queues": "ok: none",
    "compute": "ok: none",
    "job definitions": "ok: none",
}
DENIED = Answer.json_error("AccessDeniedException", "not authorized")
Answers = Mapping[str, Answer | Change]


def answer(**document: Any) -> Answer:
    return Answer(status=200, type=JSON, body=json.dumps(document))


def nothing(**texts: str) -> dict[str, str]:
    """Returns what is found where nothing is left, apart from some; names have `_` in place of spaces."""
    found = {check: text.format(account=ACCOUNT) for check, text in NOTHING.items()}
    return found | {check.replace("_", " "): text for check, text in texts.items()}


class Account:
    """Looks for what is left, with some answers that are not moto's."""

    def __init__(self, url: str, answers: dict[str, Answer | Change]) -> None:
        self.url, self.answers = url, answers

    def left(
        self,
        stack: str,
        answers: Answers | None = None,
        *,
        region: str = REGION,
        options: str = "",
        profile: str | None = None,
    ) -> Leftovers:
        self.answers.clear()
        self.answers.update(answers or {})
        environment = {**environment_of(self.url), "AWS_REGION": region}
        clients = lambda service: client_of(service, environment)  # noqa: E731
        return Leftovers(clients=clients, stack=stack, options=options, profile=profile)

    def elsewhere(self, answers: Answers | None = None) -> dict[str, str]:
        """Returns what is found in a region in which nothing of ours is."""
        return told(self.left("Nothing", answers, region="sa-east-1", options=" --region x").look())


@pytest.fixture(scope="module")
def account(server: str) -> Iterator[Account]:
    answers: dict[str, Answer | Change] = {}
    with answering(server, answers) as url:  # one, so that its clients are made once
        yield Account(url, answers)


LEFT = {
    "stack": """\
warning: {name} is there, CREATE_COMPLETE; it costs nothing except what is listed below
-> `sweep destroy`""",
    "buckets": """\
warning: {low}-results is empty, and costs nothing
-> `aws s3 rb --force s3://{low}-results --region x` deletes it with all results in it""",
    "log groups": """\
warning: {name}-Jobs holds 0 bytes, kept for ever: costs nothing
-> `aws logs delete-log-group --log-group-name {name}-Jobs --region x`""",
    "images": """\
problem: {repository}:abc, 0.0 GB, costs storage: less than 0.01 USD a month
-> `aws ecr batch-delete-image --repository-name {repository} --image-ids imageTag=abc --region x`; CDK's bootstrap \
keeps images of stacks that are gone""",
    "state machines": """\
warning: {name}-sweep costs nothing unless it is started
-> `aws stepfunctions delete-state-machine --state-machine-arn arn:aws:states:{region}:{account}:\
stateMachine:{name}-sweep --region x`""",
    "job queues": """\
warning: {low}-queue costs nothing
-> `aws batch update-job-queue --job-queue {low}-queue --state DISABLED --region x`, then `aws batch \
delete-job-queue --job-queue {low}-queue --region x`""",
    "compute": """\
warning: {low}-gpus costs nothing while no job runs
-> `aws batch update-compute-environment --compute-environment {low}-gpus --state DISABLED --region x`, then `aws \
batch delete-compute-environment --compute-environment {low}-gpus --region x`""",
    "job definitions": """\
warning: {low}-job:1 is ACTIVE, and costs nothing
-> `aws batch deregister-job-definition --job-definition {low}-job:1 --region x`""",
}


@pytest.fixture
def made(server: str) -> Deployed:
    return deploy(server)


def of_stack(account: Account, made: Deployed, answers: Answers | None = None) -> dict[str, str]:
    """Returns what is found of a stack; the account has others."""
    findings = account.left(made.name, answers, options=" --region x").look()
    return told(one for one in findings if re.search(rf"\b{made.name}\b", one.found, re.IGNORECASE))


def left_of(made: Deployed, **texts: str) -> dict[str, str]:
    """Returns what is found of a stack, apart from some; names have `_` in place of spaces."""
    of = {"name": made.name, "low": made.name.lower(), "repository": made.repository}
    found = {check: text.format(**of, region=REGION, account=ACCOUNT) for check, text in LEFT.items()}
    return found | {check.replace("_", " "): text for check, text in texts.items()}


def test_without_check_it_is_a_wrong_option_that_says_what_destroys(sweep: Sweep) -> None:
    ended = sweep("teardown", "--on", "aws")
    assert ended.returncode == 2
    assert ended.stderr.startswith("sweep: `sweep destroy` destroys the stack; this command checks what is left")


def test_on_this_machine_there_is_nothing_to_check(sweep: Sweep) -> None:
    ended = sweep("teardown", "--check")
    assert ended.returncode == 2
    assert ended.stderr.startswith("sweep: --check goes with --on aws; ")


def test_what_is_left_is_said_with_the_command_that_deletes_it(account: Account, made: Deployed) -> None:
    assert of_stack(account, made) == left_of(made)
    assert of_stack(account, made) == left_of(made), "nothing of it was deleted"


def test_results_logs_images_and_machines_that_are_kept_cost_money(account: Account, made: Deployed) -> None:
    made.client("s3").put_object(Bucket=made.bucket, Key="sweeps/a/winner.json", Body=b"{}")
    made.client("logs").put_retention_policy(logGroupName=f"{made.name}-Jobs", retentionInDays=30)
    other = deploy(made.environment["AWS_ENDPOINT_URL"])
    other.client("ecr").delete_repository(repositoryName=other.repository, force=True)

    def logs(body: str) -> str:
        document = json.loads(body)
        for group in document["logGroups"]:
            group["storedBytes"] = 5 * 10**9
        return json.dumps(document)

    def images(body: str) -> str:
        details = json.loads(body).get("imageDetails", [])
        if not details:  # a repository that another test's job definition names is not there
            return body
        tags = {"imageTags": ["other", "abc"], "imageSizeInBytes": 4_560_000_000}
        return json.dumps({"imageDetails": [{**details[0], **tags}, {"imageDigest": details[0]["imageDigest"]}]})

    def minimum(body: str) -> str:
        document = json.loads(body)
        for one in document["computeEnvironments"]:
            one["computeResources"] = {"minvCpus": 4}
        return json.dumps(document)

    found = of_stack(
        account,
        made,
        {"DescribeLogGroups": logs, "DescribeImages": images, "/v1/describecomputeenvironments": minimum},
    )
    usual = {check: text.partition("\n")[2] for check, text in left_of(made).items()}
    assert found == left_of(
        made,
        buckets=f"problem: {made.bucket} holds objects, and costs their storage\n{usual['buckets']}",
        log_groups=f"problem: {made.name}-Jobs holds 5,000,000,000 bytes, kept for 30 days: about 0.15 USD a month\n"
        + usual["log groups"],
        images=f"problem: {made.repository}:abc, 4.6 GB, costs storage: 0.46 USD a month\n{usual['images']}",
        compute=f"problem: {made.compute} keeps 4 vCPUs running, which cost money\n{usual['compute']}",
    )


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("UPDATE_COMPLETE", "`sweep destroy`"),
        ("DELETE_IN_PROGRESS", "wait, and ask again"),
        (
            "DELETE_FAILED",
            "`aws cloudformation describe-stack-events --stack-name {name} --region x` says why; then `sweep destroy` "
            "again",
        ),
    ],
)
def test_a_stack_that_is_there_is_to_be_destroyed(account: Account, made: Deployed, status: str, remedy: str) -> None:
    found = of_stack(account, made, {"DescribeStacks": lambda body: body.replace("CREATE_COMPLETE", status)})
    there = f"{made.name} is there, {status}; it costs nothing except what is listed below"
    assert found == left_of(made, stack=f"warning: {there}\n-> {remedy.format(name=made.name)}")


def test_a_job_definition_is_known_by_its_tag_and_one_that_is_inactive_is_counted(account: Account) -> None:
    batch = client_of("batch", {**environment_of(account.url), "AWS_REGION": "sa-east-1"})
    container = {
        "image": "busybox",
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
    }
    for name, tags in (("a-job", TAGS), ("a-job", TAGS), ("another", {"project": "other"}), ("Nothing-job", {})):
        batch.register_job_definition(
            jobDefinitionName=name, type="container", containerProperties=container, tags=tags
        )
    batch.deregister_job_definition(jobDefinition="a-job:1")
    definitions = "\n".join(
        f"warning: {name} is ACTIVE, and costs nothing\n"
        f"-> `aws batch deregister-job-definition --job-definition {name} --region x`"
        for name in ("a-job:2", "Nothing-job:1")
    )
    inactive = "ok: 1 INACTIVE, which cost nothing; Batch deletes them after 180 days"
    assert account.elsewhere() == nothing(job_definitions=f"{definitions}\n{inactive}")
    for name in ("a-job:2", "Nothing-job:1"):
        batch.deregister_job_definition(jobDefinition=name)
    found = account.elsewhere()["job definitions"]
    assert found == "ok: 3 INACTIVE, which cost nothing; Batch deletes them after 180 days"


def test_what_has_neither_tag_nor_name_or_is_deleted_already_is_nobody_s(account: Account) -> None:
    others = ("Nothings-a", "a-Nothing-b")
    queues = [{"jobQueueName": name, "tags": {"project": "other"}} for name in others]
    queues += [{"jobQueueName": "gone", "tags": TAGS, "status": "DELETED"}]
    environments = [{"computeEnvironmentName": name} for name in others]
    environments += [{"computeEnvironmentName": "gone", "tags": TAGS, "status": "DELETED"}]  # type: ignore[dict-item]
    arns = [{"name": name, "stateMachineArn": f"arn:aws:states:sa-east-1:1:stateMachine:{name}"} for name in others]
    answers = {
        "/v1/describejobqueues": answer(jobQueues=queues),
        "/v1/describecomputeenvironments": answer(computeEnvironments=environments),
        "/v1/describejobdefinitions": answer(jobDefinitions=[]),
        "ListStateMachines": answer(stateMachines=arns),
        "DescribeLogGroups": answer(logGroups=[{"logGroupName": name} for name in others]),
    }
    assert account.elsewhere(answers) == nothing()


def test_what_has_the_tag_alone_is_ours(account: Account) -> None:
    arns = [
        "arn:aws:states:sa-east-1:1:stateMachine:mine",
        "arn:aws:logs:sa-east-1:1:log-group:/aws/lambda/mine:*",
        "arn:aws:logs:sa-east-1:1:log-group:yours",
        "arn:aws:sqs:sa-east-1:1:mine",
    ]
    answers = {
        "GetResources": answer(ResourceTagMappingList=[{"ResourceARN": arn} for arn in arns]),
        "/v1/describejobqueues": answer(jobQueues=[{"jobQueueName": "mine", "tags": TAGS}]),
        "/v1/describecomputeenvironments": answer(
            computeEnvironments=[{"computeEnvironmentName": "mine", "tags": TAGS}]
        ),
        "/v1/describejobdefinitions": answer(jobDefinitions=[]),
        "ListStateMachines": answer(stateMachines=[{"name": "mine", "stateMachineArn": arns[0]}]),
        "DescribeLogGroups": answer(
            logGroups=[{"logGroupName": name} for name in ("/aws/lambda/mine", "/aws/lambda/Nothing-a", "theirs")]
        ),
    }
    assert account.elsewhere(answers) == nothing(
        log_groups="\n".join(
            f"warning: {name} holds 0 bytes, kept for ever: costs nothing\n"
            f"-> `aws logs delete-log-group --log-group-name {name} --region x`"
            for name in ("/aws/lambda/mine", "/aws/lambda/Nothing-a")
        ),
        state_machines="warning: mine costs nothing unless it is started\n"
        f"-> `aws stepfunctions delete-state-machine --state-machine-arn {arns[0]} --region x`",
        job_queues="warning: mine costs nothing\n"
        "-> `aws batch update-job-queue --job-queue mine --state DISABLED --region x`, "
        "then `aws batch delete-job-queue --job-queue mine --region x`",
        compute="warning: mine costs nothing while no job runs\n"
        "-> `aws batch update-compute-environment --compute-environment mine --state DISABLED --region x`, "
        "then `aws batch delete-compute-environment --compute-environment mine --region x`",
        sqs=f"warning: 1 with our tag: {arns[3]}; such is not known to us; look whether it costs money\n-> {BY_HAND}",
    )


def test_machines_and_volumes_that_are_left_cost_money(account: Account) -> None:
    ec2 = client_of("ec2", {**environment_of(account.url), "AWS_REGION": "sa-east-1"})
    account.answers.clear()
    tags = [{"Key": name, "Value": value} for name, value in TAGS.items()]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    instances = ec2.run_instances(
        ImageId=image, InstanceType="g4dn.xlarge", MinCount=4, MaxCount=4,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )["Instances"]  # fmt: skip
    volumes = [
        ec2.create_volume(
            AvailabilityZone="sa-east-1a", Size=100, TagSpecifications=[{"ResourceType": "volume", "Tags": of}]
        )["VolumeId"]
        for of in (tags, [{**tags[0], "Value": "other"}])
    ]
    ids = [one["InstanceId"] for one in instances]
    volume = (
        f"problem: {volumes[0]}, 100 GB, costs storage and belongs to no instance\n"
        f"-> `aws ec2 delete-volume --volume-id {volumes[0]} --region x`"
    )

    def machines(number: int, cost: str, more: str = "") -> str:
        each = ", ".join(f"{one} (g4dn.xlarge, running)" for one in ids[:number][:3])
        return (
            f"problem: {number} that {cost} money by the second: {each}{more}\n"
            "-> expected while a sweep runs: Batch ends them some minutes later; otherwise "
            f"`aws ec2 terminate-instances --instance-ids {' '.join(ids[:number])} --region x`"
        )

    found = account.elsewhere()
    assert found["instances"] == machines(4, "cost", " and 1 more")
    ec2.terminate_instances(InstanceIds=ids[1:])
    found.pop("job definitions")  # of another test
    expected = nothing(instances=machines(1, "costs"), volumes=volume)
    expected.pop("job definitions")
    assert {**account.elsewhere(), "job definitions": ""} == {**expected, "job definitions": ""}
    ec2.terminate_instances(InstanceIds=ids[:1])
    ec2.delete_volume(VolumeId=volumes[0])
    assert {**account.elsewhere(), "job definitions": ""} == {**nothing(), "job definitions": ""}


def test_what_may_not_be_seen_is_not_said_to_be_gone(account: Account) -> None:
    no = Answer.query_error("AccessDenied", "no")
    body = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>1</RequestId></Error>"
    answers = {
        "GetResources": DENIED,
        "DescribeStacks": no,
        "DescribeInstances": no,
        "DescribeVolumes": no,
        "/": Answer(status=403, type="application/xml", body=body),
        "DescribeLogGroups": DENIED,
        "DescribeRepositories": DENIED,
        "ListStateMachines": DENIED,
        "/v1/describejobqueues": DENIED,
        "/v1/describecomputeenvironments": DENIED,
        "/v1/describejobdefinitions": DENIED,
    }
    actions = {
        "tags": "tag:GetResources",
        "stack": "cloudformation:DescribeStacks",
        "instances": "ec2:DescribeInstances",
        "volumes": "ec2:DescribeVolumes",
        "buckets": "s3:ListAllMyBuckets",
        "log groups": "logs:DescribeLogGroups",
        "images": "batch:DescribeJobDefinitions",
        "state machines": "states:ListStateMachines",
        "job queues": "batch:DescribeJobQueues",
        "compute": "batch:DescribeComputeEnvironments",
        "job definitions": "batch:DescribeJobDefinitions",
    }
    unknown = {
        check: f"problem: could not be checked: these credentials may not {action}\n"
        f"-> have {action} allowed, or ask somebody who may"
        for check, action in actions.items()
    }
    found = account.elsewhere(answers)
    assert found == {"account": nothing()["account"], **unknown}
    of = {"/v1/describejobdefinitions": answer(jobDefinitions=[]), "DescribeRepositories": DENIED}
    assert "ecr:DescribeRepositories allowed" in account.elsewhere(of)["images"]


def test_credentials_that_aws_does_not_take_are_all_that_is_found(account: Account) -> None:
    answers = {"GetCallerIdentity": Answer.query_error("ExpiredToken", "over")}
    assert told(account.left("Nothing", answers, profile="work").look()) == {
        "credentials": "problem: the AWS credentials have expired (ExpiredToken)\n"
        "-> run `aws sso login --profile work`, or renew them where they come from"
    }


def test_where_there_is_nothing_nothing_is_left(sweep: Sweep, server: str) -> None:
    elsewhere = {**environment_of(server), "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2"}
    ended = sweep("teardown", "--check", "--on", "aws", "--stack", "Nothing", environment=elsewhere)
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = (text.replace("ok: ", f"ok      {check}: ", 1) for check, text in nothing().items())
    assert ended.stdout == "".join(f"{line}\n" for line in lines)


def test_images_whose_owner_nobody_knows_any_more_are_counted(sweep: Sweep, server: str) -> None:
    environment = {**environment_of(server), "AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-north-1"}
    ecr, name = client_of("ecr", environment), "cdk-a-container-assets-1-eu-north-1"
    for repository in (name, "cdk-b-container-assets-1-eu-north-1", "others"):
        ecr.create_repository(repositoryName=repository)
    for repository in (name, "others"):
        ecr.put_image(repositoryName=repository, imageTag="1", imageManifest=manifest("1"))
    words = ("teardown", "--check", "--on", "aws", "--stack", "Nothing", "--json")
    ended = sweep(*words, environment=environment)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    found = {
        "check": "images",
        "state": "problem",
        "found": f"CDK's repository holds images, which cost storage; their owner is unknown: {name} (1)",
        "remedy": "no job definition of ours is left that names one. `cdk gc` deletes what no stack uses",
    }
    assert json.loads(ended.stdout) == [
        found if check == "images" else {"check": check, "state": "ok", "found": text[len("ok: ") :], "remedy": ""}
        for check, text in nothing().items()
    ]


def test_images_of_ours_that_are_gone_already_are_none(account: Account) -> None:
    def of(image: str) -> dict[str, Any]:
        container = {"image": image}
        return {"jobDefinitionName": "a", "revision": 1, "status": "INACTIVE", "tags": TAGS,
                "containerProperties": container}  # fmt: skip

    home = f"{ACCOUNT}.dkr.ecr.sa-east-1.amazonaws.com"
    definitions = [
        of(f"{home}/cdk-x-container-assets-1:abc"),
        of(f"{home}/mine:abc"),
        of("busybox"),
        {**of(""), "a": 1},
    ]
    answers = {"/v1/describejobdefinitions": answer(jobDefinitions=definitions)}
    assert account.elsewhere(answers)["images"] == "ok: none of ours is in CDK's repository"


def test_what_storage_costs_is_said_in_cents() -> None:
    assert month_usd(10**10, "ecr") == "1.00 USD"
    assert month_usd(5 * 10**7, "ecr") == "0.01 USD"
    assert month_usd(10**7, "ecr") == "less than 0.01 USD"
    assert month_usd(10**10, "logs") == "0.30 USD"


BY_HAND = "`sweep destroy` while the stack is there; what is listed some hours after it, delete by hand"


@pytest.mark.parametrize(
    ("resource", "state", "check", "costs"),
    [
        *(
            (f"ec2:us-east-1:1:{kind}/a", "problem", f"ec2 {kind}", "may cost money")
            for kind in ("natgateway", "elastic-ip", "vpc-endpoint", "snapshot")
        ),
        ("ec2:us-east-1:1:vpc/vpc-1", "warning", "ec2 vpc", "costs nothing by itself"),
        ("iam::1:role/a", "warning", "iam", "costs nothing"),
        ("lambda:us-east-1:1:function:a", "warning", "lambda", "costs nothing unless it is called"),
        ("sns:us-east-1:1:a", "warning", "sns", "costs nothing unless it is used"),
        ("events:us-east-1:1:rule/a", "warning", "events", "costs nothing"),
        (
            "sagemaker:us-east-1:1:endpoint/a",
            "warning",
            "sagemaker",
            "is not known to us; look whether it costs money",
        ),
    ],
)
def test_what_else_has_the_tag_is_named_with_what_it_costs(resource: str, state: str, check: str, costs: str) -> None:
    found = told(others([f"arn:aws:{resource}"]))
    assert found == {check: f"{state}: 1 with our tag: arn:aws:{resource}; such {costs}\n-> {BY_HAND}"}


def test_what_another_check_has_seen_is_not_named_again_and_the_rest_is_counted() -> None:
    seen = (
        "s3:::a", "logs:us-east-1:1:log-group:a", "states:us-east-1:1:stateMachine:a",
        "batch:us-east-1:1:job-queue/a", "cloudformation:us-east-1:1:stack/a/1",
        "ec2:us-east-1:1:instance/i-1", "ec2:us-east-1:1:volume/vol-1",
    )  # fmt: skip
    rest = ("sns:us-east-1:1:a", "ec2:us-east-1:1:vpc/a", *(f"ec2:us-east-1:1:subnet/{name}" for name in "abcd"))
    subnets = ", ".join(f"arn:aws:ec2:us-east-1:1:subnet/{name}" for name in "abc")
    assert list(told(others(f"arn:aws:{one}" for one in (*seen, *rest))).items()) == [
        ("ec2 subnet", f"warning: 4 with our tag: {subnets} and 1 more; such costs nothing by itself\n-> {BY_HAND}"),
        ("ec2 vpc", f"warning: 1 with our tag: arn:aws:{rest[1]}; such costs nothing by itself\n-> {BY_HAND}"),
        ("sns", f"warning: 1 with our tag: arn:aws:{rest[0]}; such costs nothing unless it is used\n-> {BY_HAND}"),
    ]
