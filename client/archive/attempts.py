"""The attempts of jobs, as recorded outcomes describe them: when each ran, and how long."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stepsweep.bucket.s3 import from_json
from stepsweep.contract.cost import job_seconds
from stepsweep.contract.trial import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a job on a machine, by Batch's own clock.

    Attributes:
        number: of the job's attempts, from 1.
        started, stopped: milliseconds since 1970.
        went_well: whether it is the last of a job that succeeded.
    """

    trial_id: str
    number: int
    started: int
    stopped: int
    went_well: bool


def attempts_of(trial_id: str, outcome: object) -> Iterator[Attempt]:
    """Yields the attempts that an outcome tells of; of a description that is not Batch's none."""
    found = _attempts(outcome)
    well = isinstance(outcome, dict) and outcome.get("status") == Status.SUCCEEDED
    for number, attempt in enumerate(found, start=1):
        started, stopped = attempt.get("StartedAt"), attempt.get("StoppedAt")
        if isinstance(started, int) and isinstance(stopped, int) and 0 < started <= stopped:
            yield Attempt(
                trial_id=trial_id,
                number=number,
                started=started,
                stopped=stopped,
                went_well=well and number == len(found),
            )


def spent_seconds(outcomes: Sequence[tuple[str, object]]) -> float:
    """Returns what the jobs took whose outcomes these are, by Batch's own clock."""
    return sum(job_seconds(_attempts(outcome)) for _, outcome in outcomes)


def _attempts(outcome: object) -> list[dict[str, Any]]:
    """Returns Batch's description of a job's attempts: of one that went well, or within the cause of a failure."""
    found: object = None
    match outcome:
        case {"job": {"attempts": [*attempts]}}:
            found = attempts
        case {"failure": {"Cause": str(cause)}}:
            try:
                job = from_json(cause)
            except ValueError:
                return []
            found = job.get("Attempts") if isinstance(job, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
