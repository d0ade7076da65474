"""The same questions to plain moto and to the embedded cloud, each in a process of its own, since moto's state is one
for a process: `python -m tests.local.probes plain|embedded FOLDER` reads the name of a probe a line, and answers with
what was observed, as JSON, a line.

A probe asks over HTTP, as everybody does, and looks into its own process where HTTP cannot show it.
"""

import contextlib
import json
import os
import socket
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.httpsession import URLLib3Session

from tests.support import tiny
from tests.support.embedded import eventually

REGION = "us-east-1"
PROBES: dict[str, Callable[["World"], Any]] = {}


def probe(function: Callable[["World"], Any]) -> Callable[["World"], Any]:
    PROBES[function.__name__] = function
    return function


class World:
    """One moto server, reached over HTTP, with what a probe needs in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = boto3.Session(aws_access_key_id="me", aws_secret_access_key="mine", region_name=REGION)  # noqa: S106

    @cache  # noqa: B019  one world a process
    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]

    @cache  # noqa: B019
    def role(self) -> str:
        iam = self.client("iam")
        arn = iam.create_role(RoleName="all", AssumeRolePolicyDocument=json.dumps(tiny.TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName="all", PolicyName="all", PolicyDocument=json.dumps(tiny.ALLOWED))
        return str(arn)

    @cache  # noqa: B019
    def bucket(self) -> str:
        self.client("s3").create_bucket(Bucket="probes")
        return "probes"

    @cache  # noqa: B019
    def queue(self) -> str:
        batch = self.client("batch")
        environment = batch.create_compute_environment(
            computeEnvironmentName="machines", type="UNMANAGED", state="ENABLED", serviceRole=self.role()
        )["computeEnvironmentArn"]
        order = [{"order": 1, "computeEnvironment": environment}]
        answer = batch.create_job_queue(
            jobQueueName="queue", priority=1, state="ENABLED", computeEnvironmentOrder=order
        )
        return str(answer["jobQueueArn"])

    def submit(self, command: str, *, attempts: int = 1) -> str:
        """Starts a job that runs a command in a shell; returns its id."""
        batch = self.client("batch")
        name = f"job-{time.time_ns()}"
        batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            retryStrategy={"attempts": attempts},
            containerProperties={
                "image": tiny.SHELL_IMAGE,
                "command": [command],
                "environment": [{"name": "FROM", "value": "definition"}],
                "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}],
            },
        )
        overrides = {"environment": [{"name": "OWN", "value": "1"}]}
        answer = batch.submit_job(jobName=name, jobQueue=self.queue(), jobDefinition=name, containerOverrides=overrides)
        return str(answer["jobId"])

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.client("batch").describe_jobs(jobs=[job_id])["jobs"][0]
        return job

    def ended_job(self, job_id: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            job = self.job(job_id)
            return job if job["status"] in ("SUCCEEDED", "FAILED") else None

        job: dict[str, Any] = eventually(ended)
        return job

    def state_machine(self, states: Mapping[str, Any]) -> str:
        """Creates a state machine that starts at the first state; returns its ARN."""
        answer = self.client("stepfunctions").create_state_machine(
            name=f"machine-{time.time_ns()}",
            definition=json.dumps({"StartAt": next(iter(states)), "States": states}),
            roleArn=self.role(),
        )
        return str(answer["stateMachineArn"])

    def executed(self, states: Mapping[str, Any], given: object = None, seconds: float = 60) -> dict[str, Any]:
        """Runs a state machine; returns its end, or the status RUNNING when the time is over."""
        client = self.client("stepfunctions")
        execution = client.start_execution(
            stateMachineArn=self.state_machine(states), name="one", input=json.dumps(given or {})
        )["executionArn"]

        def ended() -> dict[str, Any] | None:
            described: dict[str, Any] = client.describe_execution(executionArn=execution)
            return described if described["status"] != "RUNNING" else None

        try:
            described: dict[str, Any] = eventually(ended, seconds)
        except AssertionError:
            return {"status": "RUNNING"}
        end: dict[str, Any] = {name: described[name] for name in ("status", "error", "cause") if name in described}
        return {**end, "output": json.loads(described["output"])} if "output" in described else end

    def stack(
        self, resources: Mapping[str, Any], outputs: Mapping[str, Any] | None = None, name: str = ""
    ) -> dict[str, str]:
        """Creates a stack; returns its outputs, and deletes it again."""
        cloudformation = self.client("cloudformation")
        name = name or f"probe-{time.time_ns()}"
        template = {
            "Resources": resources,
            "Outputs": {key: {"Value": value} for key, value in (outputs or {}).items()},
        }
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if described["StackStatus"] != "CREATE_COMPLETE":
            raise RuntimeError(described["StackStatus"])
        try:
            return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        finally:
            cloudformation.delete_stack(StackName=name)


def outcome(function: Callable[[], Any]) -> Any:
    """Returns what a function returns, or the text of what it raises."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001  whatever plain moto raises is what is asked for
        return f"{type(error).__name__}: {error}"


# --- CloudFormation ---------------------------------------------------------------------------------------------------


