"""Whose turn it is in the embedded cloud's queue, on a clock of the test's own."""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from stepsweep.local.turns import Place, Turns


@dataclass(order=True, slots=True)
class Job:
    job_id: str
    place: Place = field(compare=False)
    ended: Future[None] = field(default_factory=Future, compare=False)


@dataclass
class Machines:
    """Some machines of a vCPU each, whose jobs take ten seconds."""

    number: int
    now: float = 0.0
    running: list[tuple[float, Job]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.turns: Turns[Job] = Turns(lambda: self.now)

    def submit(self, share: str, number: int = 1, *, weight: float = 1.0, priority: int = 0) -> list[Job]:
        """Submits jobs to a queue with a policy."""
        return self.submit_to(
            Place(queue="fair", queue_priority=1, share=share, weight=weight, priority=priority), number
        )

    def submit_to(self, place: Place, number: int) -> list[Job]:
        jobs = [Job(f"{place.share or place.queue}-{next(self.numbers)}", place) for _ in range(number)]
        for job in jobs:
            self.turns.add(job)
        self.fill()
        return jobs

    def fill(self) -> None:
        while len(self.running) < self.number and (job := self.turns.first()):
            self.turns.begin(job, vcpus=1)
            self.started.append(job.job_id.partition("-")[0])
            heapq.heappush(self.running, (self.now + 10, job))

    def go_on(self, jobs: int) -> list[str]:
        """Lets this many jobs end; returns the shares of those that have started meanwhile."""
        before = len(self.started)
        for _ in range(jobs):
            self.now, job = heapq.heappop(self.running)
            self.turns.end(job)
            self.fill()
        return self.started[before:]


def counts(started: Iterable[str]) -> dict[str, int]:
    return dict(Counter(started))


def test_a_small_sweep_takes_the_next_machines_from_a_large_one() -> None:
    machines = Machines(4)
    machines.submit("large", 1000)
    machines.go_on(100)
    machines.submit("small", 9)
    assert machines.go_on(9) == ["small"] * 9


def test_shares_that_want_the_machines_get_as_many_each() -> None:
    machines = Machines(6)
    for share in "abc":
        machines.submit(share, 500)
    started = counts(machines.go_on(600))
    assert max(started.values()) - min(started.values()) <= 6


def test_a_tenth_of_the_weight_is_ten_times_the_machines() -> None:
    machines = Machines(11)
    machines.submit("normal", 3000)
    machines.submit("high", 3000, weight=0.1)
    machines.go_on(200)
    started = counts(machines.go_on(1100))
    assert 8 <= started["high"] / started["normal"] <= 12


def test_use_is_forgotten_when_the_policy_s_time_is_over() -> None:
    machines = Machines(1)
    machines.submit("early", 100)
    machines.go_on(100)
    machines.now += 600
    machines.submit("late", 100)
    machines.submit("early", 100)
    started = machines.go_on(20)
    assert abs(counts(started)["early"] - 10) <= 1


def test_a_share_serves_its_jobs_by_their_priority_and_then_in_their_order() -> None:
    machines = Machines(1)
    machines.submit("running")
    first, second = machines.submit("mine", 2)
    (urgent,) = machines.submit("mine", priority=5)
    order = []
    for _ in range(3):
        machines.go_on(1)
        order.append(machines.running[0][1])
    assert order == [urgent, first, second]


def test_a_queue_without_a_policy_keeps_its_order_and_one_of_higher_priority_goes_first() -> None:
    machines = Machines(1)
    machines.submit("running")
    machines.submit("sweep")
    in_order = machines.submit_to(Place(queue="fifo", queue_priority=2), 9)
    order = []
    for _ in in_order:
        machines.go_on(1)
        order.append(machines.running[0][1])
    assert order == in_order
    assert machines.go_on(1) == ["sweep"]


def test_a_job_that_ends_while_it_waits_is_left_out() -> None:
    machines = Machines(1)
    machines.submit("running")
    first, second = machines.submit("mine", 2)
    first.ended.set_result(None)
    machines.go_on(1)
    assert machines.running[0][1] is second
    machines.go_on(1)
    assert machines.turns.first() is None
