"""The machines that run a sweep's jobs, and what they cost with all that comes beside the jobs' own time."""

from dataclasses import asdict, dataclass
from math import ceil
from typing import Any, Self

from stepsweep.contract import assumed
from stepsweep.contract.assumed import Span
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.means import Capacity, StackJob
from stepsweep.contract.reading import Fields
from stepsweep.contract.spec import SweepSpec

HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The machines that the jobs of one sweep get.

    Attributes:
        usd_per_hour: price of one job's part of a machine, without disk and address.
        at_once: most jobs that run at once.
        per_machine: jobs that share a machine.
    """

    usd_per_hour: float
    at_once: int
    per_machine: int = 1
    capacity: Capacity = Capacity.ON_DEMAND

    @classmethod
    def of(cls, spec: SweepSpec, job: StackJob, *, usd_per_hour: float) -> Self:
        """Returns the machines for a spec's jobs.

        Args:
            job: what the stack gives a job that asks for nothing.
            usd_per_hour: price of such a job's part of a machine.
        """
        share = job.machines(spec.resources)
        at_once = max(1, int(job.at_once / share))
        return cls(
            usd_per_hour=usd_per_hour * share,
            at_once=min(at_once, spec.max_concurrency or at_once),
            per_machine=max(1, int(job.per_machine / share)),
            capacity=job.capacity,
        )

    def machines(self, jobs: int) -> int:
        """Returns how many machines run so many jobs."""
        return ceil(min(jobs, self.at_once) / self.per_machine)

    @property
    def usd(self) -> Span:
        """Price of one job's part of a machine for an hour, with its part of disk and address."""
        beside = (assumed.DISK_USD_PER_HOUR + assumed.ADDRESS_USD_PER_HOUR) * (1 / self.per_machine)
        return Span(self.usd_per_hour, self.usd_per_hour) + beside

    @property
    def stretch(self) -> Span:
        """By how much Spot's losses lengthen what runs.

        A loss is a boot, a pull, and what was trained since the checkpoint, for which another boot is taken.
        """
        if self.capacity is Capacity.ON_DEMAND:
            return Span(1, 1)
        again = 2 * assumed.BOOT_SECONDS.high + assumed.PULL_SECONDS.high
        return Span(1, 1 + assumed.LOST_PER_HOUR.high * again / HOUR)

    def cost(self, job_seconds: Span, *, jobs: int, starts: int) -> Span:
        """Returns the USD of jobs, and of the machines under them.

        Args:
            job_seconds: of all jobs together.
            jobs: number of jobs; each waits a little for its machine.
            starts: how many machines boot, pull the image, and idle at their end.
        """
        once = assumed.BOOT_SECONDS + assumed.PULL_SECONDS + assumed.IDLE_SECONDS
        seconds = job_seconds + once * (starts * self.per_machine) + assumed.START_SECONDS * jobs
        return seconds * self.stretch * self.usd * (1 / HOUR) + assumed.REQUESTS_USD_PER_JOB * jobs

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        fleet = cls(
            usd_per_hour=fields.amount("usd_per_hour"),
            at_once=fields.count("at_once"),
            per_machine=fields.count("per_machine"),
            capacity=fields.one_of("capacity", Capacity),
        )
        fields.done()
        if not fleet.at_once or not fleet.per_machine:
            raise InvalidDocument(f"{where}: at_once and per_machine must be 1 or more")
        return fleet
