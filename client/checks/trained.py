"""Asks the services for what a trial has left in a deployed stack: its log, the GPU that it found, its metrics."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from stepsweep.bucket.s3 import from_json
from stepsweep.client.checks import seen
from stepsweep.client.checks.findings import Finding, State
from stepsweep.client.deployment import Deployment, is_denied
from stepsweep.contract import keys
from stepsweep.contract.described import number_of
from stepsweep.contract.trial import Trial

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

PRECONDITION_FAILED = "PreconditionFailed"


def log(deployment: Deployment, job: "JobDetailTypeDef") -> list[Finding]:
    """Returns whether the log of a job's last attempt can be read."""
    stream = job.get("container", {}).get("logStreamName")
    if not stream:
        return [Finding(check="log", state=State.PROBLEM, found="Batch names no log stream of the job")]
    answer = deployment.logs.get_log_events(logGroupName=deployment.log_group, logStreamName=stream, startFromHead=True)
    found = f"read {number_of(len(answer['events']), 'line')} of the last attempt"
    return [Finding(check="log", state=State.OK if answer["events"] else State.UNKNOWN, found=found)]


def driver(deployment: Deployment, trial: Trial, *, gpus: int | None) -> Finding:
    """Returns whether the trial found a GPU, by its summary.

    Args:
        gpus: those that the sweep asks for; None for the deployment's.
    """
    data = deployment.store.get(keys.summary_key(trial.trial_id, trial.epochs), at_most=1_000_000)
    try:
        summary = None if data is None else from_json(data)
    except ValueError:
        summary = None
    return seen.driver(summary, gpus=deployment.job.gpus if gpus is None else gpus)


def replaced(deployment: Deployment, trial: Trial) -> list[Finding]:
    """Tries to write metrics that are there, with their own bytes, so that nothing changes if it succeeds."""
    data = deployment.store.get(trial.metrics_key) or b""
    conditional = _put(deployment, trial.metrics_key, data, if_missing=True)
    plain = _put(deployment, trial.metrics_key, data, if_missing=False)
    if conditional == "AccessDenied":  # then the second answer says nothing about the condition
        why = "these credentials may not s3:PutObject"
        return [seen.not_checked("conditional write", why), seen.not_checked("unconditional write", why)]
    return [
        Finding(
            check=check,
            state=State.OK if answer == expected else State.PROBLEM,
            found=f"of metrics that are there: {answer or 'was accepted'}",
        )
        for check, answer, expected in (
            ("conditional write", conditional, PRECONDITION_FAILED),
            ("unconditional write", plain, "AccessDenied"),
        )
    ]


def _put(deployment: Deployment, key: str, data: bytes, *, if_missing: bool) -> str:
    """Returns S3's error code, or an empty text if it accepts the object."""
    s3, bucket = deployment.s3, deployment.bucket
    try:
        if if_missing:
            s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType="text/csv", IfNoneMatch="*")
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType="text/csv")
    except ClientError as error:
        return "AccessDenied" if is_denied(error) else error.response["Error"]["Code"]
    return ""
