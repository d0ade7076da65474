"""`sweep teardown --check`: finds stepsweep's resources in an account, and which of them cost money. Deletes nothing.

Batch resources, and those that CloudFormation names, have no recognizable names, so it searches by tag. It searches
by name for resources that have lost the tag.
"""

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as aws

from stepsweep.client.checks.findings import Clients, Finding, State, asked, counted
from stepsweep.client.deployment import explanation
from stepsweep.contract.deployed import TAG
from stepsweep.stack_config import ECR_IMAGE

FREE = {
    "lambda": "costs nothing unless it is called",
    "iam": "costs nothing",
    "sns": "costs nothing unless it is used",
    "events": "costs nothing",
}
EC2_COSTS = ("natgateway", "elastic-ip", "vpc-endpoint", "snapshot")
GB_USD = {"ecr": 0.10, "logs": 0.03}
"""USD per GB and month in us-east-1: https://aws.amazon.com/ecr/pricing, https://aws.amazon.com/cloudwatch/pricing"""


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
            ("buckets", "s3", lambda: self._buckets(arns)),
            ("log groups", "logs", lambda: self._log_groups(arns)),
            ("images", "ecr", self._images),
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

    def _is_ours(self, name: str, tags: object) -> bool:
        return (isinstance(tags, dict) and tags.get(TAG[0]) == TAG[1]) or self._is_named(name)

    def _is_named(self, name: str) -> bool:
        """Whether CloudFormation chose this name for the stack: `Stepsweep-…`, `/aws/lambda/Stepsweep-…`."""
        return name.rpartition("/")[2].lower().startswith(f"{self.stack}-".lower())

    # --- the services

    def _tagged(self, arns: list[str]) -> list[Finding]:
        pages = self.clients("resourcegroupstaggingapi").get_paginator("get_resources")
        for page in pages.paginate(TagFilters=[{"Key": TAG[0], "Values": [TAG[1]]}]):
            arns += [one["ResourceARN"] for one in page["ResourceTagMappingList"]]
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

    def _buckets(self, arns: Iterable[str]) -> list[Finding]:
        s3 = self.clients("s3")
        tagged = set(names_of(arns, "s3"))
        findings = []
        for name in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
            if name not in tagged and not self._is_named(name):
                continue
            command = f"`aws s3 rb --force s3://{name}{self.options}` deletes it with all results in it"
            if s3.list_objects_v2(Bucket=name, MaxKeys=1).get("KeyCount"):
                found = f"{name} holds objects, and costs their storage"
                findings.append(Finding(check="buckets", state=State.PROBLEM, found=found, remedy=command))
            else:
                found = f"{name} is empty, and costs nothing"
                findings.append(Finding(check="buckets", state=State.WARNING, found=found, remedy=command))
        return findings

    def _log_groups(self, arns: Iterable[str]) -> list[Finding]:
        tagged = {arn.split(":log-group:", 1)[1].removesuffix(":*") for arn in arns if ":log-group:" in arn}
        findings = []
        for page in self.clients("logs").get_paginator("describe_log_groups").paginate():
            for group in page["logGroups"]:
                name = group["logGroupName"]
                if name not in tagged and not self._is_named(name):
                    continue
                size = group.get("storedBytes", 0)
                until = f"kept for {group['retentionInDays']} days" if "retentionInDays" in group else "kept for ever"
                costs = f"about {month_usd(size, 'logs')} a month" if size else "costs nothing"
                findings.append(
                    Finding(
                        check="log groups",
                        state=State.PROBLEM if size else State.WARNING,
                        found=f"{name} holds {size:,} bytes, {until}: {costs}",
                        remedy=f"`aws logs delete-log-group --log-group-name {name}{self.options}`",
                    )
                )
        return findings

    def _images(self) -> list[Finding]:
        """CDK's bootstrap repository keeps pushed images; the job definitions show which were ours."""
        tags: dict[tuple[str, str], set[str]] = {}
        for definition in self._our_definitions():
            parts = ECR_IMAGE.fullmatch(definition.get("containerProperties", {}).get("image", ""))
            if parts and parts["tag"] and "container-assets" in parts["repository"]:
                tags.setdefault((parts["account"], parts["repository"]), set()).add(parts["tag"])
        ecr = self.clients("ecr")
        findings = []
        for (account, repository), ours in tags.items():
            try:
                pages = ecr.get_paginator("describe_images").paginate(registryId=account, repositoryName=repository)
                images = [one for page in pages for one in page["imageDetails"]]
            except ecr.exceptions.RepositoryNotFoundException:
                continue
            for image in images:
                for tag in sorted(ours & set(image.get("imageTags", []))):
                    size = image.get("imageSizeInBytes", 0)
                    found = f"{repository}:{tag}, {size / 1e9:.1f} GB, costs storage: {month_usd(size, 'ecr')} a month"
                    command = f"aws ecr batch-delete-image --repository-name {repository} --image-ids imageTag={tag}"
                    remedy = f"`{command}{self.options}`; CDK's bootstrap keeps images of stacks that are gone"
                    findings.append(Finding(check="images", state=State.PROBLEM, found=found, remedy=remedy))
        if findings:
            return findings
        if not tags:
            return self._unknown_images(ecr)
        return [Finding(check="images", state=State.OK, found="none of ours is in CDK's repository")]

    def _unknown_images(self, ecr: Any) -> list[Finding]:
        repositories = [
            one["repositoryName"]
            for page in ecr.get_paginator("describe_repositories").paginate()
            for one in page["repositories"]
            if "container-assets" in one["repositoryName"]
        ]
        kept = {
            name: sum(
                len(page["imageDetails"]) for page in ecr.get_paginator("describe_images").paginate(repositoryName=name)
            )
            for name in repositories
        }
        if not any(kept.values()):
            return [Finding(check="images", state=State.OK, found="none in CDK's repository")]
        names = counted(f"{name} ({number:,})" for name, number in kept.items() if number)
        return [
            Finding(
                check="images",
                state=State.PROBLEM,
                found=f"CDK's repository holds images, which cost storage; their owner is unknown: {names}",
                remedy="no job definition of ours is left that names one. `cdk gc` deletes what no stack uses",
            )
        ]

    def _state_machines(self, arns: Iterable[str]) -> list[Finding]:
        pages = self.clients("stepfunctions").get_paginator("list_state_machines").paginate()
        machines = [one for page in pages for one in page["stateMachines"]]
        ours = [one for one in machines if one["stateMachineArn"] in arns or self._is_named(one["name"])]
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
            if one.get("status") != "DELETED" and self._is_ours(one["jobQueueName"], one.get("tags"))
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
                if one.get("status") == "DELETED" or not self._is_ours(name, one.get("tags")):
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
        return [one for one in found if self._is_ours(one["jobDefinitionName"], one.get("tags"))]

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


def names_of(arns: Iterable[str], service: str) -> list[str]:
    return [arn.rpartition(":")[2] for arn in arns if arn.split(":")[2] == service]


def tag_filter() -> list[dict[str, Any]]:
    return [{"Name": f"tag:{TAG[0]}", "Values": [TAG[1]]}]


def month_usd(size: int, service: str) -> str:
    usd = size / 1e9 * GB_USD[service]
    return f"{usd:.2f} USD" if usd >= 0.005 else "less than 0.01 USD"