@probe
def compute_environments(world: World) -> Any:
    """As CDK writes it; then closer, step by step, to what moto wants."""
    iam, ec2 = world.client("iam"), world.client("ec2")
    profile = iam.create_instance_profile(InstanceProfileName="machines")["InstanceProfile"]["Arn"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    properties: dict[str, Any] = {
        **tiny.COMPUTE_ENVIRONMENT["Properties"],
        "ComputeResources": {
            **tiny.COMPUTE_ENVIRONMENT["Properties"]["ComputeResources"],
            "InstanceRole": profile,
            "Subnets": [subnet],
            "SecurityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
        },
    }
    new_machine = {**properties["ComputeResources"], "InstanceTypes": ["g99.large"]}
    steps: dict[str, dict[str, Any]] = {
        "as CDK writes it": {},
        "with a service role": {"ServiceRole": world.role()},
        "with its type in capitals": {"Type": "MANAGED"},
        "on a new type of machine": {"ComputeResources": new_machine},
    }

    def made() -> Any:
        resource = {"Type": "AWS::Batch::ComputeEnvironment", "Properties": properties}
        return world.stack({"It": resource}, {"Arn": {"Fn::GetAtt": ["It", "ComputeEnvironmentArn"]}})

    answers = {}
    for step, change in steps.items():
        properties.update(change)
        answers[step] = outcome(made)
    return answers


@probe
def queue_attribute(world: World) -> Any:
    order = [{"Order": 1, "ComputeEnvironment": world_environment(world)}]
    queue = {"Type": "AWS::Batch::JobQueue", "Properties": {"Priority": 1, "ComputeEnvironmentOrder": order}}
    return outcome(lambda: world.stack({"It": queue}, {"Arn": {"Fn::GetAtt": ["It", "JobQueueArn"]}}))


def world_environment(world: World) -> str:
    world.queue()
    environments = world.client("batch").describe_compute_environments()["computeEnvironments"]
    return str(
        next(item["computeEnvironmentArn"] for item in environments if item["computeEnvironmentName"] == "machines")
    )


@probe
def job_definition_attribute(world: World) -> Any:
    definition = tiny.job_definition(RetryStrategy={})
    return outcome(lambda: world.stack({"It": definition}, {"Arn": {"Fn::GetAtt": ["It", "JobDefinitionArn"]}}))


@probe
def job_definition_without_retries(world: World) -> Any:
    return outcome(lambda: world.stack({"It": tiny.job_definition()}))


@probe
def job_definition_parts(world: World) -> Any:
    definition = tiny.job_definition(
        JobDefinitionName="parts",
        RetryStrategy={"Attempts": 2, "EvaluateOnExit": [{"Action": "EXIT", "OnReason": "*"}]},
        Timeout={"AttemptDurationSeconds": 60},
        PropagateTags=True,
        PlatformCapabilities=["EC2"],
        Tags={"Owner": "me"},
    )
    definition["Properties"]["ContainerProperties"]["LogConfiguration"] = {
        "LogDriver": "awslogs",
        "Options": {"awslogs-group": "jobs"},
    }
    world.stack({"It": definition})
    for described in world.client("batch").describe_job_definitions()["jobDefinitions"]:
        if described.get("timeout") or "parts" in described["jobDefinitionName"].lower() or described.get("tags"):
            return described
    return None


@probe
def names(world: World) -> list[str]:
    """Of the bucket of one and the same stack, made twice."""
    bucket = {"It": {"Type": "AWS::S3::Bucket"}}
    return [world.stack(bucket, {"Name": {"Ref": "It"}}, name="twice")["Name"] for _ in range(2)]


@probe
def outputs_of_a_change_set(world: World) -> Any:
    """Of a stack that was made as the CDK CLI makes one."""
    cloudformation = world.client("cloudformation")
    template = {"Resources": {"It": {"Type": "AWS::S3::Bucket"}}, "Outputs": {"Name": {"Value": {"Ref": "It"}}}}
    name = {"StackName": "by-change-set", "ChangeSetName": "first"}
    cloudformation.create_change_set(**name, ChangeSetType="CREATE", TemplateBody=json.dumps(template))
    cloudformation.execute_change_set(**name)
    described = cloudformation.describe_stacks(StackName=name["StackName"])["Stacks"][0]
    return [output["OutputKey"] for output in described.get("Outputs", [])]


@probe
def second_change_set(world: World) -> Any:
    """The CDK CLI deletes the change set of the deploy before, waits until it is gone, and keeps the parameters."""
    world.client("ssm").put_parameter(Name="/version", Value="32", Type="String")
    cloudformation = world.client("cloudformation")
    name = {"StackName": "deployed-twice", "ChangeSetName": "a-deploy"}

    def executed(kind: str, path: str, **given: Any) -> list[str]:
        template = {
            "Parameters": {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version"}},
            "Resources": {"It": {"Type": "AWS::IAM::User", "Properties": {"Path": path}}},
        }
        cloudformation.create_change_set(**name, ChangeSetType=kind, TemplateBody=json.dumps(template), **given)
        cloudformation.execute_change_set(**name)
        return [user["Path"] for user in world.client("iam").list_users()["Users"]]

    executed("CREATE", "/one/")
    cloudformation.delete_change_set(**name)
    kept = [{"ParameterKey": "Version", "UsePreviousValue": True}]
    return {
        "delete what is gone": outcome(lambda: cloudformation.delete_change_set(**name) and "deleted"),
        "describe what is gone": outcome(lambda: cloudformation.describe_change_set(**name)),
        "second": outcome(lambda: executed("UPDATE", "/two/", Parameters=kept)),
    }


@probe
def changed_job_definition(world: World) -> Any:
    """A job definition, and a parameter that names its revision; the definition is changed twice."""
    cloudformation = world.client("cloudformation")
    properties = {"Name": "/revision", "Type": "String", "Value": {"Ref": "Job"}}
    named = {"Type": "AWS::SSM::Parameter", "Properties": properties}

    def template(image: str, *, earlier_are_kept: bool) -> str:
        requirements = [{"Type": "VCPU", "Value": "1"}, {"Type": "MEMORY", "Value": "128"}]
        job = {
            "Type": "AWS::Batch::JobDefinition",
            "Properties": {
                "Type": "container",
                "JobDefinitionName": "changes",
                "ContainerProperties": {"Image": image, "ResourceRequirements": requirements},
                "RetryStrategy": {"Attempts": 1},
                "ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": earlier_are_kept},
            },
        }
        return json.dumps({"Resources": {"Job": job, "Named": named}})

    def seen() -> Any:
        answer = world.client("batch").describe_job_definitions(jobDefinitionName="changes")["jobDefinitions"]
        arn = world.client("ssm").get_parameter(Name="/revision")["Parameter"]["Value"]
        return {
            "revisions": {str(revision["revision"]): revision["status"] for revision in answer},
            "named": arn.rpartition(":")[2],
        }

    cloudformation.create_stack(StackName="job", TemplateBody=template("one", earlier_are_kept=True))
    after = {"made": seen()}
    for name, kept in (("earlier kept", True), ("earlier not kept", False)):
        change = {"StackName": "job", "TemplateBody": template(name, earlier_are_kept=kept)}
        refused = outcome(lambda: cloudformation.update_stack(**change) and None)  # noqa: B023  called at once
        after[name] = refused or seen()
    return after


@probe
def unknown_change(world: World) -> Any:
    """A change of what moto can make and not change."""
    cloudformation = world.client("cloudformation")

    def change(days: int) -> dict[str, str]:
        group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "lasts", "RetentionInDays": days}}
        return {"StackName": "lasting", "TemplateBody": json.dumps({"Resources": {"Group": group}})}

    cloudformation.create_stack(**change(7))
    refused = outcome(lambda: cloudformation.update_stack(**change(30)) and None)
    groups = world.client("logs").describe_log_groups(logGroupNamePrefix="lasts")["logGroups"]
    return {"days": [group["retentionInDays"] for group in groups], "refused": refused is not None}


