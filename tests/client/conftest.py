"""A stack on a moto server: found, started and read over HTTP, as the deployed one is.

Its state machines are short ones of each test's own, since what a sweep's does is tested in other rooms. What is in its
bucket was written by the planner and the reducer themselves.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from stepsweep.bucket.job_logs import LastLines
from stepsweep.bucket.s3 import Bucket
from stepsweep.client.deployment import DEFAULT_STACK, Deployment, on_endpoint
from stepsweep.contract import keys
from stepsweep.contract.cost import Rates
from stepsweep.contract.metrics import to_csv
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.statemachine.planner import plan
from stepsweep.statemachine.reducer import reduce

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

REPOSITORY = Path(__file__).resolve().parents[2]
REGION = "eu-west-1"
LOG_GROUP = "jobs"
QUEUE = "queue"
RATES = Rates(usd_per_hour=1.0, seconds_per_epoch=1.0)

SLEEPS = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack of a name of its own, with a bucket and a state machine."""

    name: str
    environment: Mapping[str, str]
    bucket: Bucket
    deployment: Deployment

    def planned(self, **document: Any) -> list[Trial]:
        """Plans a sweep as the state machine does; returns its trials."""
        spec = SweepSpec.from_json(document)
        self.bucket.put_json_once(keys.spec_key(spec.name), spec.to_json())
        plan(self.bucket, spec, round_number=0, trainer_version="1", max_concurrency=10, rates=RATES)
        return first_round(spec, trainer_version="1")

    def succeeded(self, sweep: str, trial: Trial, values: list[float]) -> None:
        """Writes what a job, and the state machine after it, write of a trial that went well."""
        rows = [{"epoch": epoch, "val_accuracy": value} for epoch, value in enumerate(values, start=1)]
        self.bucket.put(trial.metrics_key, to_csv(rows), "text/csv")
        self._record(sweep, trial, {"status": "SUCCEEDED", "job": {}})

    def failed(self, sweep: str, trial: Trial, last_line: str) -> None:
        logs = self.deployment.logs
        stream = f"{self.name}/{trial.trial_id}"
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        now = int(time.time() * 1000)
        logs.put_log_events(
            logGroupName=LOG_GROUP, logStreamName=stream, logEvents=[{"timestamp": now, "message": last_line}]
        )
        job = {"Attempts": [{"Container": {"ExitCode": 1, "LogStreamName": stream}}]}
        failure = {"Error": "States.TaskFailed", "Cause": json.dumps(job)}
        self._record(sweep, trial, {"status": "FAILED", "failure": failure})

    def _record(self, sweep: str, trial: Trial, outcome: dict[str, Any]) -> None:
        self.bucket.put_json(keys.outcome_key(sweep, 0, trial.trial_id), {"trial_id": trial.trial_id, **outcome})

    def reduced(self, sweep: str) -> dict[str, Any]:
        """Picks the winner as the state machine does; returns the execution's output."""
        last_lines = LastLines(self.deployment.logs, LOG_GROUP)
        answer = reduce(
            self.bucket, last_lines, sweep=sweep, round_number=0, map_results={}, usd_per_hour=1.0, job_gpus=1
        )
        output: dict[str, Any] = answer.get("output", {})
        return output

    def set_machine(self, definition: Mapping[str, Any]) -> None:
        """Replaces what an execution does."""
        self.deployment.step_functions.update_state_machine(
            stateMachineArn=self.deployment.state_machine_arn, definition=json.dumps(definition)
        )

    def ends_with(self, output: Mapping[str, Any]) -> None:
        self.set_machine({"StartAt": "End", "States": {"End": {"Type": "Pass", "Result": output, "End": True}}})

    def fails_with(self, error: str, cause: str) -> None:
        self.set_machine({"StartAt": "End", "States": {"End": {"Type": "Fail", "Error": error, "Cause": cause}}})

    def cloudformation(self) -> "CloudFormationClient":
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
        return session.client("cloudformation", endpoint_url=self.environment["AWS_ENDPOINT_URL"])

    def wait_for_the_next_second(self) -> None:
        """S3 tells when an object was written in whole seconds, so what follows is written in another one."""
        time.sleep(1.1)

    def status(self, arn: str) -> str:
        return self.deployment.step_functions.describe_execution(executionArn=arn)["status"]


