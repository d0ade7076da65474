"""What happens when a state fails: what is tried again, how, and what is caught."""

from typing import Any

from tests.proof.checks.check import Findings
from tests.proof.checks.requests import RESOURCE
from tests.proof.subject import Subject

PREFIXES = {"lambda": ("Lambda", "Runtime", "Sandbox"), "batch": ("Batch",), "s3": ("S3",)}
"""Of the names of a service's errors."""

RESERVED = frozenset(
    f"States.{name}"
    for name in (
        "ALL",
        "DataLimitExceeded",
        "ExceedToleratedFailureThreshold",
        "HeartbeatTimeout",
        "Http.Socket",
        "IntrinsicFailure",
        "ItemReaderFailed",
        "NoChoiceMatched",
        "ParameterPathFailure",
        "Permissions",
        "ResultPathMatchFailure",
        "ResultWriterFailed",
        "Runtime",
        "TaskFailed",
        "Timeout",
    )
)
"""https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""

PASSING = {
    "lambda": {
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Runtime.OutOfMemory",
        "Sandbox.Timedout",
    },
    "batch": {
        "Batch.TooManyRequestsException",
        "Batch.ServerException",
        "Batch.AWSBatchException",
        "Batch.SdkClientException",
    },
    "s3": {"S3.S3Exception", "S3.SdkClientException"},
}
"""What passes when it is asked again: a service that is asked too often, as trials ask at the same time, or that fails.

Lambda's: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""


def findings(subject: Subject) -> Findings:
    for name, state, _ in subject.states():
        service = _service(state)
        for kind in ("Retry", "Catch"):
            yield from (f"{name}.{kind}: {fault}" for fault in _faults_of_names(state.get(kind, []), service))
        for retrier in state.get("Retry", []):
            yield from (f"{name}.Retry: {fault}" for fault in _faults_of_retrier(retrier))
            if service == "batch" and _longest_wait(retrier) < SUBMISSIONS_SECONDS:
                yield f"{name}.Retry: gives up before Batch has taken 10,000 submissions"
        if service:
            retried = {error for retrier in state.get("Retry", []) for error in retrier["ErrorEquals"]}
            yield from (f"{name}: does not try again after {error}" for error in sorted(PASSING[service] - retried))
            if state["Resource"].endswith(".sync") and retried & {"States.ALL", "States.TaskFailed", "States.Timeout"}:
                yield f"{name}: would start a new job after one that failed, on top of Batch's own attempts"


SUBMISSIONS_SECONDS = 10_000 / 5
"""For all trials of the largest sweep at a tenth of Batch's 50 submissions per second, which an account shares."""


def _service(state: dict[str, Any]) -> str | None:
    found = RESOURCE.fullmatch(state.get("Resource", ""))
    return found["service"] if found else None


def _faults_of_names(handlers: list[dict[str, Any]], service: str | None) -> Findings:
    seen: set[str] = set()
    for number, handler in enumerate(handlers):
        names = handler["ErrorEquals"]
        if "States.ALL" in names and (len(names) > 1 or number < len(handlers) - 1):
            yield "States.ALL must stand alone, and last"
        for error in names:
            prefix = error.partition(".")[0]
            if prefix == "States" and error not in RESERVED:
                yield f"there is no error {error}"
            if prefix != "States" and service and prefix not in PREFIXES[service]:
                yield f"{error} is no error of {service}"
            if error in seen:
                yield f"{error} is handled already"
            seen.add(error)


def _faults_of_retrier(retrier: dict[str, Any]) -> Findings:
    interval, longest = retrier.get("IntervalSeconds", 1), retrier.get("MaxDelaySeconds")
    rate, attempts = retrier.get("BackoffRate", 2.0), retrier.get("MaxAttempts", 3)
    if longest is None or longest <= interval:
        yield f"MaxDelaySeconds must be above IntervalSeconds ({interval}), is {longest}"
    if rate <= 1:
        yield f"BackoffRate {rate} does not back off"
    if attempts < 1:
        yield "MaxAttempts 0 tries nothing again"
    if retrier.get("JitterStrategy") != "FULL":
        yield "without jitter all trials come back at the same moment"
    if _longest_wait(retrier) < 30:
        yield "gives up within 30 seconds, which a service that throttles may need"


def _longest_wait(retrier: dict[str, Any]) -> float:
    """Returns the seconds until the last try, without jitter."""
    interval, longest = retrier.get("IntervalSeconds", 1), retrier.get("MaxDelaySeconds") or 1e9
    rate, attempts = retrier.get("BackoffRate", 2.0), retrier.get("MaxAttempts", 3)
    return float(sum(min(interval * rate**number, longest) for number in range(attempts)))
