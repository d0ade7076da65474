"""What a sweep's jobs have taken so far, and the most that it has cost: for budgets, while it runs."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from stepsweep.contract.assumed import Span
from stepsweep.contract.fleet import HOUR, Fleet
from stepsweep.contract.reading import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """The jobs of a sweep so far.

    Attributes:
        job_seconds: running time, by Batch's timestamps.
        epochs: number of epochs that those jobs trained.
        jobs: number of jobs that ran.
        starts: how many machines have booted for them at most.
        slowest: seconds per epoch of the slowest job that trained all its epochs; 0 if none did.
        other_seconds: of the running time, that of jobs whose epochs are not known, such as those of another trainer.
    """

    job_seconds: float = 0.0
    epochs: int = 0
    jobs: int = 0
    starts: int = 0
    slowest: float = 0.0
    other_seconds: float = 0.0

    def with_job(self, seconds: float, epochs: int, *, is_whole: bool) -> "Spent":
        """Returns it with one more job.

        Args:
            epochs: that the job trained, without those of its trial's earlier jobs.
            is_whole: whether it trained all its epochs. The start of one that stopped early would weigh too much.
        """
        slowest = max(self.slowest, seconds / epochs) if is_whole and epochs else self.slowest
        return replace(
            self,
            job_seconds=self.job_seconds + seconds,
            epochs=self.epochs + epochs,
            jobs=self.jobs + 1,
            slowest=slowest,
        )

    def with_other_job(self, seconds: float) -> "Spent":
        """Returns it with one more job that says nothing of the pace."""
        return replace(
            self,
            job_seconds=self.job_seconds + seconds,
            jobs=self.jobs + 1,
            other_seconds=self.other_seconds + seconds,
        )

    def with_starts(self, starts: int) -> "Spent":
        return replace(self, starts=self.starts + starts)

    @property
    def pace(self) -> float | None:
        """Seconds per epoch that further jobs may take; None before any job has trained an epoch."""
        return max(self.slowest, (self.job_seconds - self.other_seconds) / self.epochs) if self.epochs else None

    def usd(self, fleet: Fleet) -> float:
        """Returns the cost of the jobs' own time."""
        return self.job_seconds / HOUR * fleet.usd_per_hour

    def usd_at_most(self, fleet: Fleet) -> float:
        """Returns the most that the jobs and the machines under them have cost."""
        return fleet.cost(Span(self.job_seconds, self.job_seconds), jobs=self.jobs, starts=self.starts).high

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        spent = cls(
            job_seconds=fields.amount("job_seconds"),
            epochs=fields.count("epochs"),
            jobs=fields.count("jobs"),
            starts=fields.count("starts"),
            slowest=fields.amount("slowest"),
            other_seconds=fields.amount("other_seconds") if fields.has("other_seconds") else 0.0,
        )
        fields.done()
        return spent
