"""Whether Batch has what the stack deployed: the queue and its machines, the job definition and its image."""

from collections.abc import Mapping
from typing import Any

from stepsweep.client.checks.findings import Clients, Finding, State, one_line
from stepsweep.contract.described import number_of, verb
from stepsweep.stack_config import ECR_IMAGE


def job_queue(clients: Clients, name: str, environments: list[dict[str, Any]], *, options: str) -> list[Finding]:
    """Returns whether a queue and its compute environments take jobs. Adds the environments to the given list."""
    batch = clients("batch")
    queues = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    if not queues:
        remedy = "somebody deleted it by hand: `sweep destroy`, then `sweep deploy`"
        found = f"there is no job queue {name}"
        return [Finding(check="job queue", state=State.PROBLEM, found=found, remedy=remedy)]
    arns = [order["computeEnvironment"] for order in queues[0]["computeEnvironmentOrder"]]
    environments += batch.describe_compute_environments(computeEnvironments=arns)["computeEnvironments"]
    findings = [_batch_finding("job queue", queues[0], queues[0]["jobQueueName"], "job-queue", options)]
    findings += [
        _batch_finding("compute", environment, environment["computeEnvironmentName"], "compute-environment", options)
        for environment in environments
    ]
    if len(environments) < len(arns):
        absent, of = len(arns) - len(environments), number_of(len(arns), "compute environment")
        found = f"{absent} of the queue's {of} {verb(absent, 'is', 'are')} missing"
        findings.append(Finding(check="compute", state=State.PROBLEM, found=found, remedy="`sweep deploy`"))
    return findings


def _batch_finding(check: str, answer: Mapping[str, Any], name: str, kind: str, options: str) -> Finding:
    state, status, reason = answer["state"], answer.get("status", "VALID"), one_line(answer.get("statusReason", ""))
    found = f"{name} is {state} and {status}"
    if state == "ENABLED" and status == "VALID":
        return Finding(check=check, state=State.OK, found=found)
    if reason:
        found += f": {reason}"
    if status in ("CREATING", "UPDATING"):
        return Finding(check=check, state=State.WARNING, found=found, remedy="wait a minute, and try again")
    if state != "ENABLED":
        remedy = f"`aws batch update-{kind} --{kind} {name} --state ENABLED{options}`"
    else:
        remedy = "fix what the reason names, then `sweep deploy`; if it stays so, `sweep destroy` and `sweep deploy`"
    return Finding(check=check, state=State.PROBLEM, found=found, remedy=remedy)


def job_definition(clients: Clients, stack: str, definition: dict[str, Any]) -> list[Finding]:
    """Returns whether the stack has a job definition, and copies the latest one into the given dictionary."""
    pages = clients("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    arns = [
        resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Batch::JobDefinition"
    ]
    found = clients("batch").describe_job_definitions(jobDefinitions=arns)["jobDefinitions"] if arns else []
    active = [one for one in found if one["status"] == "ACTIVE"]
    if not active:
        remedy = "`sweep deploy` makes one; somebody deregistered it" if arns else "`sweep deploy`"
        none = "the stack has no ACTIVE job definition"
        return [Finding(check="job definition", state=State.PROBLEM, found=none, remedy=remedy)]
    definition.update(max(active, key=lambda one: one["revision"]))
    name = f"{definition['jobDefinitionName']}:{definition['revision']}"
    each = f"{name} is ACTIVE; {vcpus_of(definition)} vCPUs per trial"
    return [Finding(check="job definition", state=State.OK, found=each)]


def vcpus_of(definition: Mapping[str, Any]) -> int:
    """Returns the vCPUs of one job. The stack's job definition has a whole number."""
    requirements = definition["containerProperties"]["resourceRequirements"]
    return next(int(requirement["value"]) for requirement in requirements if requirement["type"] == "VCPU")


def image(clients: Clients, name: str) -> list[Finding]:
    """Returns whether an image of ECR is there. One elsewhere is not checked."""
    parts = ECR_IMAGE.fullmatch(name)
    if parts is None:
        found = f"{name or 'none'} is not in ECR, so it was not checked"
        remedy = f"`docker manifest inspect {name}` shows whether it can be pulled"
        return [Finding(check="image", state=State.WARNING, found=found, remedy=remedy)]
    asked_for = {"imageDigest": parts["digest"]} if parts["digest"] else {"imageTag": parts["tag"] or "latest"}
    ecr = clients("ecr")
    if parts["region"] != ecr.meta.region_name:
        found = f"{name} is in another region, so it was not checked"
        return [Finding(check="image", state=State.WARNING, found=found)]
    try:
        (details,) = ecr.describe_images(
            registryId=parts["account"], repositoryName=parts["repository"], imageIds=[asked_for]
        )["imageDetails"]
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        remedy = "every job would fail with CannotPullContainerError; `sweep deploy` builds and pushes it again"
        return [Finding(check="image", state=State.PROBLEM, found=f"{name} is not there", remedy=remedy)]
    size = f", {details['imageSizeInBytes'] / 1e9:.1f} GB" if details.get("imageSizeInBytes") else ""
    return [Finding(check="image", state=State.OK, found=f"{name} is there{size}")]