@probe
def deleted_network(world: World) -> Any:
    """A network as CDK writes one, deleted: what is left of it."""
    cloudformation, ec2 = world.client("cloudformation"), world.client("ec2")

    def ref(name: str) -> dict[str, str]:
        return {"Ref": name}

    resources = {
        "Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
        "Part": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": ref("Net"), "CidrBlock": "10.9.0.0/24"}},
        "Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": ref("Net")}},
        "Ties": {
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {"RouteTableId": ref("Table"), "SubnetId": ref("Part")},
        },
        "Gate": {"Type": "AWS::EC2::InternetGateway", "Properties": {}},
        "Attached": {
            "Type": "AWS::EC2::VPCGatewayAttachment",
            "Properties": {"VpcId": ref("Net"), "InternetGatewayId": ref("Gate")},
        },
        "Storage": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcId": ref("Net"),
                "ServiceName": f"com.amazonaws.{REGION}.s3",
                "RouteTableIds": [ref("Table")],
                "VpcEndpointType": "Gateway",
            },
        },
    }
    cloudformation.create_stack(StackName="network", TemplateBody=json.dumps({"Resources": resources}))

    def left() -> list[str]:
        cloudformation.delete_stack(StackName="network")
        networks = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.9.0.0/16"]}])["Vpcs"]
        return [
            *(network["VpcId"] for network in networks),
            *map(str, ec2.describe_internet_gateways()["InternetGateways"]),
        ]

    return outcome(left)


@probe
def stack_state_machine(world: World) -> Any:
    definition = json.dumps(
        {"StartAt": "End", "States": {"End": {"Type": "Pass", "Result": {"it": "ran"}, "End": True}}}
    )
    properties = {"DefinitionString": definition, "RoleArn": world.role(), "StateMachineName": "of-a-stack"}
    resources = {"It": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}
    template = {"Resources": resources}
    world.client("cloudformation").create_stack(StackName="machine", TemplateBody=json.dumps(template))
    states = world.client("stepfunctions")
    arn = f"arn:aws:states:{REGION}:123456789012:stateMachine:of-a-stack"

    def result() -> Any:
        execution = states.start_execution(stateMachineArn=arn, name="one")["executionArn"]
        return eventually(lambda: states.describe_execution(executionArn=execution).get("output"), 20)

    return outcome(result)


