"""A virtual clock, and machines on it that boot, run jobs, idle, end, and are lost."""

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

Do = Callable[[], None]


class Clock:
    """Runs what is due, in the order of virtual time; equal times in the order in which they were set.

    Attributes:
        now: seconds.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Do]] = []
        self._numbers = count()

    def after(self, seconds: float, do: Do) -> None:
        """Has `do` run after some seconds; never with infinity."""
        if seconds < math.inf:
            heapq.heappush(self._due, (self.now + seconds, next(self._numbers), do))

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Runs until nothing is due, or `until` is true after something ran."""
        while self._due and not until():
            self.now, _, do = heapq.heappop(self._due)
            do()


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How machines behave; each function draws seconds. By default they are there at once, and stay.

    Attributes:
        boot: with the pull of the image.
        start: of a job on a machine that is there.
        idle: after which a machine without a job ends.
        lost: after which AWS takes a machine back.
        checkpoint: time between a job's checkpoints.
    """

    boot: Callable[[], float] = lambda: 0.0
    start: Callable[[], float] = lambda: 0.0
    idle: Callable[[], float] = lambda: math.inf
    lost: Callable[[], float] = lambda: math.inf
    checkpoint: float = 6.0


@dataclass(slots=True, eq=False)
class _Job:
    left: float
    ended: Callable[[float], None]
    ran: float = 0.0


@dataclass(slots=True, eq=False)
class _Machine:
    began: float
    turn: int = 0
    job: _Job | None = None
    job_began: float = 0.0
    is_up: bool = False


@dataclass
class Machines:
    """Machines that are started for jobs that wait, as Batch does; a job each.

    Attributes:
        most: at once.
        seconds: that all machines ran together.
        starts, losses: how many.
    """

    clock: Clock
    most: int
    behaviour: Behaviour = field(default_factory=Behaviour)
    seconds: float = 0.0
    starts: int = 0
    losses: int = 0

    def __post_init__(self) -> None:
        self._there: set[_Machine] = set()
        self._idle: list[_Machine] = []
        self._waiting: deque[_Job] = deque()

    def submit(self, seconds: float, ended: Callable[[float], None]) -> None:
        """Takes a job, and calls `ended` with the seconds that it ran, in all its attempts."""
        self._waiting.append(_Job(seconds, ended))
        self._place()

    @property
    def are_gone(self) -> bool:
        return not self._there

    def _place(self) -> None:
        while self._waiting and self._idle:
            self._run(self._idle.pop(), self._waiting.popleft())
        booting = sum(not machine.is_up for machine in self._there)
        for _ in range(min(len(self._waiting) - booting, self.most - len(self._there))):
            self._start()

    def _start(self) -> None:
        machine = _Machine(self.clock.now)
        self._there.add(machine)
        self.starts += 1

        def up() -> None:
            if machine in self._there:
                machine.is_up = True
                self._free(machine)

        self.clock.after(self.behaviour.boot(), up)
        self.clock.after(self.behaviour.lost(), lambda: self._lose(machine))

    def _run(self, machine: _Machine, job: _Job) -> None:
        machine.turn += 1
        machine.job = job
        start = self.behaviour.start()
        machine.job_began = self.clock.now + start
        turn = machine.turn

        def ended() -> None:
            if machine in self._there and machine.turn == turn:
                machine.job = None
                self._free(machine)
                job.ended(job.ran + job.left)

        self.clock.after(start + job.left, ended)

    def _free(self, machine: _Machine) -> None:
        """Gives the machine a waiting job; without any it idles, and ends after a while."""
        machine.turn += 1
        turn = machine.turn
        self._idle.append(machine)
        self._place()
        if machine.turn == turn:
            self.clock.after(self.behaviour.idle(), lambda: self._end(machine) if machine.turn == turn else None)

    def _end(self, machine: _Machine) -> None:
        if machine in self._there:
            self._there.remove(machine)
            self.seconds += self.clock.now - machine.began
            if machine in self._idle:
                self._idle.remove(machine)

    def _lose(self, machine: _Machine) -> None:
        if machine not in self._there:
            return
        self.losses += 1
        job, machine.job = machine.job, None
        self._end(machine)
        if job is not None:
            ran = max(0.0, self.clock.now - machine.job_began)
            job.ran += ran
            job.left -= ran // self.behaviour.checkpoint * self.behaviour.checkpoint
            self._waiting.appendleft(job)
            self._place()
