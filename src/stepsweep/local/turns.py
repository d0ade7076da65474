"""Whose turn it is: which of the waiting jobs starts next, as Batch decides it.

A queue with the higher priority goes first. In a queue without a policy jobs start in the order of their submission. In
one with a fair-share policy the share goes first that has used the fewest vCPUs by its weight; within a share, the job
with the higher scheduling priority. How Batch forgets use is not documented beyond "linear"; here it counts less by its
age, and not at all when the policy's time is over.
https://docs.aws.amazon.com/batch/latest/userguide/share-identifiers.html
"""

import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

LEAST_REMEMBERED_SECONDS = 600
"""Batch's, of a policy that says 0 or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a job waits.

    Attributes:
        queue: the queue's ARN.
        queue_priority: queues with a higher one go first.
        share: the share's identifier; empty in a queue without a policy.
        weight: the factor by which the share's use counts.
        remembered_seconds: for how long it counts.
        priority: jobs of the share with a higher one go first.
    """

    queue: str
    queue_priority: int
    share: str = ""
    weight: float = 1.0
    remembered_seconds: float = LEAST_REMEMBERED_SECONDS
    priority: int = 0


class Waiting(Protocol):
    """A job: where it waits, and whether it has ended there."""

    job_id: str
    place: Place
    ended: Future[None]


Job = TypeVar("Job", bound=Waiting)


@dataclass(slots=True)
class _Use:
    """vCPUs in use from a time on, and up to another one."""

    vcpus: int
    start: float
    end: float | None = None

    def counted(self, now: float, remembered: float) -> float:
        """Returns the vCPU seconds: a second that is `age` old counts as `1 - age / remembered`."""
        oldest, newest = min(now - self.start, remembered), now - (now if self.end is None else self.end)
        if newest >= oldest:
            return 0.0
        return self.vcpus * ((oldest - newest) - (oldest**2 - newest**2) / (2 * remembered))


@dataclass(slots=True)
class _Line(Generic[Job]):
    """The jobs of one share of a queue, and what they have used."""

    place: Place
    waiting: list[tuple[int, int, Job]] = field(default_factory=list)
    uses: list[_Use] = field(default_factory=list)

    def head(self) -> tuple[int, int, Job] | None:
        while self.waiting and self.waiting[0][-1].ended.done():
            heapq.heappop(self.waiting)
        return self.waiting[0] if self.waiting else None

    def used(self, now: float) -> tuple[float, int]:
        """Returns what counts of the use so far, and the vCPUs in use, which tell those apart that start at once."""
        remembered = self.place.remembered_seconds
        self.uses = [use for use in self.uses if use.end is None or now - use.end < remembered]
        counted = sum(use.counted(now, remembered) for use in self.uses)
        return self.place.weight * counted, sum(use.vcpus for use in self.uses if use.end is None)


class Turns(Generic[Job]):
    """The jobs that wait, and the shares that they take turns in. The caller locks.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines: dict[tuple[str, str], _Line[Job]] = {}
        self._running: dict[str, _Use] = {}
        self._numbers = itertools.count()

    def add(self, job: Job) -> None:
        place = job.place
        line = self._lines.setdefault((place.queue, place.share), _Line(place))
        line.place = place  # a policy may have changed
        heapq.heappush(line.waiting, (-place.priority, next(self._numbers), job))

    def first(self) -> Job | None:
        """Returns the job whose turn it is; None if none waits."""
        heads = list(self._heads())
        if len(heads) < 2:  # most often, and then no use has to be counted
            return heads[0][1] if heads else None
        now = self._clock()
        return min(heads, key=lambda head: self._rank(head[0], head[2], now))[1]

    def begin(self, job: Job, *, vcpus: int) -> None:
        """Takes the job that is first out of its line, and counts what it uses."""
        line = self._lines[job.place.queue, job.place.share]
        heapq.heappop(line.waiting)
        use = self._running[job.job_id] = _Use(vcpus, self._clock())
        line.uses.append(use)

    def end(self, job: Job) -> None:
        self._running.pop(job.job_id).end = self._clock()

    def _heads(self) -> Iterator[tuple[_Line[Job], Job, int]]:
        for line in self._lines.values():
            if head := line.head():
                _, number, job = head
                yield line, job, number

    @staticmethod
    def _rank(line: _Line[Job], number: int, now: float) -> tuple[float, ...]:
        used, running = line.used(now)
        return -line.place.queue_priority, used, line.place.weight * running, number