@probe
def custom_resource(world: World) -> Any:
    """CDK empties a bucket with a custom resource. moto calls its function in a thread, and waits for its answer."""
    failures: list[str] = []
    hook, threading.excepthook = threading.excepthook, lambda failed: failures.append(str(failed.exc_type.__name__))
    try:
        function = world.client("lambda").create_function(
            FunctionName="empties-a-bucket",
            Runtime="python3.13",
            Role=world.role(),
            Handler="index.handler",
            Code={"ZipFile": zipped_function("def handler(event, context): pass")},
        )["FunctionArn"]
        properties = {"ServiceToken": function, "BucketName": {"Ref": "Bucket"}}
        of_another = {"ServiceToken": function, "BucketName": "is-not-deleted"}
        template = {
            "Resources": {
                "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "is-emptied"}},
                "It": {"Type": "Custom::Empties", "Properties": properties},
                "Other": {"Type": "Custom::Empties", "Properties": of_another},
            }
        }
        cloudformation, s3 = world.client("cloudformation"), world.client("s3")
        s3.create_bucket(Bucket="is-not-deleted")
        cloudformation.create_stack(StackName="custom", TemplateBody=json.dumps(template))
        for thread in threading.enumerate():
            if "invoke" in thread.name:
                thread.join(60)
        status = cloudformation.describe_stacks(StackName="custom")["Stacks"][0]["StackStatus"]
        s3.put_object(Bucket="is-emptied", Key="a/b", Body=b"it")
        cloudformation.delete_stack(StackName="custom")
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        late = outcome(lambda: s3.put_object(Bucket="is-not-deleted", Key="late", Body=b"it")["ETag"])
        s3.delete_object(Bucket="is-not-deleted", Key="late")
        s3.delete_bucket(Bucket="is-not-deleted")
        s3.create_bucket(Bucket="is-not-deleted")
        anew = outcome(lambda: s3.put_object(Bucket="is-not-deleted", Key="late", Body=b"it")["ETag"])
        return {"status": status, "bucket after the stack": "is-emptied" in buckets, "late": late, "anew": anew}
    finally:
        threading.excepthook = hook


def zipped_function(source: str) -> bytes:
    import io
    import zipfile

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.py", source)
    return data.getvalue()


# --- Batch and Lambda -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def simple(service: str) -> Iterator[None]:
    """moto's other way, without Docker; the embedded cloud must be the same in both."""
    from moto.core.config import default_user_config

    before = default_user_config[service]
    default_user_config[service] = {"use_docker": False}
    try:
        yield
    finally:
        default_user_config[service] = before


@probe
def job_that_exits_3(world: World) -> Any:
    def status() -> dict[str, Any]:
        job = world.ended_job(world.submit("exit 3"))
        return {
            "status": job["status"],
            "exit code": job["container"].get("exitCode"),
            "attempts": len(job["attempts"]),
        }

    answer = {"with Docker": status()}
    if "MOTO_PORT" in os.environ:
        with simple("batch"):
            answer["simple"] = status()
    return answer


@probe
def attempts_of_a_job_that_fails(world: World) -> Any:
    os.environ["MOTO_SIMPLE_BATCH_FAIL_AFTER"] = "0"
    with simple("batch") if "MOTO_PORT" in os.environ else contextlib.nullcontext():
        job = world.ended_job(world.submit("exit 3", attempts=3))
    return {"status": job["status"], "attempts": len(job["attempts"])}


@probe
def environment_of_a_job_described_thrice(world: World) -> list[int]:
    job = world.submit("exit 0")
    world.ended_job(job)
    return [len(world.job(job)["container"]["environment"]) for _ in range(3)]


@probe
def jobs_described_while_one_is_added(world: World) -> Any:
    """A job whose description takes so long that another is submitted meanwhile."""
    from moto.batch.models import batch_backends

    backend = batch_backends["123456789012"][REGION]
    ended = world.submit("exit 0")
    world.ended_job(ended)
    slow = backend._jobs[ended]
    describe = slow.describe

    def describe_slowly() -> Any:
        world.submit("exit 0")
        return describe()

    slow.describe = describe_slowly
    try:
        return outcome(lambda: len(backend.describe_jobs([ended])))
    finally:
        slow.describe = describe


@probe
def answer_of_a_function(world: World) -> Any:
    client = world.client("lambda")
    client.create_function(
        FunctionName="doubles",
        Runtime="python3.13",
        Role=world.role(),
        Handler="index.handler",
        Code={"ZipFile": zipped_function("def handler(event, context): return event['number'] * 2")},
    )

    def called() -> Any:
        answer = client.invoke(FunctionName="doubles", Payload=json.dumps({"number": 21}))
        return json.loads(answer["Payload"].read())

    answer = {"with Docker": outcome(called)}
    if "MOTO_PORT" in os.environ:
        with simple("lambda"):
            answer["simple"] = outcome(called)
    return answer


# --- Step Functions ---------------------------------------------------------------------------------------------------


@probe
def execution_without_a_name(world: World) -> str:
    machine = world.state_machine({"It": {"Type": "Pass", "End": True}})
    arn = world.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"]
    return str(arn).rpartition(":")[2]


@probe
def execution_with_a_wrong_name(world: World) -> Any:
    machine = world.state_machine({"It": {"Type": "Pass", "End": True}})
    states = world.client("stepfunctions")
    return outcome(lambda: bool(states.start_execution(stateMachineArn=machine, name="a name: <1>")["executionArn"]))


@probe
def batch_task(world: World) -> Any:
    """Submits a job and does not wait for it."""
    world.submit("exit 0")
    definition = world.client("batch").describe_job_definitions()["jobDefinitions"][-1]["jobDefinitionArn"]
    parameters = {"JobName": "task", "JobQueue": world.queue(), "JobDefinition": definition}
    task = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob", "Parameters": parameters, "End": True}
    return world.executed({"It": task})


