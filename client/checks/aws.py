"""`sweep doctor` on AWS: checks whether a sweep would run, and says how to fix what it finds."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore import exceptions as aws

from stepsweep.client.checks.batch import image, job_definition, job_queue, vcpus_of
from stepsweep.client.checks.findings import NEVER, Clients, Finding, State, asked, one_line
from stepsweep.client.checks.machine import tool_finding
from stepsweep.client.checks.quotas import Vcpus, quotas
from stepsweep.client.checks.scaling import machine_images, why_machines_do_not_start
from stepsweep.client.checks.stuck_jobs import waiting_jobs
from stepsweep.client.checks.zones import zones
from stepsweep.client.deployment import explanation
from stepsweep.contract.deployed import Output

READY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
STACK_REMEDIES = {
    "UPDATE_ROLLBACK_COMPLETE": "the last deploy failed and was undone; its events say why, then `sweep deploy` again",
    "ROLLBACK_COMPLETE": "the first deploy failed and was undone; `sweep destroy`, then `sweep deploy` again",
    "ROLLBACK_FAILED": "the first deploy failed; `sweep destroy`, then `sweep deploy` again",
    "CREATE_FAILED": "the first deploy failed; `sweep destroy`, then `sweep deploy` again",
    "DELETE_FAILED": "`sweep destroy` again; the stack's events say what could not be deleted",
    "UPDATE_ROLLBACK_FAILED": "`aws cloudformation continue-update-rollback --stack-name {stack}{options}`, then "
    "`sweep deploy` again",
    "REVIEW_IN_PROGRESS": "a deploy was begun and never run; `sweep deploy`",
}
STILL_RUNS = ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")
"""States of a stack in which sweeps run nevertheless."""

UNANSWERED = (aws.ClientError, aws.BotoCoreError)


@dataclass(kw_only=True)
class AwsDoctor:
    """Asks a deployed stack's services in turn; later checks need the findings of earlier ones.

    Attributes:
        options: the given `--profile` and `--region`, to append to a command.
        now: seconds since 1970.
    """

    clients: Clients
    stack: str
    profile: str | None = None
    options: str = ""
    now: float = field(default_factory=time.time)

    def examine(self) -> list[Finding]:
        """Returns the findings, in the order in which to fix them."""
        findings = [tool_finding(), *self._identity()]
        if findings[-1].state is State.PROBLEM:
            return findings
        described: dict[str, Any] = {}
        findings += self._ask("stack", "cloudformation", lambda: self._stack(described))
        if not described:
            return findings
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        missing = [name for name in Output if name not in outputs]
        if missing:
            there = Finding(
                check="outputs",
                state=State.PROBLEM,
                found=f"the stack has no output {', '.join(missing)}",
                remedy="`sweep deploy`; or it is another stack, then name the right one with --stack",
            )
            return [*findings, there]
        findings.append(Finding(check="outputs", state=State.OK, found=f"all {len(Output)} exist"))
        findings += self._ask("state machine", "states", lambda: self._state_machine(outputs[Output.STATE_MACHINE_ARN]))
        environments: list[dict[str, Any]] = []
        findings += self._ask(
            "job queue",
            "batch",
            lambda: job_queue(self.clients, outputs[Output.SWEEP_QUEUE], environments, options=self.options),
        )
        findings += machine_images(environments)
        findings += self._ask("zones", "ec2", lambda: zones(self.clients, environments))
        definition: dict[str, Any] = {}
        findings += self._ask("job definition", "batch", lambda: job_definition(self.clients, self.stack, definition))
        if definition:
            name = definition.get("containerProperties", {}).get("image", "")
            findings += self._ask("image", "ecr", lambda: image(self.clients, name))
            findings += self._quotas(outputs, environments, definition)
        findings += self._ask(
            "machines", "autoscaling", lambda: why_machines_do_not_start(self.clients, environments, now=self.now)
        )
        findings += self._ask(
            "waiting jobs",
            "batch",
            lambda: waiting_jobs(self.clients, outputs[Output.SWEEP_QUEUE], outputs[Output.JOB_QUEUE], now=self.now),
        )
        findings += self._ask("bucket", "s3", lambda: self._bucket(outputs[Output.BUCKET]))
        return findings

    def why_nothing_would_start(self) -> list[Finding]:
        """Returns the zones or the quotas that let no trial start; nothing if one could, or if that cannot be known."""
        described: dict[str, Any] = {}
        environments: list[dict[str, Any]] = []
        definition: dict[str, Any] = {}
        with contextlib.suppress(*UNANSWERED):
            self._stack(described)
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        if any(name not in outputs for name in Output):
            return []
        with contextlib.suppress(*UNANSWERED):
            batch = self.clients("batch")
            for queue in batch.describe_job_queues(jobQueues=[outputs[Output.SWEEP_QUEUE]])["jobQueues"]:
                arns = [order["computeEnvironment"] for order in queue["computeEnvironmentOrder"]]
                environments += batch.describe_compute_environments(computeEnvironments=arns)["computeEnvironments"]
            job_definition(self.clients, self.stack, definition)
        if not definition or not environments:
            return []
        for found in (
            self._ask("zones", "ec2", lambda: zones(self.clients, environments)),
            self._quotas(outputs, environments, definition),
        ):
            if found and all(each.state is State.PROBLEM and each.remedy and NEVER in each.found for each in found):
                return found
        return []

    def why_no_machine_starts(self) -> str:
        """Returns EC2's most frequent reason of the last hour, and what to do; empty if there is none, or if these
        credentials may not ask."""
        described: dict[str, Any] = {}
        environments: list[dict[str, Any]] = []
        with contextlib.suppress(*UNANSWERED):
            self._stack(described)
            for output in described.get("Outputs", []):
                if output["OutputKey"] == Output.SWEEP_QUEUE:
                    job_queue(self.clients, output["OutputValue"], environments, options=self.options)
            for each in why_machines_do_not_start(self.clients, environments, now=self.now):
                return f"machines: {each.found}; {each.remedy}"
        return ""

    def _ask(self, check: str, service: str, question: Any) -> list[Finding]:
        return asked(check, question, service=service, unanswered=State.WARNING, profile=self.profile)

    # --- the checks

    def _identity(self) -> list[Finding]:
        try:
            region = self.clients("cloudformation").meta.region_name  # STS works without a region
            caller = self.clients("sts").get_caller_identity()
        except aws.InvalidRegionError:
            raise  # a wrong option
        except aws.NoRegionError as error:
            wrong = explanation(error)
            return [Finding(check="region", state=State.PROBLEM, found=wrong.what, remedy=wrong.remedy)]
        except UNANSWERED as error:
            wrong = explanation(error, profile=self.profile)
            return [Finding(check="credentials", state=State.PROBLEM, found=wrong.what, remedy=wrong.remedy)]
        return [
            Finding(check="region", state=State.OK, found=region),
            Finding(check="credentials", state=State.OK, found=f"account {caller['Account']}, as {caller['Arn']}"),
        ]

    def _stack(self, described: dict[str, Any]) -> list[Finding]:
        try:
            (answer,) = self.clients("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        except aws.ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            remedy = "`sweep deploy`, or say where it is with --stack, --region and --profile"
            found = f"there is no stack {self.stack} in this region"
            return [Finding(check="stack", state=State.PROBLEM, found=found, remedy=remedy)]
        status = answer["StackStatus"]
        found = f"{self.stack} is {status}"
        if reason := answer.get("StackStatusReason"):
            found += f": {one_line(reason)}"
        if status in READY:
            described.update(answer)
            return [Finding(check="stack", state=State.OK, found=found)]
        waits = "wait until that has ended: `aws cloudformation describe-stack-events --stack-name {stack}{options}`"
        remedy = STACK_REMEDIES.get(status, waits if status.endswith("_IN_PROGRESS") else "`sweep deploy`")
        remedy = remedy.format(stack=self.stack, options=self.options)
        if status in STILL_RUNS:
            described.update(answer)
            return [Finding(check="stack", state=State.WARNING, found=found, remedy=remedy)]
        return [Finding(check="stack", state=State.PROBLEM, found=found, remedy=remedy)]

    def _state_machine(self, arn: str) -> list[Finding]:
        name = arn.rpartition(":")[2]
        states = self.clients("stepfunctions")
        try:
            status = states.describe_state_machine(stateMachineArn=arn)["status"]
        except states.exceptions.StateMachineDoesNotExist:
            status = "not there"
        if status == "ACTIVE":
            return [Finding(check="state machine", state=State.OK, found=f"{name} is ACTIVE")]
        return [
            Finding(
                check="state machine",
                state=State.PROBLEM,
                found=f"{name} is {status}",
                remedy="somebody deletes or deleted it by hand: `sweep destroy`, then `sweep deploy`",
            )
        ]

    def _quotas(
        self, outputs: Mapping[str, str], environments: list[dict[str, Any]], definition: Mapping[str, Any]
    ) -> list[Finding]:
        return quotas(
            self.clients,
            environments,
            capacity=outputs[Output.CAPACITY],
            vcpus=Vcpus(stack=int(outputs[Output.MAX_VCPUS]), job=vcpus_of(definition)),
            options=self.options,
            profile=self.profile,
        )

    def _bucket(self, name: str) -> list[Finding]:
        s3 = self.clients("s3")
        try:
            s3.list_objects_v2(Bucket=name, MaxKeys=1)
        except s3.exceptions.NoSuchBucket:
            remedy = "somebody deleted it by hand: `sweep destroy`, then `sweep deploy`"
            return [Finding(check="bucket", state=State.PROBLEM, found=f"there is no bucket {name}", remedy=remedy)]
        return [Finding(check="bucket", state=State.OK, found=f"s3://{name} can be read")]
