"""The values of a page's texts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from stepsweep.contract.alike import by_reason
from stepsweep.contract.described import printable, varying
from stepsweep.contract.leaderboard import Row, equal_to_first
from stepsweep.contract.output import Output
from stepsweep.contract.spec import SweepSpec
from stepsweep.page.alone import alone_command, job_command
from stepsweep.page.gathered import Gathered

STATES = {"FINISHED": "finished", "RUNNING": "running", "INTERRUPTED": "interrupted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The trials that did not succeed for the same reason.

    Attributes:
        logs: the last lines of some of them.
    """

    status: str
    reason: str
    rows: list[Row]
    logs: list[tuple[Row, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a page says of a sweep.

    Attributes:
        on_front: with several objectives the rows of the first Pareto front, and no winner.
        ties: the rows that are as good as the winner.
        ended: how many trials have ended.
        failures: the most frequent first.
        commands: command lines to paste, each with a description.
    """

    report: Gathered
    state: str
    winner: Row | None
    on_front: list[Row]
    second: Row | None
    ties: list[Row]
    ended: int
    counts: dict[str, int]
    failures: list[Failure]
    commands: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, report: Gathered) -> "Facts":
        rows, winner = report.standing.rows, report.standing.winner
        return cls(
            report=report,
            state=STATES[report.standing.status],
            winner=winner,
            on_front=report.standing.front,
            second=next((row for row in rows if row.rank == 2), None),
            ties=_ties(rows, report.standing.output) if winner else [],
            ended=sum(row.n for row in rows),
            counts=_counts(report.rows),
            failures=_failures(report),
            commands=_commands(report, winner),
        )

    @property
    def has_no_winner(self) -> bool:
        """Whether it has ended, and no trial succeeded."""
        return self.state == STATES["FINISHED"] and self.winner is None and not self.on_front

    @property
    def spec(self) -> SweepSpec:
        return self.report.standing.spec

    @property
    def metric(self) -> str:
        return self.spec.objective.metric

    @property
    def rows(self) -> list[Row]:
        return self.report.standing.rows

    @property
    def is_score(self) -> bool:
        """Whether trials have no epochs."""
        return self.spec.epochs == 1

    @property
    def has_several(self) -> bool:
        """Whether a row is the mean of several trials."""
        return any(row.n > 1 for row in self.rows)

    @property
    def has_values(self) -> bool:
        return any(row.value is not None for row in self.rows)

    @property
    def has_space(self) -> bool:
        return bool(varying(self.spec)) and self.has_values

    @property
    def has_curves(self) -> bool:
        return not self.is_score and bool(self.report.curves)

    @property
    def spec_json(self) -> str:
        return json.dumps(self.spec.to_json(), indent=2, ensure_ascii=False)


def _ties(rows: Sequence[Row], output: Output | None) -> list[Row]:
    """Returns the rows that are equal to the winner; for means, those that the reducer's t-test cannot distinguish."""
    if rows[0].n == 1:
        return equal_to_first(rows)
    tied = {tie.trial_id for tie in output.ties} if output else set()
    return [row for row in rows if row.trial_id in tied]


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    return counts


def _failures(report: Gathered) -> list[Failure]:
    """Returns the trials that did not succeed, grouped by reason, most frequent first."""
    return [
        Failure(
            status=failed.status,
            reason=printable(failed.reason),
            rows=failed.members,
            logs=[
                (row, "\n".join(map(printable, report.logs[row.trial_id])))
                for row in failed.members
                if row.trial_id in report.logs
            ],
        )
        for failed in by_reason(row for row in report.standing.rows if row.rank is None)
    ]


def _commands(report: Gathered, winner: Row | None) -> list[tuple[str, str]]:
    """Returns command lines to paste, each with a description."""
    spec, where, trainer = report.standing.spec, report.where, report.trainer
    found = [
        ("The whole sweep, with the trainer that it had. Finished trials are not trained again",
         f"sweep resume {spec.name}{where}"),
        ("Its leaderboard in a terminal", f"sweep show {spec.name}{where}"),
    ]  # fmt: skip
    trial = report.winner if winner else None
    if whose := report.files_of:
        found.append((f"The {whose}'s files", f"sweep download {spec.name}{where}"))
    if trial and trainer.can_run:
        again = alone_command(spec, trial, trainer, where)
        found.insert(1, ("The winner alone, trained again with the trainer as it is now", again))
    if trial and trainer.entrypoint:
        found.append(("The winner's trainer alone, with its job's arguments", job_command(spec, trial, trainer)))
    return found