@probe
def put_object_task(world: World) -> Any:
    """Puts a structured body; returns what is in the bucket then."""
    parameters = {"Bucket": world.bucket(), "Key": "put.json", "Body": {"lr": 0.1, "text": "ü"}}
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject", "Parameters": parameters, "End": True}
    ended = world.executed({"It": task})
    found = world.client("s3").list_objects_v2(Bucket=world.bucket(), Prefix="put.json").get("KeyCount")
    body = world.client("s3").get_object(Bucket=world.bucket(), Key="put.json")["Body"].read() if found else b""
    return {**ended, "body": body.decode()}


@probe
def sdk_task_answer(world: World) -> Any:
    """The names in the answer of an SDK integration; Step Functions shows all of them with a capital."""
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:batch:describeJobQueues", "End": True}
    world.queue()
    ended = world.executed({"It": {**task, "Parameters": {}}})
    return sorted(ended["output"]) if "output" in ended else ended


@probe
def time_in_an_answer(world: World) -> Any:
    world.bucket()
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "Parameters": {}, "End": True}
    return outcome(lambda: world.executed({"It": task})["output"]["Buckets"][0]["CreationDate"])


@probe
def task_without_an_answer(world: World) -> Any:
    """The error of a task whose request's connection ends before there is an answer."""
    send = URLLib3Session.send

    def send_or_lose(self: Any, request: Any) -> Any:
        if "/nobody-answers/" in request.url:
            raise ConnectionClosedError(endpoint_url=request.url)
        return send(self, request)

    parameters = {"Bucket": "nobody-answers", "Key": "it"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "Parameters": parameters, "End": True}
    URLLib3Session.send = send_or_lose  # type: ignore[method-assign]
    try:
        return world.executed({"It": task})["error"]
    finally:
        URLLib3Session.send = send  # type: ignore[method-assign]


@probe
def clients_of_ten_tasks(world: World) -> int:
    """How many clients are made for ten tasks of one kind."""
    world.bucket()
    made: list[str] = []
    original = boto3.Session.client

    def counted(self: Any, service_name: Any, *args: Any, **kwargs: Any) -> Any:
        made.append(service_name)
        return original(self, service_name, *args, **kwargs)

    boto3.Session.client = counted  # type: ignore[method-assign]
    try:
        task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:batch:describeJobQueues", "Parameters": {}}
        states = {f"S{number}": {**task, "Next": f"S{number + 1}"} for number in range(9)}
        ended = world.executed({**states, "S9": {**task, "End": True}})
        assert ended["status"] == "SUCCEEDED", ended
    finally:
        boto3.Session.client = original  # type: ignore[method-assign]
    return len(made)


@probe
def sync_task_that_is_stopped(world: World) -> Any:
    """Whether a `.sync` task asks again and again, and whether it does anything when it is stopped."""
    from moto.stepfunctions.parser.api import StateMachineType
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_batch,
        state_task_service_callback,
    )
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext

    asked: list[bool] = []
    terminated: list[bool] = []

    def ask() -> None:
        asked.append(True)

    ask.terminate = lambda: terminated.append(True)  # type: ignore[attr-defined]
    ask.ended = Future()  # type: ignore[attr-defined]
    execution: Any = Environment(
        aws_execution_details=None,
        execution_type=StateMachineType.STANDARD,
        context={"Execution": {"Input": {}}, "StateMachine": {}},
        event_history_context=EventHistoryContext.of_program_start(),
        cloud_watch_logging_session=None,
        activity_store={},
    )
    execution.next_state_name = "Train"
    sleep = state_task_service_callback.time.sleep
    state_task_service_callback.time = SimpleNamespace(sleep=lambda _: sleep(0.01))
    stop = threading.Timer(0.5, execution.set_stop, [None, None, None])
    stop.start()
    try:
        state_task_service_batch.StateTaskServiceBatch()._eval_sync(
            execution.open_frame(),
            sync_resolver=ask,
            timeout_seconds=None,
            callback_endpoint=None,
            heartbeat_endpoint=None,
        )
    finally:
        state_task_service_callback.time = SimpleNamespace(sleep=sleep)
        stop.join()
    return {"asks again and again": len(asked) > 1, "terminated": terminated}


# --- Distributed Map --------------------------------------------------------------------------------------------------


