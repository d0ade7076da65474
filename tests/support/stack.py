"""A stack on a moto server: found, started and read over HTTP, as the deployed one is.

Its state machines are short ones of each test's own, since other rooms test what a sweep's does. The planner and the
reducer themselves write what is in its bucket.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stepsweep.bucket.job_logs import CloudLastLines
from stepsweep.bucket.s3 import Bucket
from stepsweep.client.deployment import Deployment, on_endpoint
from stepsweep.client.running.control import Control
from stepsweep.contract import keys
from stepsweep.contract.cost import Rates
from stepsweep.contract.documents import RoundPlan
from stepsweep.contract.means import StackJob
from stepsweep.contract.metrics import to_csv
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.statemachine.claims import Trainer
from stepsweep.statemachine.planner import plan
from stepsweep.statemachine.reducer import reduce
from tests.support.clients import client_of
from tests.support.embedded import eventually

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

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
        """Plans a sweep as its running execution does, or another one; returns its trials."""
        return self.planned_for("1", document)

    def planned_for(self, trainer_version: str, document: Mapping[str, Any]) -> list[Trial]:
        """Plans a sweep like `planned`, of any version of the trainer."""
        spec = SweepSpec.from_json(document)
        running = Control(self.deployment).running(spec.name)
        execution = running[0].rpartition(":")[2] if running else secrets.token_hex(4)
        self._plan(spec, execution=execution, round_number=0, trainer_version=trainer_version)
        return first_round(spec, trainer_version=trainer_version)

    def planned_again(self, sweep: str, round_number: int) -> list[Trial]:
        """Plans a later round of a sweep; returns its trials."""
        spec = SweepSpec.from_json(self.bucket.get_json(keys.spec_key(sweep)))
        self._plan(spec, execution=self._execution(sweep), round_number=round_number)
        planned = RoundPlan.from_json(self.bucket.get_json(keys.plan_key(sweep, round_number)), where="plan.json")
        return [trial for trial in planned.trials if trial.round_number == round_number]

    def _plan(self, spec: SweepSpec, *, execution: str, round_number: int, trainer_version: str = "1") -> None:
        plan(
            self.bucket,
            spec,
            execution=execution,
            started_at=datetime.now(UTC),
            round_number=round_number,
            trainer=Trainer(version=trainer_version, name="mine"),
            max_concurrency=10,
            rates=RATES,
            job=StackJob(),
        )

    def _execution(self, sweep: str) -> str:
        """Returns the execution that planned last."""
        name: str = self.bucket.get_json(keys.latest_key(sweep))["execution"]
        return name

    def succeeded(
        self, sweep: str, trial: Trial, values: list[float], attempts: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Writes what a job, and the state machine after it, write of a trial that went well."""
        rows = [{"epoch": epoch, "val_accuracy": value} for epoch, value in enumerate(values, start=1)]
        self.bucket.put(trial.metrics_key, to_csv(rows), "text/csv")
        self._record(sweep, trial, {"status": "SUCCEEDED", "job": {"attempts": list(attempts)}})

    def failed(self, sweep: str, trial: Trial, last_line: str, *, exit_code: int = 1) -> None:
        stream = f"{self.name}/{trial.trial_id}"
        self.deployment.logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        self.say(trial.trial_id, last_line)
        job = {"Attempts": [{"Container": {"ExitCode": exit_code, "LogStreamName": stream}}]}
        failure = {"Error": "States.TaskFailed", "Cause": json.dumps(job)}
        self._record(sweep, trial, {"status": "FAILED", "failure": failure})

    def say(self, name: str, *lines: str) -> None:
        """Writes lines to a log that is there."""
        events: list[Any] = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
        if events:
            self.deployment.logs.put_log_events(
                logGroupName=LOG_GROUP, logStreamName=f"{self.name}/{name}", logEvents=events
            )

    def _record(self, sweep: str, trial: Trial, outcome: dict[str, Any]) -> None:
        document = {"schema": 1, "execution": self._execution(sweep), "trial_id": trial.trial_id, **outcome}
        self.bucket.put_json(keys.outcome_key(sweep, trial.round_number, trial.trial_id), document)

    def reduced(self, sweep: str, *, round_number: int = 0) -> dict[str, Any]:
        """Picks the winner as the state machine does; returns the execution's output."""
        last_lines = CloudLastLines(self.deployment.logs, LOG_GROUP, at_most=100)
        answer = reduce(
            self.bucket,
            last_lines,
            sweep=sweep,
            round_number=round_number,
            map_results={},
            usd_per_hour=1.0,
            job=StackJob(),
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
        cloudformation: CloudFormationClient = client_of("cloudformation", self.environment)
        return cloudformation

    def with_batch(self, url: str) -> Deployment:
        """Returns its deployment with another Batch."""
        return replace(self.deployment, batch=client_of("batch", environment_of(url)))

    def stop(self, arn: str, **why: str) -> None:
        """Stops an execution, and waits until it is no longer running: moto answers before that."""
        self.deployment.step_functions.stop_execution(executionArn=arn, **why)
        eventually(lambda: self.status(arn) == "ABORTED")

    def status(self, arn: str) -> str:
        return self.deployment.step_functions.describe_execution(executionArn=arn)["status"]


def environment_of(server: str) -> dict[str, str]:
    """Returns the variables by which a client finds a moto server."""
    return {
        "AWS_ENDPOINT_URL": server,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def make_stack(server: str, *, name: str) -> Stack:
    environment = environment_of(server)
    states = client_of("stepfunctions", environment)
    machine = states.create_state_machine(
        name=name, definition=json.dumps(SLEEPS), roleArn="arn:aws:iam::123456789012:role/test"
    )
    outputs = {
        "StateMachineArn": machine["stateMachineArn"],
        "JobQueue": QUEUE,
        "SweepQueue": QUEUE,
        "JobDefinition": "trial",
        "JobLogGroup": LOG_GROUP,
        "MaxVcpus": "64",
        "Capacity": "on-demand",
        "TrainerCommand": "[]",
        "TrainerVersion": "1",
        "UsdPerHour": "0.526",
        "Job": json.dumps(StackJob().to_json()),
        "InstanceTypes": "g4dn.xlarge",
        "MaxConcurrency": "1000",
        "Zones": "us-east-1a,us-east-1b",
    }
    template = {
        "Resources": {"Storage": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name.lower()}}},
        "Outputs": {
            "Bucket": {"Value": {"Ref": "Storage"}},
            **{output: {"Value": value} for output, value in outputs.items()},
        },
    }
    cloudformation = client_of("cloudformation", environment)
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    deployment = on_endpoint(environment, stack=name)
    bucket = Bucket(deployment.bucket, deployment.s3)
    return Stack(name=name, environment=environment, bucket=bucket, deployment=deployment)
