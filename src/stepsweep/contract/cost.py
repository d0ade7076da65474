"""The cost of a sweep: an estimate in advance, and afterwards the time that its jobs ran."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LAST_MILLISECOND = 253_402_300_799_999
"""The end of the year 9999, after which no calendar goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What an estimate starts from.

    Attributes:
        usd_per_hour: price of one job's machine.
        seconds_per_epoch: expected time of one epoch; None if nobody has measured the trainer.
    """

    usd_per_hour: float
    seconds_per_epoch: float | None


TUTORIAL_RATES = Rates(usd_per_hour=0.526, seconds_per_epoch=6.0)
"""A g4dn.xlarge on demand in us-east-1 in 2021. There, 100 epochs of the tutorial took about ten minutes.

The time is that of the tutorial's trainer, and says nothing about another one."""


def job_seconds(attempts: object) -> float:
    """Returns how long the attempts of a job ran, from Batch's `StartedAt` and `StoppedAt` in milliseconds.

    An attempt without both never got a machine. A malformed description counts as zero: the cost of a sweep must not
    decide whether it has a winner.
    """
    if not isinstance(attempts, Iterable):
        return 0.0
    ran = (_milliseconds(attempt) for attempt in attempts if isinstance(attempt, Mapping))
    return sum(ran) / 1000


def _milliseconds(attempt: Mapping[str, Any]) -> float:
    started, stopped = moment(attempt.get("StartedAt")), moment(attempt.get("StoppedAt"))
    return 0 if started is None or stopped is None else max(0, stopped - started)


def moment(found: object) -> int | None:
    """Returns a time in milliseconds since 1970, as Batch writes it; None for anything that is no time."""
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= LAST_MILLISECOND:
        return found
    return None