def distributed(states: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Returns a Map state over the items of the input."""
    states = states or {"It": {"Type": "Pass", "End": True}}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": next(iter(states)),
        "States": states,
    }
    return {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True, **more}


@probe
def events_of_a_maps_children(world: World) -> int:
    """How many events of a Map's 50 children are kept, though no request shows them."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import distributed_iteration_component

    made: list[Any] = []
    original = distributed_iteration_component.EventManager

    def noted(*args: Any, **kwargs: Any) -> Any:
        made.append(original(*args, **kwargs))
        return made[-1]

    distributed_iteration_component.EventManager = noted
    try:
        ended = world.executed({"All": distributed()}, {"items": list(range(50))})
        assert ended["status"] == "SUCCEEDED", ended
    finally:
        distributed_iteration_component.EventManager = original
    (children,) = made
    return len(children.get_event_history())


@probe
def parsers_for_ten_paths(world: World) -> int:
    """How many parsers are made for ten states that read the same two paths."""
    from jsonpath_ng.ext import parser

    made: list[Any] = []
    original = parser.ExtendedJsonPathParser.__init__

    def noted(self: Any, *args: Any, **kwargs: Any) -> None:
        made.append(self)
        original(self, *args, **kwargs)

    parser.ExtendedJsonPathParser.__init__ = noted  # type: ignore[method-assign]
    try:
        task = {"Type": "Pass", "Parameters": {"a.$": "$.of_parsers.a", "of_parsers.$": "$.of_parsers"}}
        states = {f"S{number}": {**task, "Next": f"S{number + 1}"} for number in range(9)}
        ended = world.executed({**states, "S9": {**task, "End": True}}, {"of_parsers": {"a": 1}})
        assert ended["status"] == "SUCCEEDED", ended
    finally:
        parser.ExtendedJsonPathParser.__init__ = original  # type: ignore[method-assign]
    return len(made)


@contextlib.contextmanager
def calls_of(owner: Any, name: str) -> Iterator[list[Any]]:
    """Yields the first arguments of the calls of a function that are made meanwhile."""
    original = getattr(owner, name)
    made: list[Any] = []

    def noted(*args: Any, **kwargs: Any) -> Any:
        made.append(args[:1])
        return original(*args, **kwargs)

    setattr(owner, name, noted)
    try:
        yield made
    finally:
        setattr(owner, name, original)


@probe
def parsers_of_a_definition_that_is_executed_twice(world: World) -> list[Any]:
    """With the outputs of both."""
    from moto.stepfunctions.parser.asl.antlr.runtime.ASLParser import ASLParser

    client = world.client("stepfunctions")
    with calls_of(ASLParser, "__init__") as made:
        machine = world.state_machine({"Only": {"Type": "Pass", "End": True}})
        outputs = []
        for given in ("1", "2"):
            started = client.start_execution(stateMachineArn=machine, name=f"with-{given}", input=given)["executionArn"]
            outputs.append(
                eventually(lambda arn=started: client.describe_execution(executionArn=arn).get("output"))  # type: ignore[misc]
            )
    return [len(made), *outputs]


@probe
def a_definition_that_is_none(world: World) -> Any:
    return outcome(lambda: world.state_machine({"Only": {"Type": "Pass", "Next": 1}}))


@probe
def readers_of_yaml_for_a_template_in_json(world: World) -> list[Any]:
    """And for one in YAML, with what they are about."""
    import yaml

    name = f"probe-{time.time_ns()}"
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "1", "Name": name}}
    found: list[Any] = []
    cloudformation = world.client("cloudformation")
    for template in (json.dumps({"Resources": {"One": parameter}}), yaml.dump({"Resources": {"One": parameter}})):
        with calls_of(yaml.Loader, "__init__") as made:
            cloudformation.create_stack(StackName=name, TemplateBody=template)
            found += [len(made), world.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]]
            cloudformation.delete_stack(StackName=name)
    return found


@probe
def images_of_machines(world: World) -> int:
    return len(world.client("ec2").describe_images()["Images"])


@probe
def zones_that_offer_a_machine(world: World) -> int:
    answer = world.client("ec2").describe_instance_type_offerings(LocationType="availability-zone")
    return len(answer["InstanceTypeOfferings"])


@probe
def an_api_whose_description_is_to_be_checked(world: World) -> Any:
    described = {"openapi": "3.0.0", "info": {"title": "one", "version": "1", "description": ""}, "paths": {}}
    client = world.client("apigateway")
    return outcome(lambda: client.import_rest_api(body=json.dumps(described).encode(), failOnWarnings=True)["name"])


@probe
def readers_of_models_for_four_services(_world: World) -> int:
    from moto.core import loaders, utils

    with calls_of(loaders.Loader, "__init__") as made:
        for service in ("sqs", "sns", "kms", "sts"):
            utils._load_service_model(service, "service-2")
    return len(made)


@probe
def what_is_said_of_an_object(world: World) -> Any:
    """Of objects of several kinds, each as it is read whole: its bytes, and the headers but those for pages."""
    s3, bucket = world.client("s3"), world.bucket()
    s3.put_object(Bucket=bucket, Key="read/plain.csv", Body=b"a,b", ContentType="text/csv", Metadata={"made": "by me"})
    s3.put_object(Bucket=bucket, Key="read/summed", Body=b"summed", ChecksumAlgorithm="SHA256")
    s3.put_object(Bucket=bucket, Key="read/tagged", Body=b"", Tagging="a=1&b=2")
    s3.put_object(Bucket=bucket, Key="read/cold", Body=b"cold", StorageClass="GLACIER")
    s3.put_object(Bucket=bucket, Key="read/a b+ü%", Body=b"odd", CacheControl="no-store")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="read/parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="read/parts", UploadId=upload, PartNumber=1, Body=b"one part")["ETag"]
    s3.complete_multipart_upload(
        Bucket=bucket, Key="read/parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}
    )
    told = []
    for name in ("plain.csv", "summed", "tagged", "cold", "a b+ü%", "parts", "nothing"):
        answer = outcome(lambda key=f"read/{name}": s3.get_object(Bucket=bucket, Key=key))  # type: ignore[misc]
        if isinstance(answer, dict):
            headers = answer["ResponseMetadata"]["HTTPHeaders"]
            headers.pop("access-control-allow-origin", None)
            told.append(
                {
                    "body": answer["Body"].read().decode(),
                    **{key: headers[key] for key in headers.keys() - {"date", "last-modified", "x-amzn-requestid"}},
                    "names": sorted(headers),
                }
            )
        else:
            told.append(answer)
    return told


