"""Data left in an account that costs storage: objects, logs and images."""

from collections.abc import Iterable, Mapping
from typing import Any

from stepsweep.client.checks.findings import Clients, Finding, State, counted
from stepsweep.client.checks.ours import is_named, names_of
from stepsweep.contract.described import number_of
from stepsweep.stack_config import ECR_IMAGE

GB_USD = {"ecr": 0.10, "logs": 0.03}
"""USD per GB and month in us-east-1: https://aws.amazon.com/ecr/pricing, https://aws.amazon.com/cloudwatch/pricing"""


def buckets(clients: Clients, arns: Iterable[str], *, stack: str, options: str) -> list[Finding]:
    s3 = clients("s3")
    tagged = set(names_of(arns, "s3"))
    findings = []
    for name in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        if name not in tagged and not is_named(name, stack=stack):
            continue
        command = f"`aws s3 rb --force s3://{name}{options}` deletes it with all results in it"
        if s3.list_objects_v2(Bucket=name, MaxKeys=1).get("KeyCount"):
            found = f"{name} holds objects, and costs their storage"
            findings.append(Finding(check="buckets", state=State.PROBLEM, found=found, remedy=command))
        else:
            found = f"{name} is empty, and costs nothing"
            findings.append(Finding(check="buckets", state=State.WARNING, found=found, remedy=command))
    return findings


def log_groups(clients: Clients, arns: Iterable[str], *, stack: str, options: str) -> list[Finding]:
    tagged = {arn.split(":log-group:", 1)[1].removesuffix(":*") for arn in arns if ":log-group:" in arn}
    findings = []
    for page in clients("logs").get_paginator("describe_log_groups").paginate():
        for group in page["logGroups"]:
            name = group["logGroupName"]
            if name not in tagged and not is_named(name, stack=stack):
                continue
            size = group.get("storedBytes", 0)
            days = group.get("retentionInDays")
            until = "kept for ever" if days is None else f"kept for {number_of(days, 'day')}"
            costs = f"about {month_usd(size, 'logs')} a month" if size else "costs nothing"
            findings.append(
                Finding(
                    check="log groups",
                    state=State.PROBLEM if size else State.WARNING,
                    found=f"{name} holds {size:,} bytes, {until}: {costs}",
                    remedy=f"`aws logs delete-log-group --log-group-name {name}{options}`",
                )
            )
    return findings


def images(clients: Clients, definitions: Iterable[Mapping[str, Any]], *, options: str) -> list[Finding]:
    """Returns the images that CDK's bootstrap repository keeps; the job definitions show which were ours."""
    tags: dict[tuple[str, str], set[str]] = {}
    for definition in definitions:
        parts = ECR_IMAGE.fullmatch(definition.get("containerProperties", {}).get("image", ""))
        if parts and parts["tag"] and "container-assets" in parts["repository"]:
            tags.setdefault((parts["account"], parts["repository"]), set()).add(parts["tag"])
    ecr = clients("ecr")
    findings = []
    for (account, repository), ours in tags.items():
        try:
            pages = ecr.get_paginator("describe_images").paginate(registryId=account, repositoryName=repository)
            pushed = [one for page in pages for one in page["imageDetails"]]
        except ecr.exceptions.RepositoryNotFoundException:
            continue
        for image in pushed:
            for tag in sorted(ours & set(image.get("imageTags", []))):
                size = image.get("imageSizeInBytes", 0)
                found = f"{repository}:{tag}, {size / 1e9:.1f} GB, costs storage: {month_usd(size, 'ecr')} a month"
                command = f"aws ecr batch-delete-image --repository-name {repository} --image-ids imageTag={tag}"
                remedy = f"`{command}{options}`; CDK's bootstrap keeps images of stacks that are gone"
                findings.append(Finding(check="images", state=State.PROBLEM, found=found, remedy=remedy))
    if findings:
        return findings
    if not tags:
        return _unknown_images(ecr)
    return [Finding(check="images", state=State.OK, found="none of ours is in CDK's repository")]


def _unknown_images(ecr: Any) -> list[Finding]:
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


def month_usd(size: int, service: str) -> str:
    usd = size / 1e9 * GB_USD[service]
    return f"{usd:.2f} USD" if usd >= 0.005 else "less than 0.01 USD"
