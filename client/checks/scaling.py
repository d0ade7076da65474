"""Why Batch's machines do not start, as EC2 tells the Auto Scaling groups of the compute environments.

Batch itself gives no reason for a job that waits because the account's quota is 0.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from stepsweep.client.checks.findings import Clients, Finding, State, one_line

RECENT_SECONDS = 3600
ACTIVITIES = 20

REMEDIES = {
    "vCPU": "ask for a larger quota: the check of the quota, above, has the command",
    "Max spot instance count": "ask for a larger quota: the check of the quota, above, has the command",
    "capacity": "wait, or `sweep deploy` with more -c instance_types, or use another region",
    "not supported": "`sweep deploy` with other -c instance_types, or with subnets in zones that have these",
    "KMS": "the key that encrypts EBS volumes by default must allow the role AWSServiceRoleForAutoScaling",
}
"""Parts of EC2's messages → what to do."""


def why_machines_do_not_start(
    clients: Clients, environments: Iterable[Mapping[str, Any]], *, now: float
) -> list[Finding]:
    """Returns EC2's reasons of the last hour, most frequent first; nothing if it started all machines, or none was
    wanted. Batch names an environment's groups after it."""
    autoscaling = clients("autoscaling")
    names = tuple(f"{one['computeEnvironmentName']}-" for one in environments)
    pages = autoscaling.get_paginator("describe_auto_scaling_groups").paginate()
    groups = [one["AutoScalingGroupName"] for page in pages for one in page["AutoScalingGroups"]]
    reasons = Counter(
        one_line(activity.get("StatusMessage", "no reason given"))
        for group in groups
        if group.startswith(names)
        for activity in autoscaling.describe_scaling_activities(AutoScalingGroupName=group, MaxRecords=ACTIVITIES)[
            "Activities"
        ]
        if activity["StatusCode"] == "Failed" and now - activity["StartTime"].timestamp() < RECENT_SECONDS
    )
    return [
        Finding(
            check="machines",
            state=State.WARNING,
            found=f"{number:,} could not be started in the last hour: {reason}",
            remedy=next(
                (remedy for part, remedy in REMEDIES.items() if part in reason),
                "https://docs.aws.amazon.com/autoscaling/ec2/userguide/CHAP_Troubleshooting.html",
            ),
        )
        for reason, number in reasons.most_common()
    ]


def machine_images(environments: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Returns whether the environments' machine images are Batch's latest; nothing where Batch does not say.

    https://docs.aws.amazon.com/batch/latest/userguide/managing-ami-versions.html
    """
    findings = []
    for one in environments:
        configured = one.get("computeResources", {}).get("ec2Configuration", [])
        if any(image.get("batchImageStatus") == "UPDATE_AVAILABLE" for image in configured):
            name = one["computeEnvironmentName"]
            findings.append(
                Finding(
                    check="machine image",
                    state=State.WARNING,
                    found=f"{name} starts machines with an older image and GPU driver than Batch has",
                    remedy="a deploy that changes the machines takes the latest, such as another -c instance_types",
                )
            )
    return findings