@probe
def denied_by_a_policy_of_the_bucket(world: World) -> Any:
    s3, bucket = world.client("s3"), "with-a-policy"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="secret", Body=b"secret")
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return outcome(lambda: s3.get_object(Bucket=bucket, Key="secret")["Body"].read().decode())


@probe
def requests_to_flask_for_ten_objects(world: World) -> int:
    import flask

    s3, bucket = world.client("s3"), world.bucket()
    s3.put_object(Bucket=bucket, Key="read/often", Body=b"1")
    with calls_of(flask.Flask, "wsgi_app") as made:
        for _ in range(10):
            s3.get_object(Bucket=bucket, Key="read/often")["Body"].read()
    return len(made)


@probe
def pieces_of_a_body(world: World) -> list[Any]:
    """In how many a megabyte is read, and whether it is all there."""
    from werkzeug.wsgi import LimitedStream

    body = os.urandom(1_000_000)
    s3, bucket = world.client("s3"), world.bucket()
    with calls_of(LimitedStream, "readinto") as made:
        s3.put_object(Bucket=bucket, Key="large", Body=body)
    return [len(made), s3.get_object(Bucket=bucket, Key="large")["Body"].read() == body]


@probe
def a_body_that_breaks_off(world: World) -> Any:
    host, port = world.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"PUT /{world.bucket()}/half HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 20"
        connection.sendall(f"{head}\r\n\r\nhalf of it".encode())
        connection.shutdown(socket.SHUT_WR)
        status = connection.makefile("rb").readline().decode().split(" ", 2)[1]
    return [status, outcome(lambda: bool(world.client("s3").head_object(Bucket=world.bucket(), Key="half")))]


@probe
def folders_listed_for_ten_requests(world: World) -> int:
    listed: list[Any] = []
    original = os.listdir

    def noted(path: Any = ".") -> list[str]:
        if str(path).endswith("moto"):
            listed.append(path)
        return original(path)

    os.listdir = noted  # type: ignore[assignment]
    try:
        for _ in range(10):
            world.client("s3").list_buckets()
    finally:
        os.listdir = original
    return len(listed)


@probe
def whole_percentage(world: World) -> Any:
    return outcome(lambda: bool(world.state_machine({"All": distributed(ToleratedFailurePercentage=100)})))


@probe
def threads_for_two_items(world: World) -> int:
    started: list[str] = []
    start = threading.Thread.start

    def counted(self: threading.Thread) -> None:
        if "process_request" not in self.name:
            started.append(self.name)
        start(self)

    threading.Thread.start = counted  # type: ignore[method-assign]
    try:
        ended = world.executed({"All": distributed(MaxConcurrency=200)}, {"items": [1, 2]})
        assert ended["status"] == "SUCCEEDED", ended
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]
    return len(started)


@probe
def many_items_for_one_worker(world: World) -> Any:
    failures: list[str] = []
    hook, threading.excepthook = threading.excepthook, lambda failed: failures.append(failed.exc_type.__name__)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)  # so that hundreds of items show what thousands do
    items = list(range(300))
    states = world.client("stepfunctions")
    try:
        execution = states.start_execution(
            stateMachineArn=world.state_machine({"All": distributed(MaxConcurrency=1)}),
            input=json.dumps({"items": items}),
            name="one",
        )["executionArn"]

        def ended() -> Any:
            described = states.describe_execution(executionArn=execution)
            return described if failures or described["status"] != "RUNNING" else None

        end = eventually(ended)
    finally:
        sys.setrecursionlimit(limit)
        threading.excepthook = hook
    return {"failures": sorted(set(failures)), "all": json.loads(end.get("output", "null")) == items}


@probe
def stopped_map(world: World) -> Any:
    """Whether the Map of a stopped execution comes to an end, though items are left."""
    before = set(threading.enumerate())
    states = world.client("stepfunctions")
    wait = {"It": {"Type": "Wait", "Seconds": 1, "End": True}}
    machine = world.state_machine({"All": distributed(wait, MaxConcurrency=1)})
    execution = states.start_execution(
        stateMachineArn=machine, name="one", input=json.dumps({"items": list(range(50))})
    )["executionArn"]
    eventually(lambda: states.list_map_runs(executionArn=execution)["mapRuns"] or None)
    states.stop_execution(executionArn=execution)

    def left() -> list[threading.Thread]:
        new = set(threading.enumerate()) - before
        return [thread for thread in new if thread.is_alive() and "process_request" not in thread.name]

    with contextlib.suppress(AssertionError):
        eventually(lambda: not left(), 8)
    run = states.list_map_runs(executionArn=execution)["mapRuns"][0]["mapRunArn"]
    return {"threads": len(left()), **states.describe_map_run(mapRunArn=run)["itemCounts"]}


@probe
def result_writer(world: World) -> Any:
    """The ResultWriter's paths, which AWS reads from the state's input."""
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket.$": "$.bucket", "Prefix.$": "$.prefix"},
    }
    given = {"items": [1, 2], "bucket": world.bucket(), "prefix": "results"}
    ended = world.executed({"All": distributed(ResultWriter=writer)}, given)
    listed = world.client("s3").list_objects_v2(Bucket=world.bucket(), Prefix="results/")
    return {"status": ended["status"], "files": listed["KeyCount"]}


