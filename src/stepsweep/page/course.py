"""The course of a search: the best value so far over trials, time and cost, and who was promoted from rung to rung."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from stepsweep.contract.described import number_of
from stepsweep.contract.endings import Ending
from stepsweep.contract.output import Output
from stepsweep.contract.spec import SweepSpec

MAX_TRIALS = 2_000
"""Most params in a picture. Of more every second, third … is kept, and those that improved on the best value."""


class Over(StrEnum):
    """What a best value is shown over.

    `TRIALS` counts the results: of each params, and with halving of each rung.
    """

    TRIALS = "trials"
    TIME = "time"
    JOB_TIME = "job-time"
    USD = "usd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The end of the trials of the same params on one rung.

    Attributes:
        number: counts the ends, from 1.
        seconds: since the first job began; 0 if no job of this sweep trained them.
        job_seconds: of all jobs up to here.
        improves: whether the value is better than all before it on this rung.
    """

    trial_id: str
    rung: int
    value: float | None
    number: int
    seconds: float
    job_seconds: float
    promoted: bool
    improves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One rung.

    Attributes:
        epochs: that its trials train.
        ended: how many params have ended on it.
        failed: how many of them have no value.
        promoted: how many of them went on.
    """

    epochs: int
    ended: int
    failed: int
    promoted: int

    @property
    def name(self) -> str:
        return number_of(self.epochs, "epoch")

    @property
    def said(self) -> str:
        parts = [f"{self.ended:,} ended"]
        parts += [f"{self.promoted:,} promoted"] if self.promoted else []
        parts += [f"{self.failed:,} failed"] if self.failed else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The course of a search.

    Attributes:
        points: in the order of their ends.
        rungs: one without halving.
        usd_per_job_second: None if the jobs cost nothing, or their price is not known yet.
        ended_by: why it ended early; empty if it did not.
        said: where the best value was found.
    """

    points: tuple[Point, ...]
    rungs: tuple[Rung, ...]
    usd_per_job_second: float | None
    ended_by: str
    said: str

    @property
    def overs(self) -> list[Over]:
        """What the best value can be shown over."""
        has_time = any(point.seconds for point in self.points)
        has_price = self.usd_per_job_second is not None
        return [Over.TRIALS, *([Over.TIME, Over.JOB_TIME] if has_time else []), *([Over.USD] if has_price else [])]


def course(spec: SweepSpec, endings: Sequence[Ending], output: Output | None, *, is_on_aws: bool) -> Course | None:
    """Returns the course of a search; None if no trial has a value, and with several objectives, of which none is best.

    Args:
        endings: in their order.
        output: the execution's; None before it has one.
        is_on_aws: whether its jobs cost money.
    """
    if spec.has_front:
        return None
    points = _points(spec, endings)
    if all(point.value is None for point in points):
        return None
    rungs = []
    for rung, epochs in enumerate(spec.rungs):
        there = [point for point in points if point.rung == rung]
        failed = sum(point.value is None for point in there)
        promoted = sum(point.promoted for point in there)
        rungs.append(Rung(epochs=epochs, ended=len(there), failed=failed, promoted=promoted))
    cost = output.cost if output and is_on_aws else None
    return Course(
        points=_thinned(points),
        rungs=tuple(rungs),
        usd_per_job_second=cost.usd_estimate / cost.job_seconds if cost and cost.job_seconds else None,
        ended_by=(output.ended_by or "") if output else "",
        said=_said(spec, points),
    )


def _points(spec: SweepSpec, endings: Sequence[Ending]) -> list[Point]:
    began = min((each.started for each in endings if each.started is not None), default=0)
    best: dict[int, float] = {}
    points, job_seconds = [], 0.0
    for number, each in enumerate(endings, start=1):
        job_seconds += each.seconds
        rank = None if each.value is None else spec.objective.rank(each.value)
        improves = rank is not None and (each.rung not in best or rank < best[each.rung])
        if rank is not None and improves:
            best[each.rung] = rank
        points.append(
            Point(
                trial_id=each.trial_id,
                rung=each.rung,
                value=each.value,
                number=number,
                seconds=0.0 if each.ended is None else (each.ended - began) / 1000,
                job_seconds=job_seconds,
                promoted=each.promoted,
                improves=improves,
            )
        )
    return points


def _thinned(points: Sequence[Point]) -> tuple[Point, ...]:
    trials = list(dict.fromkeys(point.trial_id for point in points))
    kept = set(trials[:: -(-len(trials) // MAX_TRIALS)]) | {point.trial_id for point in points if point.improves}
    return tuple(point for point in points if point.trial_id in kept)


def _said(spec: SweepSpec, points: Sequence[Point]) -> str:
    last = max(point.rung for point in points if point.value is not None)
    found = next(point for point in reversed(points) if point.rung == last and point.improves)
    after = f" after {number_of(spec.rungs[last], 'epoch')}" if spec.halving else ""
    return f"Result {found.number:,} of {len(points):,} was the best{after}."
