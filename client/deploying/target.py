"""The target of a deployment: an account and a region, and their current state."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as aws

from stepsweep.client.deployment import CloudError, clients_of, is_denied
from stepsweep.contract.deployed import Output
from stepsweep.contract.errors import InvalidInput
from stepsweep.stack_config import fault_of_region
from stepsweep.stack_values import ZONE

BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
"""The SSM parameter of CDK's bootstrap stack: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html"""

COSTS = (
    "Creates a network without a NAT gateway, a Batch queue, functions, a state machine, roles, logs and a bucket.",
    "Costs nothing per hour at rest: S3 storage of results, the trainer's image and logs cost what they hold.",
    "Costs money while a sweep runs: {instance_types} machines, at most {max_vcpus} vCPUs ({capacity}).",
)

BY_TAG = (
    "The image {image} is named by a tag: if you push other code under it, trials get the results of the old code. "
    "A digest (@sha256:…), or a new tag for each build, keeps them apart."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An account and a region, before any change.

    Attributes:
        status: CloudFormation's, of the stack; None where there is no such stack.
        is_bootstrapped: whether CDK's bootstrap stack exists; true if we may not see that.
        running: ARNs of the running executions.
        zones: of the network that the stack made; empty without such a stack.
    """

    account: str
    region: str
    stack: str
    status: str | None
    is_bootstrapped: bool
    running: tuple[str, ...]
    zones: tuple[str, ...]

    def lines(self) -> list[str]:
        found = "is there, " + self.status if self.status else "is not there yet"
        return [f"Account {self.account}, region {self.region}. Stack {self.stack} {found}."]


def target(*, stack: str, profile: str | None, region: str | None) -> Target:
    """Looks at the account and region that boto3 finds. Changes nothing.

    Raises:
        InvalidInput: the stack would not work in this region.
        botocore's errors.
    """
    clients = clients_of(profile=profile, region=region)
    cloudformation = clients("cloudformation")
    if fault := fault_of_region(cloudformation.meta.region_name):
        raise InvalidInput([fault])
    found = _described(cloudformation, stack)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in (found or {}).get("Outputs", [])}
    running: list[str] = []
    if machine := outputs.get(Output.STATE_MACHINE_ARN):
        pages = clients("stepfunctions").get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=machine, statusFilter="RUNNING"):
            running += [execution["executionArn"] for execution in page["executions"]]
    return Target(
        account=clients("sts").get_caller_identity()["Account"],
        region=cloudformation.meta.region_name,
        stack=stack,
        status=found["StackStatus"] if found else None,
        is_bootstrapped=_is_bootstrapped(clients("ssm")),
        running=tuple(running),
        zones=tuple(zone for zone in outputs.get(Output.ZONES, "").split(",") if re.fullmatch(ZONE, zone)),
    )


def check_docker(choices: Mapping[str, Any]) -> None:
    """Raises InvalidInput if the trainer's image must be built, but Docker is missing."""
    docker = os.environ.get("CDK_DOCKER", "docker")
    if "image" not in choices and shutil.which(docker) is None:
        raise InvalidInput([f"{docker} is missing, which builds the trainer's image; install it, or give -c image=URI"])


def check_destroyable(found: Target, *, force: bool) -> None:
    """Raises CloudError if there is no stack, and InvalidInput if sweeps run without `force`."""
    if found.status is None:
        raise CloudError(
            f"there is no stack {found.stack} in {found.region}; name another one with --stack or --region"
        )
    if found.running and not force:
        names = ", ".join(arn.rpartition(":")[2] for arn in found.running[:3])
        raise InvalidInput(
            [f"sweeps run in this stack ({names}); stop each with `sweep stop NAME --on aws`, or add --force"]
        )


def stop_sweeps(found: Target, *, profile: str | None) -> None:
    """Stops the running executions, which ends their jobs.

    Raises:
        botocore's errors.
    """
    step_functions = clients_of(profile=profile, region=found.region)("stepfunctions")
    for arn in found.running:
        step_functions.stop_execution(executionArn=arn, cause="the stack is destroyed")


def _described(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    try:
        described: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except aws.ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None
    return described


def _is_bootstrapped(ssm: Any) -> bool:
    try:
        ssm.get_parameter(Name=BOOTSTRAP_VERSION)
    except aws.ClientError as error:
        if is_denied(error):
            return True  # if it is not, the CDK CLI reports that
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return False
    return True
