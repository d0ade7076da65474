"""A finished sweep, as every export reads it."""

import math
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from stepsweep.client.running.control import Found
from stepsweep.contract.attempts import attempts_of
from stepsweep.contract.described import at_epoch, values_text
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.output import Output
from stepsweep.contract.results import Result
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.words import options_line

VALUE = "stepsweep.value"
"""Name of a trial's best value, since other tools show a metric's last value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A finished sweep.

    Attributes:
        results_at: the place of its bucket; with the sweep's name, it identifies the sweep.
        curves: the metrics of the trials that have any, by trial id.
        front: with several objectives the trials that no other trial beats. All of them: an output may have only some.
        note: what a person has written about it.
        is_on_aws: whether its jobs cost anything.
        started_ms, ended_ms: when its latest plan was written, and when its last job ended.
        ran_ms: when the first job of each trial began in it, and when the last one ended, by trial id.
    """

    spec: SweepSpec
    results_at: str
    results: list[Result]
    curves: dict[str, Metrics]
    output: Output | None
    front: list[Row]
    note: str
    is_on_aws: bool
    started_ms: int
    ended_ms: int
    ran_ms: dict[str, tuple[int, int]]

    @property
    def front_lines(self) -> list[str]:
        """The front as Markdown, one line per trial."""
        return [f"`{options_line(row.params)}`: {values_text(row.by_objective)}" for row in self.front]

    @property
    def winner_said(self) -> str:
        """The winner as Markdown, in one line; empty if there is none."""
        if not self.output or not (winner := self.output.winner):
            return ""
        why = f". {self.output.fewer_epochs}" if self.output.fewer_epochs else ""
        value = f"{self.spec.objective.metric} {winner.value:.6g} {at_epoch(winner.epoch, n=winner.n)}"
        return f"`{winner.options}`: {value}{why}"

    @property
    def ids_on_front(self) -> set[str]:
        return {row.trial_id for row in self.front}

    def named_values(self, result: Result) -> dict[str, float]:
        """Returns what a trial that succeeded is ranked by: `stepsweep.value`, or `stepsweep.value.<metric>` of each of
        several objectives."""
        if not self.spec.has_front:
            return {} if result.value is None else {VALUE: result.value}
        names = [f"{VALUE}.{each.metric}" for each in self.spec.objectives]
        return dict(zip(names, result.by_objective, strict=True))

    def times(self, trial_id: str) -> "Times":
        """Returns when a trial was trained: one that had been trained before, as if it had begun with the sweep."""
        curve = self.curves.get(trial_id)
        started_ms, ended_ms = self.ran_ms.get(trial_id, (self.started_ms, self.started_ms))
        epochs_ms = _ends_of_epochs(curve, started_ms) if curve else []
        return Times(started_ms=started_ms, epochs_ms=epochs_ms, ended_ms=max([ended_ms, *epochs_ms]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """When a trial was trained, in milliseconds since 1970.

    Attributes:
        epochs_ms: the end of each epoch.
    """

    started_ms: int
    epochs_ms: list[int]
    ended_ms: int


def read_finished(found: Found, name: str) -> Finished:
    """Reads a finished sweep.

    Raises:
        InvalidInput: there is no such sweep, or it is not finished.
    """
    archive, standing = found.archive, found.standing(name)
    plan, home = archive.plan(standing.spec), archive.objects
    if not standing.is_finished or standing.executions or plan is None:
        raise InvalidInput([f"the sweep {name} is not finished ({standing.status}); export it when it is"])
    with archive.reading(name):
        results = list(archive.records.latest_results(standing.spec))
        latest = archive.records.latest(name)
        started_ms = _milliseconds(latest.started_at.timestamp()) if latest else 0
        ran_ms: dict[str, tuple[int, int]] = {}
        for attempt in (each for outcome in archive.outcomes(name).values() for each in attempts_of(outcome)):
            began, ended = ran_ms.get(attempt.trial_id, (attempt.started, attempt.stopped))
            ran_ms[attempt.trial_id] = min(began, attempt.started), max(ended, attempt.stopped)
        return Finished(
            spec=standing.spec,
            results_at=str(home.resolve() if isinstance(home, Path) else home),
            results=results,
            curves=archive.curves(list(plan.trials.values())),
            output=standing.output,
            front=standing.front,
            note=archive.note(name).text,
            is_on_aws=not isinstance(home, Path),
            started_ms=started_ms,
            ended_ms=max((ended for _, ended in ran_ms.values()), default=started_ms),
            ran_ms=ran_ms,
        )


def _ends_of_epochs(curve: Metrics, started_ms: int) -> list[int]:
    """Returns the end of each epoch by the column `seconds`, since a curve has no clock."""
    seconds = [max(0.0, each) if math.isfinite(each) else 0.0 for each in curve.columns.get("seconds", ())]
    return [started_ms + _milliseconds(at) for at in accumulate(seconds or [0.0] * curve.epochs)]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
