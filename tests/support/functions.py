"""What a sweep finds in the cloud, put there by tests, and the functions called as Lambda calls them."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from stepsweep.bucket.s3 import Bucket, for_all
from stepsweep.contract import keys
from stepsweep.contract.jobs import TRAINING_ENDED
from stepsweep.contract.metrics import to_csv
from stepsweep.contract.trial import Trial
from stepsweep.statemachine import planner, reducer, sampler

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client


STARTED = "2026-11-23T05:30:12.345000+00:00"
"""When an execution started, as moto and AWS write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A bucket and a log group of one test's own, and the functions that work on them."""

    bucket: Bucket
    s3: "S3Client"
    logs: "CloudWatchLogsClient"
    log_group: str
    monkeypatch: pytest.MonkeyPatch

    def plan(self, sweep_input: Any, *, execution: str = "execution-1", round_number: int = 0) -> dict[str, Any]:
        event = {"input": sweep_input, "execution": execution, "started": STARTED, "round": round_number}
        return as_lambda_does(planner.handler, event)

    def reduce(
        self, sweep: str = "s", round_number: int = 0, *, map_results: Any = None, **more: Any
    ) -> dict[str, Any]:
        ended = {"Error": TRAINING_ENDED, "Cause": json.dumps(map_results)} if map_results else {}
        more = {
            "execution": "execution-1",
            "ended": ended,
            "started": "2026-01-01T00:00:00Z",
            "entered": "2026-01-01T01:00:00+00:00",
            **more,
        }
        return as_lambda_does(reducer.handler, {"sweep": sweep, "round": round_number, "leg": None, **more})

    def sample(self, sweep: str, round_number: int) -> dict[str, Any]:
        return as_lambda_does(sampler.handler, {"sweep": sweep, "round": round_number})

    def planned(self, *, sweep: str = "s", epochs: int = 3, **fields: Any) -> list[Trial]:
        """Plans a sweep, and returns its trials."""
        answer = self.plan({"parameters": {"lr": [0.1, 0.01, 0.001]}, "name": sweep, "epochs": epochs, **fields})
        assert "fault" not in answer
        return self.trials(sweep)

    def trials(self, sweep: str, round_number: int = 0) -> list[Trial]:
        return [Trial.from_json(trial) for trial in self.bucket.get_json(keys.plan_key(sweep, round_number))["trials"]]

    def trained(self, trial: Trial, *accuracies: float) -> None:
        """Puts what a trial that went well leaves behind, an accuracy an epoch."""
        rows = [{"epoch": n, "val_accuracy": accuracy} for n, accuracy in enumerate(accuracies, start=1)]
        self.bucket.put(trial.metrics_key, to_csv(rows), "text/csv")

    def left(self, trial: Trial, **files: str) -> None:
        """Puts artifacts of a trial, by names without their `.pt`."""
        for name, text in files.items():
            self.bucket.put(f"{trial.new_artifacts}{name}.pt", text.encode(), "application/octet-stream")

    def recorded(self, trial: Trial, outcome: Mapping[str, Any] | bytes, *, sweep: str = "s") -> None:
        """Puts what the state machine records of a trial."""
        data = (
            outcome
            if isinstance(outcome, bytes)
            else json.dumps({"schema": 1, "execution": "execution-1", **outcome}).encode()
        )
        self.bucket.put(keys.outcome_key(sweep, trial.round_number, trial.trial_id), data, "application/json")

    def failed(self, trial: Trial, cause: str, *, error: str = "States.TaskFailed") -> None:
        failure = {"Error": error, "Cause": cause}
        self.recorded(trial, {"trial_id": trial.trial_id, "status": "FAILED", "failure": failure})

    def printed(self, stream: str, *lines: str) -> None:
        """Puts what a job printed into the log group of the jobs."""
        self.logs.create_log_stream(logGroupName=self.log_group, logStreamName=stream)
        now = int(time.time() * 1000)  # CloudWatch drops what is older than two weeks
        if lines:
            self.logs.put_log_events(
                logGroupName=self.log_group,
                logStreamName=stream,
                logEvents=[{"timestamp": now, "message": line} for line in lines],
            )

    @contextmanager
    def just_before(self, request: str, key: str, do: Callable[[], object]) -> Iterator[None]:
        """Does something once, when a function is about to send such a request for such a key."""
        event, left = f"before-call.s3.{request}", [do]

        def meanwhile(params: Mapping[str, Any], **_: object) -> None:
            if left and params["url_path"].endswith(f"/{key}"):
                left.pop()()

        self.s3.meta.events.register(event, meanwhile)
        try:
            yield
        finally:
            self.s3.meta.events.unregister(event, meanwhile)
        assert not left, f"no {request} for {key}"

    def objects(self) -> dict[str, bytes]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.name)
        names = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return dict(zip(names, for_all(lambda name: self.bucket.get(name) or b"", names), strict=True))


def as_lambda_does(handler: Any, event: dict[str, Any]) -> dict[str, Any]:
    """Calls a function with JSON, and takes JSON from it."""
    answer: dict[str, Any] = json.loads(json.dumps(handler(json.loads(json.dumps(event)), None), allow_nan=False))
    return answer


def job_description(
    *,
    exit_code: int | None = None,
    container_reason: str | None = None,
    status_reason: str | None = "Essential container in task exited",
    stream: str | None = None,
    attempts: int = 1,
) -> str:
    """Returns a failed job as Step Functions hands it on: a text of JSON with Batch's names in upper camel case."""
    container: dict[str, Any] = {"ExitCode": exit_code, "Reason": container_reason, "LogStreamName": stream}
    container = {name: value for name, value in container.items() if value is not None}
    earlier = {"Container": {"LogStreamName": "earlier"}, "StatusReason": "Host EC2 (instance i-0abc) terminated."}
    last = {"Container": container, "StatusReason": "Essential container in task exited"}
    described: dict[str, Sequence[Any] | Mapping[str, Any] | str | None] = {
        "Attempts": [*[earlier] * (attempts - 1), *([last] if attempts else [])],
        "Container": {"Command": ["--lr", "0.1"], **container},
        "JobId": "6a1ff7b8-0000-4000-8000-000000000000",
        "Status": "FAILED",
        "StatusReason": status_reason,
    }
    return json.dumps(described)


# The functions' environment in these tests: 6 s an epoch, 0.5 USD an hour, one GPU a job.
HOUR_MS = 3_600_000


def attempts(*hours: float) -> list[dict[str, int]]:
    return [{"StartedAt": 1_000, "StoppedAt": 1_000 + int(length * HOUR_MS)} for length in hours]


def succeeded(cloud: Cloud, trial: Trial, *hours: float) -> None:
    job = {"job_id": "j", "attempts": attempts(*hours)}
    cloud.recorded(trial, {"trial_id": trial.trial_id, "status": "SUCCEEDED", "job": job})


SPEC: dict[str, Any] = {"parameters": {"lr": [0.1, 0.01], "momentum": [0.5, 0.9]}, "epochs": 3, "name": "s"}