@probe
def files_of_a_maps_results(world: World) -> Any:
    """What a Map's result names, and what is in the files that are named there; the second of two children fails."""
    states = {
        "Which?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "No"}],
            "Default": "Yes",
        },
        "Yes": {"Type": "Pass", "Result": {"text": "ü"}, "End": True},
        "No": {"Type": "Fail", "Error": "Two", "Cause": "is not one"},
    }
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": world.bucket(), "Prefix": "files/of"},
    }
    all_of_them = distributed(states, ResultWriter=writer, ToleratedFailureCount=2, Label="Trials")
    output = world.executed({"All": all_of_them}, {"items": [1, 2]})["output"]
    s3 = world.client("s3")

    def read(key: str) -> bytes:
        data: bytes = s3.get_object(Bucket=world.bucket(), Key=key)["Body"].read()
        return data

    details = output["ResultWriterDetails"]
    files = json.loads(read(details["Key"]))["ResultFiles"]
    named = [file for status in files.values() for file in status]
    return {
        "result": sorted(output),
        "manifest": details["Key"],
        "files": {status: [file["Key"].rpartition("/")[2] for file in of_it] for status, of_it in files.items()},
        "sizes are right": all(file["Size"] == len(read(file["Key"])) for file in named),
        "children": [child for file in named for child in json.loads(read(file["Key"]))],
    }


@probe
def map_of_a_bucket_that_is_not_there(world: World) -> Any:
    """The errors of a Map that cannot read its items, and of one that cannot write its results."""
    nowhere = {"Bucket": "not-there", "Key": "items.json"}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": nowhere,
    }
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "not-there", "Prefix": "results"}}
    reading = distributed(ItemReader=reader)
    del reading["ItemsPath"]
    return [
        world.executed({"All": state}, {"items": [1, 2]})["error"]
        for state in (reading, distributed(ResultWriter=writer))
    ]


@probe
def what_a_request_brings_about(world: World) -> Any:
    from werkzeug.serving import WSGIRequestHandler

    lines: list[Any] = []
    log = WSGIRequestHandler.log
    WSGIRequestHandler.log = lambda *line: lines.append(line)  # type: ignore[method-assign]
    try:
        asked = urllib.request.Request(world.url + "/moto-api/config", headers={"Origin": "http://elsewhere"})
        with urllib.request.urlopen(asked) as answer:
            headers = [name for name in answer.headers if name.startswith("Access-Control-Allow-Origin")]
    finally:
        WSGIRequestHandler.log = log  # type: ignore[method-assign]
    return {"lines of log": len(lines), "headers for a page": headers}


# --- S3 ---------------------------------------------------------------------------------------------------------------


@probe
def where_an_object_is(world: World) -> Any:
    from moto.s3.models import s3_backends

    world.client("s3").put_object(Bucket=world.bucket(), Key="a/b", Body=b"bytes")
    key = s3_backends["123456789012"]["aws"].buckets[world.bucket()].keys["a/b"]
    key._value_buffer.seek(0)
    return "memory" if key._value_buffer.read() == b"bytes" else "elsewhere"


@probe
def conditional_puts_at_the_same_moment(world: World) -> list[int]:
    """The statuses of two puts that both say If-None-Match, the second one coming while the first is at work."""
    from moto.s3.models import S3Backend

    both = threading.Barrier(2)
    put_object = S3Backend.put_object

    def put_when_both_are_here(self: Any, *args: Any, **kwargs: Any) -> Any:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(2)
        return put_object(self, *args, **kwargs)

    world.bucket()
    statuses: list[int] = []

    def put(data: bytes) -> None:
        try:
            answer = world.client("s3").put_object(Bucket=world.bucket(), Key="once", Body=data, IfNoneMatch="*")
            statuses.append(answer["ResponseMetadata"]["HTTPStatusCode"])
        except ClientError as error:
            statuses.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

    S3Backend.put_object = put_when_both_are_here
    try:
        threads = [threading.Thread(target=put, args=(data,)) for data in (b"first", b"second")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        S3Backend.put_object = put_object
    return sorted(statuses)


@probe
def another_cloud_in_this_process(world: World) -> Any:
    """Asked of the embedded cloud only: it would make plain moto one."""
    from stepsweep.local.cloud import embedded_cloud

    if "MOTO_PORT" in os.environ:
        return None
    with tempfile.TemporaryDirectory() as folder:
        app = tiny.tiny_app(Path(folder) / "app")
        return outcome(lambda: embedded_cloud(Path(folder) / "cloud", app=app).__enter__().url)


# --- the process ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def plain_moto() -> Iterator[str]:
    from moto.core.config import default_user_config
    from moto.server import ThreadedMotoServer

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ.update(
        MOTO_PORT=str(port),  # where its states look for it
        DOCKER_HOST="unix:///nowhere/docker.sock",  # the same on a machine with Docker
    )
    yield f"http://{host}:{port}"
    server.stop()


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[str]:
    from stepsweep.local.cloud import embedded_cloud

    with embedded_cloud(folder / "cloud", app=tiny.tiny_app(folder / "app"), vcpus=4) as endpoint:
        yield endpoint.url


def main() -> None:
    kind, folder = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    with plain_moto() if kind == "plain" else embedded(Path(folder)) as url:
        world = World(url)
        print(json.dumps("ready"), file=answers)
        for line in sys.stdin:
            try:
                answer = PROBES[line.strip()](world)
            except (Exception, ClientError) as error:  # noqa: BLE001  the test shows it
                traceback.print_exc()
                answer = {"the probe failed": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer, default=str), file=answers)


if __name__ == "__main__":
    main()
