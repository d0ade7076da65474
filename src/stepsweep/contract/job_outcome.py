"""Decodes the state machine's record of how a trial's job ended.

The record is `{"schema": 1, "execution": …, "trial_id": …, "status": "SUCCEEDED", "job": {"job_id": …, "attempts": …}}`
or `{…, "status": "FAILED", "failure": {"Error": …, "Cause": …}}`, with `"earlier"` if it replaces other records of the
trial. The cause of a failed job is Batch's description of
it, as JSON. The reader is strict about schema, names and status, which are ours. It skips malformed parts of the rest,
which is AWS's: the cost of a job must not decide whether a sweep has a winner.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from stepsweep.contract.cost import job_seconds
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.jobs import ENDED_WITH_THE_SEARCH
from stepsweep.contract.reading import Fields
from stepsweep.contract.trial import Status

SCHEMA = 1

CONTAINER_EXITED = "Essential container in task exited"
"""Batch's reason whenever a container ends; the exit code says more."""


KILLED = 137
"""128 plus the number of SIGKILL. A kernel that is short of memory sends it, and nothing then says why."""

OUT_OF_MEMORY = "OutOfMemoryError"
"""How the reason of a container begins that was killed at its limit."""


def begun(
    trial_id: str, status: Status, *, execution: str, earlier: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Returns the part of the record that is known in advance; see `JobOutcome`."""
    known = {"schema": SCHEMA, "execution": execution, "trial_id": trial_id, "status": status.value}
    return {**known, **({"earlier": dict(earlier)} if earlier else {})}


def earlier_of(fields: Fields) -> dict[str, float]:
    """Reads what `begun` wrote of earlier jobs."""
    return fields.amounts("earlier") if fields.has("earlier") else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """How one trial's job ended.

    Attributes:
        succeeded: whether the job succeeded; the metrics decide whether the trial did.
        reason: why it failed; empty if it succeeded.
        attempts: Batch's descriptions, oldest first, with field names in upper camel case.
        execution: name of the execution that ran the job.
        was_ended: whether the sweep ended the job, because a rule had stopped the search.
        earlier: execution → seconds that the trial's job ran in it, if its record was replaced by this one.
    """

    execution: str
    trial_id: str
    succeeded: bool
    reason: str
    attempts: tuple[Mapping[str, Any], ...]
    was_ended: bool = False
    earlier: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        """Reads a record. Raises InvalidDocument if schema, a name or status are wrong, or a failure is missing."""
        fields = Fields(data, where)
        fields.schema(SCHEMA)
        execution, trial_id, earlier = fields.text("execution"), fields.text("trial_id"), earlier_of(fields)
        match fields.text("status"):
            case Status.SUCCEEDED:
                job = data.get("job") if isinstance(data, dict) else None
                attempts = _attempts(job.get("attempts")) if isinstance(job, dict) else ()
                return cls(
                    execution=execution,
                    trial_id=trial_id,
                    succeeded=True,
                    reason="",
                    attempts=attempts,
                    earlier=earlier,
                )
            case Status.FAILED:
                failure = fields.raw("failure")
                if not isinstance(failure, dict):
                    raise InvalidDocument(f"{where}: failure must be an object")
                job = _failed_job(failure)
                return cls(
                    execution=execution,
                    trial_id=trial_id,
                    succeeded=False,
                    reason=_reason(failure, job),
                    attempts=_attempts(job.get("Attempts")) if job else (),
                    was_ended=_was_ended(job),
                    earlier=earlier,
                )
            case other:
                raise InvalidDocument(f'{where}: status must be "SUCCEEDED" or "FAILED", got {other!r}')

    @classmethod
    def never_started(
        cls, trial_id: str, reason: str, *, execution: str, earlier: Mapping[str, float] | None = None
    ) -> Self:
        """Returns the outcome of a trial whose job no machine took."""
        return cls(
            execution=execution, trial_id=trial_id, succeeded=False, reason=reason, attempts=(), earlier=earlier or {}
        )

    @classmethod
    def ended_with(cls, trial_id: str, ended_by: str, *, execution: str) -> Self:
        """Returns the outcome of a trial that no worker had taken up when a rule ended the search."""
        reason = f"{ENDED_WITH_THE_SEARCH}{ended_by}"
        return cls(execution=execution, trial_id=trial_id, succeeded=False, reason=reason, attempts=(), was_ended=True)

    @property
    def job_seconds(self) -> float:
        """How long the attempts ran, by Batch's clock."""
        return job_seconds(self.attempts)

    @property
    def seconds_of(self) -> dict[str, float]:
        """How long each job of the trial ran that has run, by its execution: there is one in each."""
        return {
            name: seconds for name, seconds in {**self.earlier, self.execution: self.job_seconds}.items() if seconds
        }

    def before(self, execution: str) -> dict[str, float]:
        """Returns what an execution's own record of the trial has to carry on; the same if it is there already."""
        return {name: seconds for name, seconds in self.seconds_of.items() if name != execution}

    @property
    def last_log_stream(self) -> str | None:
        """The log stream of the last attempt; None if it has none."""
        name = _object(self.attempts[-1].get("Container")).get("LogStreamName") if self.attempts else None
        return name if isinstance(name, str) and name else None

    @property
    def log_streams(self) -> list[str]:
        """The log streams of all attempts that have one, oldest first."""
        names = (_object(attempt.get("Container")).get("LogStreamName") for attempt in self.attempts)
        return [name for name in names if isinstance(name, str) and name]


def _attempts(found: object) -> tuple[Mapping[str, Any], ...]:
    return tuple(each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def _failed_job(failure: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns Batch's description of the failed job; None if something else failed."""
    try:
        job = json.loads(str(failure.get("Cause", "")))
    except (ValueError, RecursionError):
        return None
    return job if isinstance(job, dict) else None


def _was_ended(job: Mapping[str, Any] | None) -> bool:
    return job is not None and str(job.get("StatusReason", "")).startswith(ENDED_WITH_THE_SEARCH)


def _reason(failure: Mapping[str, Any], job: Mapping[str, Any] | None) -> str:
    if job is None:
        return ": ".join(filter(None, (str(failure.get("Error", "unknown error")), str(failure.get("Cause", "")))))
    if _was_ended(job):
        return str(job["StatusReason"])
    attempts = job.get("Attempts")
    last = _object(attempts[-1]) if isinstance(attempts, list) and attempts else {}
    container = _object(last.get("Container"))
    # The container's reason is more precise than the job's: out of memory, an image that cannot be pulled.
    why = container.get("Reason") or job.get("StatusReason") or last.get("StatusReason")
    said = []
    if (exit_code := container.get("ExitCode")) is not None:
        said.append(f"exit code {exit_code}")
    if exit_code == KILLED and why in (None, "", CONTAINER_EXITED):
        said.append("killed, most likely for memory")
    if why and not (said and why == CONTAINER_EXITED):
        said.append(f"{why}{_memory(job, str(why))}")
    if isinstance(attempts, list) and len(attempts) > 1:
        said.append(f"attempt {len(attempts)}")
    return ", ".join(said) or "its job failed"


def _memory(job: Mapping[str, Any], why: str) -> str:
    """Returns the limit that a job was killed at, which Batch does not mention; empty for other reasons."""
    needs = _object(job.get("Container")).get("ResourceRequirements")
    for each in needs if why.startswith(OUT_OF_MEMORY) and isinstance(needs, list) else ():
        value = _object(each).get("Value")
        if _object(each).get("Type") == "MEMORY" and isinstance(value, str) and value.isdecimal() and len(value) < 10:
            return f" (killed at its {int(value):,} MiB)"
    return ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
