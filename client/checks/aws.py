"""`sweep doctor` on AWS: checks whether a sweep would run, and says how to fix what it finds."""

import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

from botocore import exceptions as aws

from stepsweep.bucket.sweep_jobs import ON_MACHINES
from stepsweep.client.checks.findings import NEVER, Clients, Finding, State, asked, one_line
from stepsweep.client.checks.quotas import Vcpus, quotas
from stepsweep.client.checks.scaling import machine_images, why_machines_do_not_start
from stepsweep.client.checks.zones import zones
from stepsweep.client.deployment import explanation
from stepsweep.contract.deployed import Output
from stepsweep.stack_config import ECR_IMAGE

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

LONG_SECONDS = 900
"""A wait that is suspicious: a GPU machine usually starts, and pulls the image, in about five minutes."""


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
        findings += self._ask("job queue", "batch", lambda: self._queue(outputs[Output.SWEEP_QUEUE], environments))
        findings += machine_images(environments)
        findings += self._ask("zones", "ec2", lambda: zones(self.clients, environments))
        definition: dict[str, Any] = {}
        findings += self._ask("job definition", "batch", lambda: self._definition(definition))
        if definition:
            image = definition.get("containerProperties", {}).get("image", "")
            findings += self._ask("image", "ecr", lambda: self._image(image))
            findings += self._quotas(outputs, environments, definition)
        findings += self._ask(
            "machines", "autoscaling", lambda: why_machines_do_not_start(self.clients, environments, now=self.now)
        )
        findings += self._ask(
            "waiting jobs", "batch", lambda: self._waiting(outputs[Output.SWEEP_QUEUE], outputs[Output.JOB_QUEUE])
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
            self._definition(definition)
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
                    self._queue(output["OutputValue"], environments)
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

    def _queue(self, name: str, environments: list[dict[str, Any]]) -> list[Finding]:
        batch = self.clients("batch")
        queues = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        if not queues:
            remedy = "somebody deleted it by hand: `sweep destroy`, then `sweep deploy`"
            found = f"there is no job queue {name}"
            return [Finding(check="job queue", state=State.PROBLEM, found=found, remedy=remedy)]
        arns = [order["computeEnvironment"] for order in queues[0]["computeEnvironmentOrder"]]
        environments += batch.describe_compute_environments(computeEnvironments=arns)["computeEnvironments"]
        findings = [self._batch_finding("job queue", queues[0], queues[0]["jobQueueName"], "job-queue")]
        findings += [
            self._batch_finding("compute", environment, environment["computeEnvironmentName"], "compute-environment")
            for environment in environments
        ]
        if len(environments) < len(arns):
            found = f"{len(arns) - len(environments)} of the queue's {len(arns)} compute environments are not there"
            findings.append(Finding(check="compute", state=State.PROBLEM, found=found, remedy="`sweep deploy`"))
        return findings

    def _batch_finding(self, check: str, answer: Mapping[str, Any], name: str, kind: str) -> Finding:
        state, status, reason = answer["state"], answer.get("status", "VALID"), one_line(answer.get("statusReason", ""))
        found = f"{name} is {state} and {status}"
        if state == "ENABLED" and status == "VALID":
            return Finding(check=check, state=State.OK, found=found)
        if reason:
            found += f": {reason}"
        if status in ("CREATING", "UPDATING"):
            return Finding(check=check, state=State.WARNING, found=found, remedy="wait a minute, and try again")
        if state != "ENABLED":
            remedy = f"`aws batch update-{kind} --{kind} {name} --state ENABLED{self.options}`"
        else:
            remedy = (
                "fix what the reason names, then `sweep deploy`; if it stays so, `sweep destroy` and `sweep deploy`"
            )
        return Finding(check=check, state=State.PROBLEM, found=found, remedy=remedy)

    def _definition(self, definition: dict[str, Any]) -> list[Finding]:
        pages = self.clients("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.stack)
        arns = [
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Batch::JobDefinition"
        ]
        found = self.clients("batch").describe_job_definitions(jobDefinitions=arns)["jobDefinitions"] if arns else []
        active = [one for one in found if one["status"] == "ACTIVE"]
        if not active:
            remedy = "`sweep deploy` makes one; somebody deregistered it" if arns else "`sweep deploy`"
            none = "the stack has no ACTIVE job definition"
            return [Finding(check="job definition", state=State.PROBLEM, found=none, remedy=remedy)]
        definition.update(max(active, key=lambda one: one["revision"]))
        name = f"{definition['jobDefinitionName']}:{definition['revision']}"
        each = f"{name} is ACTIVE; {vcpus_of(definition)} vCPUs per trial"
        return [Finding(check="job definition", state=State.OK, found=each)]

    def _image(self, image: str) -> list[Finding]:
        parts = ECR_IMAGE.fullmatch(image)
        if parts is None:
            found = f"{image or 'none'} is not in ECR, so it was not checked"
            remedy = f"`docker manifest inspect {image}` shows whether it can be pulled"
            return [Finding(check="image", state=State.WARNING, found=found, remedy=remedy)]
        asked_for = {"imageDigest": parts["digest"]} if parts["digest"] else {"imageTag": parts["tag"] or "latest"}
        ecr = self.clients("ecr")
        if parts["region"] != ecr.meta.region_name:
            found = f"{image} is in another region, so it was not checked"
            return [Finding(check="image", state=State.WARNING, found=found)]
        try:
            (details,) = ecr.describe_images(
                registryId=parts["account"], repositoryName=parts["repository"], imageIds=[asked_for]
            )["imageDetails"]
        except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
            remedy = "every job would fail with CannotPullContainerError; `sweep deploy` builds and pushes it again"
            return [Finding(check="image", state=State.PROBLEM, found=f"{image} is not there", remedy=remedy)]
        size = f", {details['imageSizeInBytes'] / 1e9:.1f} GB" if details.get("imageSizeInBytes") else ""
        return [Finding(check="image", state=State.OK, found=f"{image} is there{size}")]

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

    def _waiting(self, queue: str, by_hand: str) -> list[Finding]:
        """Returns why the jobs of a queue wait. Those of the queue by hand use the same machines."""
        batch = self.clients("batch")
        pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus="RUNNABLE")
        jobs = [job for page in pages for job in page["jobSummaryList"]]
        late = [job for job in jobs if self.now - job.get("createdAt", 0) / 1000 > LONG_SECONDS]
        reasons = Counter(one_line(job.get("statusReason", "")) for job in late)
        runs = any(
            batch.list_jobs(jobQueue=name, jobStatus=status, maxResults=1)["jobSummaryList"]
            for name in (queue, by_hand)
            for status in ON_MACHINES
        )
        if not late or (runs and set(reasons) == {""}):
            turn = ", until others have finished" if late else ""
            found = f"{len(jobs):,} wait for a machine{turn}" if jobs else "none"
            return [Finding(check="waiting jobs", state=State.OK, found=found)]
        return [
            Finding(
                check="waiting jobs",
                state=State.WARNING if runs else State.PROBLEM,
                found=f"{number:,} RUNNABLE for more than {LONG_SECONDS // 60} minutes: {reason or 'no reason given'}",
                remedy=remedy_of(reason),
            )
            for reason, number in reasons.most_common(5)
        ]

    def _bucket(self, name: str) -> list[Finding]:
        s3 = self.clients("s3")
        try:
            s3.list_objects_v2(Bucket=name, MaxKeys=1)
        except s3.exceptions.NoSuchBucket:
            remedy = "somebody deleted it by hand: `sweep destroy`, then `sweep deploy`"
            return [Finding(check="bucket", state=State.PROBLEM, found=f"there is no bucket {name}", remedy=remedy)]
        return [Finding(check="bucket", state=State.OK, found=f"s3://{name} can be read")]


def tool_finding() -> Finding:
    """Returns the versions of stepsweep and Python."""
    try:
        tool = version("stepsweep")
    except PackageNotFoundError:
        tool = "from its sources"
    return Finding(check="tool", state=State.OK, found=f"stepsweep {tool}, Python {python_version()}")


def vcpus_of(definition: Mapping[str, Any]) -> int:
    """Returns the vCPUs of one job. The stack's job definition has a whole number."""
    requirements = definition["containerProperties"]["resourceRequirements"]
    return next(int(requirement["value"]) for requirement in requirements if requirement["type"] == "VCPU")


def remedy_of(reason: str) -> str:
    """Returns what to do about waiting jobs.

    https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
    """
    if "INSUFFICIENT_INSTANCE_CAPACITY" in reason:
        return "wait, or `sweep deploy -c instance_types=g4dn.xlarge,g5.xlarge`, or use another region"
    if "COMPUTE_ENVIRONMENT_MAX_RESOURCE" in reason:
        return "one job wants more than the stack may use: `sweep deploy` with a larger -c max_vcpus"
    if "JOB_RESOURCE_REQUIREMENT" in reason:
        return (
            "no instance type is large enough for a job: `sweep deploy` with larger -c instance_types, or a smaller job"
        )
    return "see what the quota and the compute environments above say"
