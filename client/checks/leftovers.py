"""`sweep teardown --check`: finds what stepsweep left in an account, and what of it costs money. Deletes nothing."""

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as aws

from stepsweep.client.checks.findings import Clients, Finding, State, asked, counted
from stepsweep.client.checks.ours import arns_with_tag, is_named, is_ours, tag_filter
from stepsweep.client.checks.stored import buckets, images, log_groups
from stepsweep.client.deployment import explanation

FREE = {
    "lambda": "costs nothing unless it is called",
    "iam": "costs nothing",
    "sns": "costs nothing unless it is used",
    "events": "costs nothing",
}
EC2_COSTS = ("natgateway", "elastic-ip", "vpc-endpoint", "snapshot")


@dataclass(kw_only=True)
class Leftovers:
    """Looks for stepsweep's resources in one account and region.

    Attributes:
        options: the given `--profile` and `--region`, to append to a command.
    """

    clients: Clients
    stack: str
    profile: str | None = None
    options: str = ""

    def look(self) -> list[Finding]:
        """Returns what is left. A problem costs money, or may; a warning costs nothing."""
        try:
            self.clients("cloudformation")  # raises without a region, unlike STS
            caller = self.clients("sts").get_caller_identity()
        except aws.InvalidRegionError:
            raise  # a wrong option
        except (aws.ClientError, aws.BotoCoreError) as error:
            wrong = explanation(error, profile=self.profile)
            return [Finding(check="credentials", state=State.PROBLEM, found=wrong.what, remedy=wrong.remedy)]
        account = Finding(check="account", state=State.OK, found=f"{caller['Account']}, as {caller['Arn']}")
        arns: list[str] = []
        tags = self._ask("tags", "tag", lambda: self._tagged(arns))
        findings = [account, *tags]
        for check, service, question in (
            ("stack", "cloudformation", self._stack),
            ("instances", "ec2", self._instances),
            ("volumes", "ec2", self._volumes),
            ("buckets", "s3", lambda: buckets(self.clients, arns, stack=self.stack, options=self.options)),
            ("log groups", "logs", lambda: log_groups(self.clients, arns, stack=self.stack, options=self.options)),
            ("images", "ecr", lambda: images(self.clients, self._our_definitions(), options=self.options)),
            ("state machines", "states", lambda: self._state_machines(arns)),
            ("job queues", "batch", self._queues),
            ("compute", "batch", self._environments),
            ("job definitions", "batch", self._definitions),
        ):
            findings += self._ask(check, service, question) or [Finding(check=check, state=State.OK, found="none")]
        return findings + others(arns)

    def _ask(self, check: str, service: str, question: Callable[[], list[Finding]]) -> list[Finding]:
        # A resource that we may not see could exist and cost money.
        return asked(check, question, service=service, unanswered=State.PROBLEM, profile=self.profile)

    # --- the services

    def _tagged(self, arns: list[str]) -> list[Finding]:
        for arn in arns_with_tag(self.clients):
            arns.append(arn)  # those before a fault count
        return []

    def _stack(self) -> list[Finding]:
        try:
            (stack,) = self.clients("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        except aws.ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            return [Finding(check="stack", state=State.OK, found=f"{self.stack} is not there")]
        status = stack["StackStatus"]
        found = f"{self.stack} is there, {status}; it costs nothing except what is listed below"
        remedy = "wait, and ask again" if status == "DELETE_IN_PROGRESS" else "`sweep destroy`"
        if status == "DELETE_FAILED":
            remedy = f"`aws cloudformation describe-stack-events --stack-name {self.stack}{self.options}` says why; "
            remedy += "then `sweep destroy` again"
        return [Finding(check="stack", state=State.WARNING, found=found, remedy=remedy)]

    def _instances(self) -> list[Finding]:
        states = ["pending", "running", "shutting-down", "stopping", "stopped"]
        filters = [*tag_filter(), {"Name": "instance-state-name", "Values": states}]
        pages = self.clients("ec2").get_paginator("describe_instances").paginate(Filters=filters)
        instances = [one for page in pages for group in page["Reservations"] for one in group["Instances"]]
        if not instances:
            return []
        each = counted(f"{one['InstanceId']} ({one['InstanceType']}, {one['State']['Name']})" for one in instances)
        ids = [one["InstanceId"] for one in instances]
        return [
            Finding(
                check="instances",
                state=State.PROBLEM,
                found=f"{len(ids):,} that cost{'s' * (len(ids) == 1)} money by the second: {each}",
                remedy="expected while a sweep runs: Batch ends them some minutes later; otherwise "
                f"`aws ec2 terminate-instances --instance-ids {shlex.join(ids)}{self.options}`",
            )
        ]

    def _volumes(self) -> list[Finding]:
        filters = [*tag_filter(), {"Name": "status", "Values": ["available"]}]  # others end with their instance
        pages = self.clients("ec2").get_paginator("describe_volumes").paginate(Filters=filters)
        volumes = [one for page in pages for one in page["Volumes"]]
        if not volumes:
            return []
        return [
            Finding(
                check="volumes",
                state=State.PROBLEM,
                found=f"{one['VolumeId']}, {one['Size']} GB, costs storage and belongs to no instance",
                remedy=f"`aws ec2 delete-volume --volume-id {one['VolumeId']}{self.options}`",
            )
            for one in volumes
        ]

    def _state_machines(self, arns: Iterable[str]) -> list[Finding]:
        pages = self.clients("stepfunctions").get_paginator("list_state_machines").paginate()
        machines = [one for page in pages for one in page["stateMachines"]]
        ours = [one for one in machines if one["stateMachineArn"] in arns or is_named(one["name"], stack=self.stack)]
        return [
            Finding(
                check="state machines",
                state=State.WARNING,
                found=f"{one['name']} costs nothing unless it is started",
                remedy=f"`aws stepfunctions delete-state-machine --state-machine-arn {one['stateMachineArn']}"
                f"{self.options}`",
            )
            for one in ours
        ]

    def _queues(self) -> list[Finding]:
        pages = self.clients("batch").get_paginator("describe_job_queues").paginate()
        names = [
            one["jobQueueName"]
            for page in pages
            for one in page["jobQueues"]
            if one.get("status") != "DELETED" and is_ours(one["jobQueueName"], one.get("tags"), stack=self.stack)
        ]
        return [
            Finding(
                check="job queues",
                state=State.WARNING,
                found=f"{name} costs nothing",
                remedy=f"`aws batch update-job-queue --job-queue {name} --state DISABLED{self.options}`, "
                f"then `aws batch delete-job-queue --job-queue {name}{self.options}`",
            )
            for name in names
        ]

    def _environments(self) -> list[Finding]:
        findings = []
        for page in self.clients("batch").get_paginator("describe_compute_environments").paginate():
            for one in page["computeEnvironments"]:
                name = one["computeEnvironmentName"]
                if one.get("status") == "DELETED" or not is_ours(name, one.get("tags"), stack=self.stack):
                    continue
                least = one.get("computeResources", {}).get("minvCpus", 0)
                costs = f"keeps {least} vCPUs running, which cost money" if least else "costs nothing while no job runs"
                findings.append(
                    Finding(
                        check="compute",
                        state=State.PROBLEM if least else State.WARNING,
                        found=f"{name} {costs}",
                        remedy=f"`aws batch update-compute-environment --compute-environment {name} --state DISABLED"
                        f"{self.options}`, then `aws batch delete-compute-environment --compute-environment {name}"
                        f"{self.options}`",
                    )
                )
        return findings

    def _our_definitions(self) -> list[dict[str, Any]]:
        batch = self.clients("batch")
        found = []
        for status in ("ACTIVE", "INACTIVE"):
            for page in batch.get_paginator("describe_job_definitions").paginate(status=status):
                found += page["jobDefinitions"]
        return [one for one in found if is_ours(one["jobDefinitionName"], one.get("tags"), stack=self.stack)]

    def _definitions(self) -> list[Finding]:
        ours = self._our_definitions()
        active = [f"{one['jobDefinitionName']}:{one['revision']}" for one in ours if one["status"] == "ACTIVE"]
        findings = [
            Finding(
                check="job definitions",
                state=State.WARNING,
                found=f"{name} is ACTIVE, and costs nothing",
                remedy=f"`aws batch deregister-job-definition --job-definition {name}{self.options}`",
            )
            for name in active
        ]
        if inactive := len(ours) - len(active):
            found = f"{inactive:,} INACTIVE, which cost nothing; Batch deletes them after 180 days"
            findings.append(Finding(check="job definitions", state=State.OK, found=found))
        return findings


def others(arns: Iterable[str]) -> list[Finding]:
    """Returns other resources with the tag. The tagging service may list deleted ones for some time."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for arn in arns:
        _, _, service, _, _, resource = arn.split(":", 5)
        kind = resource.split("/")[0]
        if service in ("s3", "logs", "states", "batch", "cloudformation") or kind in ("instance", "volume"):
            continue  # checked above
        kinds.setdefault((service, kind if service == "ec2" else ""), []).append(arn)
    findings = []
    for (service, kind), names in sorted(kinds.items()):
        costs = "may cost money" if kind in EC2_COSTS else FREE.get(service, "costs nothing by itself")
        if service not in FREE and service != "ec2":
            costs = "is not known to us; look whether it costs money"
        findings.append(
            Finding(
                check=f"{service} {kind}".rstrip(),
                state=State.PROBLEM if kind in EC2_COSTS else State.WARNING,
                found=f"{len(names):,} with our tag: {counted(names)}; such {costs}",
                remedy="`sweep destroy` while the stack is there; what is listed some hours after it, delete by hand",
            )
        )
    return findings
