"""The attempts of jobs, from recorded outcomes: when each one ran, and how long."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stepsweep.contract.cost import moment
from stepsweep.contract.job_outcome import JobOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a job on a machine, by Batch's clock.

    Attributes:
        number: counts the job's attempts, from 1.
        started, stopped: milliseconds since 1970.
        went_well: whether it is the last attempt of a job that succeeded.
        rung: for which it trained; None if others of its params still train for it, or it is not known.
    """

    trial_id: str
    number: int
    started: int
    stopped: int
    went_well: bool
    rung: int | None = None


def attempts_of(outcome: JobOutcome, rung: int | None = None) -> Iterator[Attempt]:
    """Yields the attempts of a job that ran; skips malformed descriptions."""
    for number, attempt in enumerate(outcome.attempts, start=1):
        started, stopped = moment(attempt.get("StartedAt")), moment(attempt.get("StoppedAt"))
        if started is not None and stopped is not None and 0 < started <= stopped:
            yield Attempt(
                trial_id=outcome.trial_id,
                number=number,
                started=started,
                stopped=stopped,
                went_well=outcome.succeeded and number == len(outcome.attempts),
                rung=rung,
            )


def spent_seconds(outcomes: Iterable[JobOutcome]) -> float:
    """Returns how long jobs ran, by Batch's clock, also those of earlier executions."""
    return sum(sum(outcome.seconds_of.values()) for outcome in outcomes)
