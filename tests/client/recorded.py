"""An embedded cloud that is not up: its folder, with what planner, jobs and reducer write into it.

The planner and the reducer are the real ones, on files; a thousand trials are there in a second.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from local.objects import is_object, key_of, path_of
from statemachine.bucket import Bucket, as_json, from_json
from statemachine.planner import plan
from statemachine.reducer import LastLines, reduce
from sweep import keys
from sweep.cost import Rates
from sweep.metrics import to_csv
from sweep.spec import SweepSpec
from sweep.trial import Trial

BEGAN = 1_790_000_000_000
"""Milliseconds since 1970, when the first job began."""


class _Files:
    """A bucket as a folder, with the methods that planner and reducer use."""

    name = "bucket"

    def __init__(self, objects: Path) -> None:
        self._objects = objects

    def file(self, key: str) -> Path:
        return path_of(self._objects, self.name, key)

    def get(self, key: str, *, at_most: int | None = None) -> bytes | None:
        return self.file(key).read_bytes()[:at_most] if self.has(key) else None

    def get_json(self, key: str) -> Any:
        return from_json(self.file(key).read_bytes()) if self.has(key) else None

    def has(self, key: str) -> bool:
        return self.file(key).is_file()

    def names(self, prefix: str) -> Iterator[str]:
        folder = self.file(prefix.rstrip("/"))
        yield from (key_of(file, self._objects / self.name) for file in folder.rglob("*") if is_object(file))

    def put(self, key: str, data: bytes, _content_type: str = "") -> None:
        self.file(key).parent.mkdir(parents=True, exist_ok=True)
        self.file(key).write_bytes(data)

    def put_json(self, key: str, document: object) -> None:
        self.put(key, as_json(document))

    def put_json_once(self, key: str, document: object) -> bool:
        if is_new := not self.has(key):
            self.put_json(key, document)
        return is_new


class _NoLogs:
    def of(self, _stream: str) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCloud:
    directory: Path

    @property
    def files(self) -> _Files:
        return _Files(self.directory / "s3")

    @property
    def _bucket(self) -> Bucket:
        return cast(Bucket, self.files)

    def planned(self, name: str, parameters: Mapping[str, Any], *, epochs: int = 3, **others: Any) -> list[Trial]:
        """Plans a sweep as the state machine does; returns its trials."""
        spec = SweepSpec.from_json({"name": name, "parameters": parameters, "epochs": epochs, **others})
        rates = Rates(usd_per_hour=1.0, seconds_per_epoch=1.0)
        plan(self._bucket, spec, round_number=0, trainer_version="1", max_concurrency=10, rates=rates)
        document = self.files.get_json(keys.plan_key(name, 0))
        return [Trial.from_json(trial) for trial in document["trials"]]

    def succeeded(
        self, name: str, trial: Trial, columns: Mapping[str, Sequence[float]], *, began: int = 0, seconds: float = 2
    ) -> None:
        """Writes what a job that went well, and the state machine after it, write."""
        rows = [
            {"epoch": n, **dict(zip(columns, row, strict=True))}
            for n, row in enumerate(zip(*columns.values(), strict=True), 1)
        ]
        self.files.put(trial.metrics_key, to_csv(rows))
        attempts = [{"StartedAt": BEGAN + 1000 * began, "StoppedAt": BEGAN + int(1000 * (began + seconds))}]
        self._record(name, trial, {"status": "SUCCEEDED", "job": {"job_id": "1", "attempts": attempts}})

    def failed(self, name: str, trial: Trial, log: str, *, reason: str = "", began: int = 0) -> None:
        """Writes what is there of a trial whose job failed at its second attempt."""
        times = [{"StartedAt": BEGAN + 1000 * at, "StoppedAt": BEGAN + 1000 * at + 700} for at in (began, began + 1)]
        attempts = [{**each, "Container": {"ExitCode": 1, "Reason": reason}} for each in times]
        cause = json.dumps({"Attempts": attempts, "StatusReason": "Essential container in task exited"})
        self._record(name, trial, {"status": "FAILED", "failure": {"Error": "States.TaskFailed", "Cause": cause}})
        file = self.directory / "logs" / trial.trial_id / "job-2.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(log)

    def _record(self, name: str, trial: Trial, outcome: Mapping[str, Any]) -> None:
        self.files.put_json(keys.outcome_key(name, 0, trial.trial_id), {"trial_id": trial.trial_id, **outcome})

    def reduced(self, name: str) -> None:
        """Picks the winner as the state machine does."""
        logs = cast(LastLines, _NoLogs())
        reduce(self._bucket, logs, sweep=name, round_number=0, usd_per_hour=1.0, job_gpus=1)
