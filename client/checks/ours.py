"""Which resources of an account are stepsweep's.

Batch resources, and those that CloudFormation names, have no recognizable names, so they are known by their tag; those
that have lost it, by the name that CloudFormation chose.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from stepsweep.client.checks.findings import Clients
from stepsweep.contract.deployed import TAG


def arns_with_tag(clients: Clients) -> Iterator[str]:
    """Yields the resources that the tagging service lists. It may list deleted ones for some time."""
    pages = clients("resourcegroupstaggingapi").get_paginator("get_resources")
    for page in pages.paginate(TagFilters=[{"Key": TAG[0], "Values": [TAG[1]]}]):
        yield from (one["ResourceARN"] for one in page["ResourceTagMappingList"])


def names_of(arns: Iterable[str], service: str) -> list[str]:
    return [arn.rpartition(":")[2] for arn in arns if arn.split(":")[2] == service]


def tag_filter() -> list[dict[str, Any]]:
    return [{"Name": f"tag:{TAG[0]}", "Values": [TAG[1]]}]


def is_ours(name: str, tags: object, *, stack: str) -> bool:
    return (isinstance(tags, dict) and tags.get(TAG[0]) == TAG[1]) or is_named(name, stack=stack)


def is_named(name: str, *, stack: str) -> bool:
    """Whether CloudFormation chose this name for the stack: `Stepsweep-…`, `/aws/lambda/Stepsweep-…`."""
    return name.rpartition("/")[2].lower().startswith(f"{stack}-".lower())
