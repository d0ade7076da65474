"""The server that a probe asks, and what several probes need."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from tests.support import tiny
from tests.support.embedded import eventually

REGION = "us-east-1"
PROBES: dict[str, Callable[["World"], Any]] = {}


def probe(function: Callable[["World"], Any]) -> Callable[["World"], Any]:
    PROBES[function.__name__] = function
    return function


class World:
    """One moto server, reached over HTTP, with what a probe needs in it.

    Attributes:
        is_plain: whether it is moto as it is, and not the embedded cloud.
    """

    def __init__(self, environment: Mapping[str, str], *, is_plain: bool) -> None:
        self.environment = environment
        self.is_plain = is_plain
        self.url = environment["AWS_ENDPOINT_URL"]
        key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        self._session: Any = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)

    @cache  # noqa: B019  one world a process
    def client(self, service: str, config: Config | None = None) -> Any:
        return self._session.client(service, endpoint_url=self.url, config=config)

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


def zipped_function(source: str) -> bytes:
    import io
    import zipfile

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.py", source)
    return data.getvalue()


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
