"""Explains in plain words why jobs wait."""

from stepsweep.client.checks.aws import remedy_of

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
