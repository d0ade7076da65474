"""An embedded cloud that is not up: its folder, with what planner, jobs and reducer write into it.

The planner and the reducer are the real ones, on files; a thousand trials are there in a second.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from stepsweep.bucket.folder import files_below, key_of, path_of
from stepsweep.bucket.job_logs import NoLastLines
from stepsweep.bucket.s3 import Bucket
from stepsweep.contract import keys
from stepsweep.contract.cost import Rates
from stepsweep.contract.means import StackJob
from stepsweep.contract.metrics import to_csv
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.statemachine.claims import Trainer
from stepsweep.statemachine.planner import plan
from stepsweep.statemachine.reducer import reduce
from tests.support.memory import tag_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXECUTION = "execution-1"

BEGAN = 1_790_000_000_000
"""Milliseconds since 1970, when the first job began."""


class _S3:
    """S3's client, as `Bucket` uses it, on a folder."""

    def __init__(self, objects: Path) -> None:
        self._objects = objects

    def get_object(self, **named: str) -> dict[str, Any]:
        data = self._there(named, code="NoSuchKey").read_bytes()
        return {"Body": io.BytesIO(data), "ETag": tag_of(data)}

    def head_object(self, **named: str) -> dict[str, Any]:
        self._there(named, code="404")
        return {}

    def put_object(self, **named: Any) -> dict[str, Any]:
        file = self._file(named)
        if named.get("IfNoneMatch") and file.is_file():
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        if named.get("IfMatch", there := tag_of(file.read_bytes()) if file.is_file() else "") != there:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(named["Body"])
        return {}

    def list_objects_v2(self, **named: Any) -> dict[str, Any]:
        home = self._objects / named["Bucket"]
        keys_there = sorted(key_of(file, home) for file in files_below(home))
        behind = [key for key in keys_there if key > named["StartAfter"]]
        page = behind[: named["MaxKeys"]]
        return {"Contents": [{"Key": key} for key in page], "IsTruncated": len(page) < len(behind)}

    def copy_object(self, **named: Any) -> dict[str, Any]:
        target = self._file(named)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self._there(named["CopySource"], code="NoSuchKey").read_bytes())
        return {}

    def get_paginator(self, _operation: str) -> "_Pages":
        return _Pages(self._objects)

    def _file(self, named: Mapping[str, str]) -> Path:
        return path_of(self._objects, named["Bucket"], named["Key"])

    def _there(self, named: Mapping[str, str], *, code: str) -> Path:
        if not (file := self._file(named)).is_file():
            raise ClientError({"Error": {"Code": code}}, "GetObject")
        return file


class _Pages:
    def __init__(self, objects: Path) -> None:
        self._objects = objects

    def paginate(self, **named: str) -> list[dict[str, Any]]:
        home = self._objects / named["Bucket"]
        sizes = {key_of(file, home): file.stat().st_size for file in files_below(home)}
        found = [{"Key": key, "Size": sizes[key]} for key in sorted(sizes) if key.startswith(named["Prefix"])]
        return [{"Contents": found}]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCloud:
    directory: Path

    @property
    def bucket(self) -> Bucket:
        return Bucket("bucket", cast("S3Client", _S3(self.directory / "s3")))

    def planned(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        epochs: int = 3,
        round_number: int = 0,
        execution: str = EXECUTION,
        started_at: datetime | None = None,
        **others: Any,
    ) -> list[Trial]:
        """Plans a round of a sweep, now or then, as the state machine does; returns all trials of the sweep so far."""
        spec = SweepSpec.from_json({"name": name, "parameters": parameters, "epochs": epochs, **others})
        rates = Rates(usd_per_hour=1.0, seconds_per_epoch=1.0)
        plan(
            self.bucket,
            spec,
            execution=execution,
            started_at=started_at or datetime.now(UTC),
            round_number=round_number,
            trainer=Trainer(version="1", name="mine"),
            max_concurrency=10,
            rates=rates,
            job=StackJob(),
        )
        document = self.bucket.get_json(keys.plan_key(name, round_number))
        return [Trial.from_json(trial) for trial in document["trials"]]

    def succeeded(
        self, name: str, trial: Trial, columns: Mapping[str, Sequence[float]], *, began: int = 0, seconds: float = 2
    ) -> None:
        """Writes what a job that went well, and the state machine after it, write."""
        rows = [
            {"epoch": n, **dict(zip(columns, row, strict=True))}
            for n, row in enumerate(zip(*columns.values(), strict=True), 1)
        ]
        self.bucket.put(trial.metrics_key, to_csv(rows), "text/csv")
        attempts = [{"StartedAt": BEGAN + 1000 * began, "StoppedAt": BEGAN + int(1000 * (began + seconds))}]
        self._record(name, trial, {"status": "SUCCEEDED", "job": {"job_id": "1", "attempts": attempts}})

    def left(self, trial: Trial, files: Mapping[str, str]) -> None:
        """Writes a trial's artifacts."""
        for file, text in files.items():
            self.bucket.put(trial.new_artifacts + file, text.encode(), "application/octet-stream")

    def failed(
        self, name: str, trial: Trial, log: str, *, reason: str = "", began: int = 0, execution: str = EXECUTION
    ) -> None:
        """Writes what is there of a trial whose job failed at its second attempt."""
        times = [{"StartedAt": BEGAN + 1000 * at, "StoppedAt": BEGAN + 1000 * at + 700} for at in (began, began + 1)]
        attempts = [{**each, "Container": {"ExitCode": 1, "Reason": reason}} for each in times]
        cause = json.dumps({"Attempts": attempts, "StatusReason": "Essential container in task exited"})
        failure = {"Error": "States.TaskFailed", "Cause": cause}
        self._record(name, trial, {"execution": execution, "status": "FAILED", "failure": failure})
        file = self.directory / "logs" / trial.trial_id / "job-2.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(log)

    def _record(self, name: str, trial: Trial, outcome: Mapping[str, Any]) -> None:
        self.bucket.put_json(
            keys.outcome_key(name, trial.round_number, trial.trial_id),
            {"schema": 1, "execution": EXECUTION, "trial_id": trial.trial_id, **outcome},
        )

    def reduced(self, name: str, *, round_number: int = 0) -> None:
        """Ends a round as the state machine does; the last one has a winner."""
        reduce(
            self.bucket,
            NoLastLines(),
            sweep=name,
            round_number=round_number,
            map_results={},
            usd_per_hour=1.0,
            job=StackJob(),
        )