def _hear_signals() -> None:
    """What a shell runs in the background ignores SIGINT, and the client leaves an ignored signal ignored."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def server(moto_server: str) -> str:
    """A moto server with what all stacks have in common: a log group, and a queue in which no job ever is.

    Made anew where it is gone: moto's state is one for a process, and other files' tests empty it.
    """
    settings = {"stepfunctions": {"execute_state_machine": True}}
    requests.post(f"{moto_server}/moto-api/config", json=settings, timeout=10).raise_for_status()
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
    logs = session.client("logs", endpoint_url=moto_server)
    if logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
        return moto_server
    logs.create_log_group(logGroupName=LOG_GROUP)
    iam, batch = session.client("iam", endpoint_url=moto_server), session.client("batch", endpoint_url=moto_server)
    role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    batch.create_compute_environment(computeEnvironmentName="gpus", type="UNMANAGED", serviceRole=role)
    batch.create_job_queue(
        jobQueueName=QUEUE,
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "gpus"}],
    )
    return moto_server


@pytest.fixture
def stack(server: str, request: pytest.FixtureRequest) -> Stack:
    """A stack for one test, named after it."""
    number = len(_made)
    _made.append(request.node.name)
    return make_stack(server, name=f"{DEFAULT_STACK}-{number}")


_made: list[str] = []


def make_stack(server: str, *, name: str) -> Stack:
    environment = {
        "AWS_ENDPOINT_URL": server,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106
    states = session.client("stepfunctions", endpoint_url=server)
    machine = states.create_state_machine(
        name=name, definition=json.dumps(SLEEPS), roleArn="arn:aws:iam::123456789012:role/test"
    )
    outputs = {
        "StateMachineArn": machine["stateMachineArn"],
        "JobQueue": QUEUE,
        "JobLogGroup": LOG_GROUP,
        "MaxVcpus": "64",
        "Capacity": "on-demand",
    }
    template = {
        "Resources": {"Storage": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name.lower()}}},
        "Outputs": {
            "Bucket": {"Value": {"Ref": "Storage"}},
            **{output: {"Value": value} for output, value in outputs.items()},
        },
    }
    cloudformation = session.client("cloudformation", endpoint_url=server)
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    deployment = on_endpoint(environment, stack=name)
    bucket = Bucket(deployment.bucket, deployment.s3)
    return Stack(name=name, environment=environment, bucket=bucket, deployment=deployment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The command line, in a process of its own, in a folder of its own, with no settings of the person who tests."""

    folder: Path

    def popen(
        self, *words: str, environment: Mapping[str, str] | None = None, terminal: int = subprocess.PIPE
    ) -> "subprocess.Popen[str]":
        """Starts it, with pipes, or with all of its three files in a terminal."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPSWEEP_"))}
        nowhere = str(self.folder / "nowhere")
        return subprocess.Popen(
            [sys.executable, "-m", "stepsweep", *words],
            cwd=self.folder,
            preexec_fn=_hear_signals,  # noqa: PLW1509  it does nothing that a thread could hold
            env={
                **clean,
                "PYTHONPATH": str(REPOSITORY),
                "PYTHONWARNINGS": "error",
                "AWS_CONFIG_FILE": nowhere,
                "AWS_SHARED_CREDENTIALS_FILE": nowhere,
                "AWS_EC2_METADATA_DISABLED": "true",
                **(environment or {}),
            },
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            encoding="utf-8",
        )

    def __call__(
        self, *words: str, environment: Mapping[str, str] | None = None, text: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        with self.popen(*words, environment=environment) as process:
            out, err = process.communicate(text, timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def on(self, stack: Stack, command: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command on a stack, found as a deployed one is."""
        return self(command, *words, "--on", "aws", "--stack", stack.name, environment=stack.environment)

    def with_sso_profile(self, name: str) -> dict[str, str]:
        """Returns the environment of somebody whose profile logs in by SSO, and who has not logged in."""
        config = self.folder / "config"
        config.write_text(
            f"[profile {name}]\nregion = us-east-1\nsso_start_url = https://example.com\nsso_region = us-east-1\n"
            "sso_account_id = 123456789012\nsso_role_name = me\n"
        )
        return {"AWS_CONFIG_FILE": str(config), "HOME": str(self.folder)}


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(folder=tmp_path)


def interrupt(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[str, str]:
    """Sends a signal and returns what the process wrote until it ended."""
    process.send_signal(number)
    return process.communicate(timeout=60)
