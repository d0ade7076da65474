"""A sweep at one moment, as its page shows it: made from its records, or from the execution that runs."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from stepsweep.bucket.plans import Plan
from stepsweep.bucket.stores import Home
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.hints import hint_of
from stepsweep.client.clouds.own_command import own_command
from stepsweep.client.deployment import explained
from stepsweep.client.running.control import Found
from stepsweep.client.running.progress import Progress
from stepsweep.client.ui.followed import Followed
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.priority import Priority
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.contract.trial import Trial
from stepsweep.page.drawn import BEST_SHOWN, running_row
from stepsweep.page.gathered import Gathered

MAX_RUNNING_CURVES = 32
"""Most running trials whose live rows are read; more rows would not be told apart in a chart either."""

_NUMBERS = itertools.count(time.time_ns() // 1_000_000)
"""An open page outlives what is known here, and the server. So no number comes again: there are far fewer than one a
millisecond, and the next server begins after them."""


def new_number() -> int:
    """Returns a number that is higher than all before."""
    return next(_NUMBERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A sweep at one moment.

    Attributes:
        report: its data, without attempts and logs; of the curves only the best trials' and the running trials'.
        progress: of the running execution; None at rest.
        faults: why its last execution ended without results.
        trouble: why there is no news.
        number: of this leaderboard and these curves; later ones have higher numbers.
        is_begun: whether records have been read; otherwise only what was asked is known.
        plan: the latest plan that was read; None before the first. That of thousands of trials takes tens of MiB to
            read, so whoever shows more of this moment takes this one.
        priority: that the sweep was started with last.
        note_number: higher with each note that is written here.
        planned_by: the execution that planned last, at rest; empty if none has.
        followed: what else is known of the execution that ran at this moment; None at rest.
    """

    report: Gathered
    progress: Progress | None = None
    faults: tuple[str, ...] = ()
    trouble: str = ""
    number: int = field(default_factory=new_number, compare=False)
    is_begun: bool = True
    plan: Plan | None = field(default=None, compare=False)
    priority: Priority = Priority.NORMAL
    note_number: int = field(default=0, compare=False)
    planned_by: str = ""
    followed: Followed | None = field(default=None, compare=False)


class Moments:
    """Makes the moments of one sweep, without its note. It keeps the curves of the best trials."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloud = cloud
        self._name = name
        self._curves: dict[tuple[str, int], Metrics] = {}

    def only_asked(self, home: Home, spec: SweepSpec, executions: list[str]) -> Seen:
        """Returns a sweep of which no records have been read."""
        standing = Standing(spec=spec, planned=0, rows=[], output=None, is_finished=False, executions=executions)
        return Seen(report=self._gathered(home, standing, {}, None), is_begun=False, priority=spec.priority)

    def at_rest(self, found: Found) -> Seen:
        """Returns a sweep that does not run, from its records."""
        standing = found.standing(self._name)
        plan = found.archive.plan(standing.spec)
        curves = self._best(found.archive.curves, plan, standing.rows)
        seconds = standing.output.cost.job_seconds if standing.output else None
        report = self._gathered(found.archive.objects, standing, curves, seconds)
        by = planned_by(found.archive, self._name)
        report = self._with_command(report, found, plan)
        return Seen(report=report, plan=plan, priority=found.archive.priority(self._name), planned_by=by)

    def running(self, followed: Followed, found: Found) -> Seen:
        """Returns a sweep that runs, from what has been read of its execution."""
        execution, progress = followed.execution, followed.progress
        plan, rows = (execution.plan, followed.rows()) if followed.has_begun else (None, [])
        standing = Standing(
            spec=execution.spec,
            planned=plan.in_all if plan else 0,
            rows=rows,
            output=None,
            is_finished=False,
            executions=[execution.arn],
        )
        training = progress.training[:MAX_RUNNING_CURVES]
        live = {each.trial.trial_id: each.curve for each in training if each.curve is not None}
        curves = self._best(followed.curves, plan, rows) | live
        report = self._with_command(self._gathered(followed.home, standing, curves, None), found, plan)
        running = [running_row(each.trial, each.curve, execution.spec) for each in training]
        return Seen(
            report=replace(report, running=running, unfinished=frozenset(live)),
            progress=progress,
            trouble=progress.trouble,
            plan=plan,
            priority=execution.spec.priority,
            followed=followed,
        )

    def _best(
        self, read: Callable[[Sequence[Trial]], dict[str, Metrics]], plan: Plan | None, rows: Sequence[Row]
    ) -> dict[str, Metrics]:
        """Returns the curves of the best trials, which never change once they are written."""
        if plan is None:
            return {}
        best = [plan.trials[row.trial_id] for row in rows[:BEST_SHOWN] if row.rank and row.trial_id in plan.trials]
        missing = [each for each in best if (each.trial_id, each.epochs) not in self._curves]
        found = read(missing) if missing else {}
        self._curves = {
            (each.trial_id, each.epochs): curve
            for each in best
            if (curve := self._curves.get((each.trial_id, each.epochs)) or found.get(each.trial_id)) is not None
        }
        return {trial_id: curve for (trial_id, _), curve in self._curves.items()}

    def _with_command(self, report: Gathered, found: Found, plan: Plan | None) -> Gathered:
        best = report.standing.winner
        trial = plan.trials.get(best.trial_id) if plan and best else None
        return replace(
            report, winner_command=own_command(self._cloud, report.standing.spec, trial, found.trainer_command)
        )

    def _gathered(
        self,
        home: Home,
        standing: Standing,
        curves: dict[str, Metrics],
        job_seconds: float | None,
    ) -> Gathered:
        return Gathered(
            standing=standing,
            winner=None,
            curves=curves,
            unfinished=frozenset(),
            attempts=None,
            job_seconds=job_seconds,
            artifacts=[],
            logs={},
            objects=home,
            where=self._cloud.where,
            is_on_aws=not self._cloud.is_local,
            hint=hint_of(self._cloud, standing.spec.name, standing.rows),
        )


def planned_by(archive: Archive, sweep: str) -> str:
    """Returns the execution that planned the sweep last; an empty text if none has."""
    with explained():
        latest = archive.records.latest(sweep)
    return latest.execution if latest else ""
