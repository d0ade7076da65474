"""How a trial ended: its metrics decide, and what was recorded of its job says why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsweep.bucket.s3 import Readable, from_json
from stepsweep.contract.cost import job_seconds
from stepsweep.contract.errors import InvalidMetrics
from stepsweep.contract.metrics import MAX_BYTES, Objective, parse_csv
from stepsweep.contract.ranking import Result
from stepsweep.contract.trial import Outcome, Status, Trial, one_line

CONTAINER_EXITED = "Essential container in task exited"
"""What Batch gives as the reason whenever a container ended; the exit code says more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the bucket says of one trial.

    Attributes:
        log_stream: of its job's last attempt, where the job failed.
        job_seconds: how long the attempts of its job ran, in this sweep.
    """

    result: Result
    log_stream: str | None = None
    job_seconds: float = 0.0


def read_result(bucket: Readable, trial: Trial, objective: Objective, *, outcome: Mapping[str, Any] | None) -> Read:
    """Returns how one trial ended. Its metrics decide; what was recorded of its job says why there are none.

    Args:
        outcome: what the state machine recorded; None where it recorded nothing.
    """
    data = bucket.get(trial.metrics_key, at_most=MAX_BYTES + 1)
    if data is None:
        return _without_metrics(trial, outcome)
    seconds = job_seconds(as_object((outcome or {}).get("job")).get("attempts"))
    try:
        metrics = parse_csv(data, max_epochs=trial.epochs)
        value, epoch = metrics.best(objective)
    except InvalidMetrics as error:
        return Read(result=_ended(trial, Status.INVALID, str(error)), job_seconds=seconds)
    succeeded = Outcome(trial_id=trial.trial_id, status=Status.SUCCEEDED)
    result = Result(trial=trial, outcome=succeeded, value=value, epoch=epoch, epochs_trained=metrics.epochs)
    return Read(result=result, job_seconds=seconds)


def _without_metrics(trial: Trial, outcome: Mapping[str, Any] | None) -> Read:
    match outcome:
        case None:
            return Read(result=_ended(trial, Status.MISSING, "nothing was recorded of it"))
        case {"status": Status.SUCCEEDED}:
            reason = f"its job ended well but did not write {trial.metrics_key}"
            seconds = job_seconds(as_object(outcome.get("job")).get("attempts"))
            return Read(result=_ended(trial, Status.MISSING, reason), job_seconds=seconds)
        case {"status": Status.FAILED, "failure": dict(failure)}:
            reason, stream = failure_reason(failure)
            result = _ended(trial, Status.FAILED, reason)
            return Read(
                result=result, log_stream=stream, job_seconds=job_seconds((failed_job(failure) or {}).get("Attempts"))
            )
        case _:
            return Read(result=_ended(trial, Status.FAILED, "what was recorded of it cannot be read"))


def _ended(trial: Trial, status: Status, reason: str) -> Result:
    return Result(trial=trial, outcome=Outcome(trial_id=trial.trial_id, status=status, reason=one_line(reason)))


def failure_reason(failure: Mapping[str, Any]) -> tuple[str, str | None]:
    """Returns why a job failed, and the name of its last attempt's log stream where it has one.

    Args:
        failure: what Step Functions caught, `{"Error": name, "Cause": a text, or the job's description as JSON}`.
    """
    job = failed_job(failure)
    if job is None:
        error_and_cause = (str(failure.get("Error", "unknown error")), str(failure.get("Cause", "")))
        return ": ".join(filter(None, error_and_cause)), None
    attempts = job.get("Attempts")
    last = as_object(attempts[-1]) if isinstance(attempts, list) and attempts else {}
    container = as_object(last.get("Container"))
    # The container's reason names what the job's own hides: out of memory, an image that cannot be pulled.
    why = container.get("Reason") or job.get("StatusReason") or last.get("StatusReason")
    said = []
    if (exit_code := container.get("ExitCode")) is not None:
        said.append(f"exit code {exit_code}")
    if why and not (said and why == CONTAINER_EXITED):
        said.append(str(why))
    if isinstance(attempts, list) and len(attempts) > 1:
        said.append(f"attempt {len(attempts)}")
    stream = container.get("LogStreamName")
    return ", ".join(said) or "its job failed", stream if isinstance(stream, str) else None


def failed_job(failure: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the description of the job that failed; None where it was no job that did."""
    try:
        job = from_json(str(failure.get("Cause", "")))
    except ValueError:
        return None
    return job if isinstance(job, dict) else None


def as_object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
