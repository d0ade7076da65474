"""Why jobs wait for a machine: what Batch says of those of a queue, and what that means in plain words."""

from collections import Counter

from stepsweep.bucket.sweep_jobs import ON_MACHINES
from stepsweep.client.checks.findings import Clients, Finding, State, one_line
from stepsweep.contract.described import verb

PLAIN = {
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": "AWS has no machine of this kind free at the moment",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": "a job needs more vCPUs than the stack may use at all",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": "no instance type of the stack is large enough for a job",
    "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS": "Batch's service role may not start machines",
}
"""Codes with which Batch begins its reason for the job at the head of a queue:
https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html"""

NO_REASON = (
    "no trial has started for {minutes} minutes, and Batch does not say why. A new account's GPU quota is 0: look in "
    "Service Quotas, EC2, at “Running On-Demand G and VT instances” (L-DB2E81BA); `sweep doctor --on aws` looks further"
)

LONG_SECONDS = 900
"""A wait that is suspicious: a GPU machine usually starts, and pulls the image, in about five minutes."""


def waiting_jobs(clients: Clients, queue: str, by_hand: str, *, now: float) -> list[Finding]:
    """Returns why the jobs of a queue wait. Those of the queue by hand use the same machines."""
    batch = clients("batch")
    pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus="RUNNABLE")
    jobs = [job for page in pages for job in page["jobSummaryList"]]
    late = [job for job in jobs if now - job.get("createdAt", 0) / 1000 > LONG_SECONDS]
    reasons = Counter(one_line(job.get("statusReason", "")) for job in late)
    runs = any(
        batch.list_jobs(jobQueue=name, jobStatus=status, maxResults=1)["jobSummaryList"]
        for name in (queue, by_hand)
        for status in ON_MACHINES
    )
    if not late or (runs and set(reasons) == {""}):
        turn = ", until others have finished" if late else ""
        found = f"{len(jobs):,} {verb(len(jobs), 'waits', 'wait')} for a machine{turn}" if jobs else "none"
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


def why_jobs_wait(reason: str) -> str:
    """Returns an explanation of Batch's reason, and what to do.

    Args:
        reason: a job's `statusReason`.
    """
    reason = " ".join(reason.split())
    for code, plain in PLAIN.items():
        if reason.startswith(code):
            remedy = (
                remedy_of(reason) if code != "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS" else "`sweep deploy` again"
            )
            return f"jobs wait: {plain} ({reason}); {remedy}"
    return f"jobs wait: {reason}; `sweep doctor --on aws` looks further"


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
