"""Whether the zones of the machines' subnets offer the machine types: elsewhere EC2 starts none."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stepsweep.client.checks.findings import NEVER, Clients, Finding, State


def zones_that_offer(ec2: Any, types: Sequence[str]) -> set[str]:
    """Returns the zones that offer one of the machine types.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html

    Raises:
        botocore's errors.
    """
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": list(types)}]
    )
    return {offer["Location"] for page in pages for offer in page["InstanceTypeOfferings"]}


def zones(clients: Clients, environments: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Returns in which zones of each environment a machine can start."""
    ec2 = clients("ec2")
    findings = []
    for one in environments:
        resources = one.get("computeResources", {})
        types = [name for name in resources.get("instanceTypes", []) if "." in name]  # not a family, such as g4dn
        if not types or not (subnets := resources.get("subnets", [])):
            continue
        mine = {subnet["AvailabilityZone"] for subnet in ec2.describe_subnets(SubnetIds=subnets)["Subnets"]}
        offering = zones_that_offer(ec2, types)
        name, wanted = one["computeEnvironmentName"], ", ".join(types)
        if both := sorted(mine & offering):
            found = f"{', '.join(both)} of {len(mine)} offer {wanted}"
            findings.append(Finding(check="zones", state=State.OK, found=f"{name}: {found}"))
            continue
        others = sorted(offering - mine)
        remedy = (
            f"`sweep deploy` with other -c instance_types, or with -c vpc_id and -c subnet_ids in {', '.join(others)}"
            if others
            else "`sweep deploy` with other -c instance_types, or in another region"
        )
        there = ", ".join(sorted(mine)) or "its subnets' zones"
        findings.append(
            Finding(
                check="zones",
                state=State.PROBLEM,
                found=f"{name}: none of {there} offers {wanted}: {NEVER}",
                remedy=remedy,
            )
        )
    return findings
