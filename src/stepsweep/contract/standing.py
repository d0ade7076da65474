"""The state of a sweep, running or not."""

from dataclasses import dataclass
from typing import Any

from stepsweep.contract.leaderboard import Row
from stepsweep.contract.output import Output
from stepsweep.contract.spec import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state of a sweep, running or not.

    Attributes:
        planned: number of trials that it tries, unless a rule ends it; that it has tried, once it has ended. 0 before
            it is planned.
        rows: the leaderboard; if the sweep is not finished, that of the trials so far.
        output: its execution's output; None if it is not finished, or if no trial succeeded.
        is_finished: whether the latest execution's search has ended.
        executions: ARNs of its running executions.
    """

    spec: SweepSpec
    planned: int
    rows: list[Row]
    output: Output | None
    is_finished: bool
    executions: list[str]

    @property
    def status(self) -> str:
        return status_of(is_finished=self.is_finished, runs=bool(self.executions))

    @property
    def ended(self) -> int:
        """The number of trials that have ended; a row may be of several, one for each fold and seed."""
        return sum(row.n for row in self.rows)

    @property
    def epochs(self) -> int:
        """How many epochs its trials trained: see `results.epochs_in_all`."""
        return sum(row.epochs_in_all for row in self.rows)

    @property
    def winner(self) -> Row | None:
        """The best trial, so far if the sweep is not finished; None with several objectives, or without a value."""
        return None if self.spec.has_front else next(iter(self._first), None)

    @property
    def front(self) -> list[Row]:
        """With several objectives the trials that no other trial beats, so far if the sweep is not finished."""
        return self._first if self.spec.has_front else []

    @property
    def _first(self) -> list[Row]:
        return [row for row in self.rows if row.rank == 1]

    def to_json(self) -> dict[str, Any]:
        return {
            "sweep": self.spec.name,
            "status": self.status,
            "planned": self.planned,
            "executions": self.executions,
            "output": self.output.to_json() if self.output else None,
            "trials": [row.to_json() for row in self.rows],
        }


def status_of(*, is_finished: bool, runs: bool) -> str:
    # If an earlier execution's search has ended, the running one has not planned yet: the sweep runs again.
    if runs:
        return "RUNNING"
    return "FINISHED" if is_finished else "INTERRUPTED"
