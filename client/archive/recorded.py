"""The sweeps of one bucket, from their records."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from stepsweep.bucket.job_logs import LastLines, NoLastLines
from stepsweep.bucket.plans import Plan
from stepsweep.bucket.records import Objects, Records
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.stores import Home, Store
from stepsweep.client.deployment import explained
from stepsweep.contract import keys
from stepsweep.contract.endings import Ending
from stepsweep.contract.errors import InvalidDocument, InvalidInput
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.note import NO_NOTE, Note
from stepsweep.contract.priority import Priority
from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing, status_of
from stepsweep.contract.trial import Status, Trial

MAX_EXECUTION_NAME = 80
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
SUFFIX_BYTES = 4

MAX_NEAR_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of the list of sweeps.

    Attributes:
        started_at: when its first execution started.
        status: `FINISHED`, `RUNNING`, `INTERRUPTED` or `UNREADABLE`.
        planned: number of trials; None before it is planned.
        ended: number of trials with an outcome.
        failed: number of trials that did not succeed; known once the sweep is finished.
        metric: the objective's metric; several are separated by commas.
        value: the winner's value; None without a winner.
        options: the winner's params as options; empty without a winner.
        front: with several objectives the number of trials on the first Pareto front; None otherwise, or if no trial
            succeeded.
        job_seconds: running time of the jobs; None without a winner.
        usd_estimate: their price on AWS; None without a winner.
        note: what a person has written about it.
        fault: which of its records cannot be read, and what to do; empty for all others.
    """

    sweep: str
    started_at: datetime
    status: str
    planned: int | None = None
    ended: int = 0
    failed: int | None = None
    metric: str = ""
    value: float | None = None
    options: str = ""
    front: int | None = None
    job_seconds: float | None = None
    usd_estimate: float | None = None
    note: str = ""
    fault: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "started_at": self.started_at.isoformat()}


class Archive:
    """The sweeps of one bucket, from their records. For a status, the caller passes the running executions.

    Raises:
        InvalidDocument: a record of a sweep is damaged; the message says where it is, and what to do.
        CloudError: the cloud does not answer, or does not allow it.

    Args:
        last_lines: reads why trials failed, while the sweep has no results that say it.

    Attributes:
        objects: where a person finds the bucket's objects.
    """

    def __init__(self, store: Store, *, objects: Home, last_lines: LastLines | None = None) -> None:
        self.objects = objects
        self.records = Records(store)
        self._last_lines = last_lines or NoLastLines()

    def leaderboard(self, spec: SweepSpec) -> list[Row]:
        """Returns a finished sweep's trials, best first."""
        with self._reading(spec.name):
            return self.records.leaderboard(spec)

    def spec(self, name: str) -> SweepSpec:
        """Returns a sweep's spec.

        Raises:
            InvalidInput: there is no sweep with this name; the message suggests similar names.
        """
        with self._reading(name):
            spec = self.records.spec(name)
            if spec is None:
                raise InvalidInput([self._no_sweep(name)])
            return spec

    def priority(self, name: str) -> Priority:
        """Returns the priority that a sweep was started with last. Raises InvalidInput: there is no such sweep."""
        spec = self.spec(name)
        with self._reading(name):
            latest = self.records.latest(name)
        return latest.priority if latest else spec.priority

    def plan(self, spec: SweepSpec) -> Plan | None:
        """Returns the latest plan of a sweep; None before it is planned."""
        with self._reading(spec.name):
            return self.records.plan(spec)

    def standing(self, name: str, running: Sequence[str]) -> Standing:
        """Returns the state of a sweep.

        Args:
            running: ARNs of all running executions.

        Raises:
            InvalidInput: there is no sweep with this name; the message suggests similar names.
        """
        spec = self.spec(name)
        with self._reading(name):
            plan, latest = self.records.plan(spec), self.records.latest(name)
            ended = latest if latest and latest.has_ended and plan and plan.execution == latest.execution else None
            rows: list[Row] = []
            if ended:
                rows = self.records.leaderboard(spec)
            elif plan:
                rows = self.records.rows_so_far(plan, self.records.objects(name), self._last_lines)
            return Standing(
                spec=spec,
                planned=len(plan.trials) if plan else 0,
                rows=rows,
                output=self.records.output(spec, execution=ended.execution) if ended else None,
                is_finished=ended is not None,
                executions=of_sweep(name, running),
            )

    def winner_s_curve(self, plan: Plan | None, rows: Sequence[Row]) -> Metrics | None:
        """Returns the metrics of the winner's first trial; None without a winner, or if they are gone."""
        if plan is None or not rows or rows[0].rank != 1 or plan.spec.has_front:
            return None
        with explained():
            return self.records.files.metrics(plan.trials[rows[0].trial_id])

    def curves(self, trials: Sequence[Trial]) -> dict[str, Metrics]:
        """Returns the existing metrics by trial id, including those of diverged trials."""
        with explained():
            return self.records.files.curves(trials)

    def live_curves(self, trials: Sequence[Trial]) -> dict[str, Metrics]:
        """Returns the live rows of trials without metrics, which may be running or have failed."""
        with explained():
            return self.records.files.live_curves(trials)

    def outcomes(self, name: str) -> dict[str, JobOutcome]:
        """Returns the outcome of each job of a sweep, by key."""
        with explained():
            return self.records.outcomes(self.records.objects(name))

    def endings(self, plan: Plan | None, outcomes: Mapping[str, JobOutcome]) -> list[Ending]:
        """Returns how the search went so far, in the order in which its trials ended.

        Args:
            outcomes: of its jobs, by key.
        """
        if plan is None:
            return []
        with self._reading(plan.spec.name):
            return self.records.timed_endings(plan, self.records.objects(plan.spec.name), outcomes)

    def note(self, name: str) -> Note:
        """Returns the note of a sweep; an empty one if there is none. One that cannot be read has the reason."""
        try:
            with explained():
                return self.records.note(name)
        except InvalidDocument as error:
            remedy = f"write it anew with `sweep note {name} TEXT`"
            return Note(fault=f"the note of {name} cannot be read: {self.objects}/{error}; {remedy}")

    def names(self) -> list[str]:
        """Returns the names of all sweeps, sorted."""
        with explained():
            return self.records.sweeps()

    @property
    def began_at(self) -> datetime:
        """When the newest of its sweeps began; long ago if there is none."""
        return max((entry.started_at for entry in self.entries(running=[])), default=datetime.min.replace(tzinfo=UTC))

    def entries(self, running: Sequence[str], names: Sequence[str] | None = None) -> list[Entry]:
        """Returns sweeps, newest first.

        Args:
            running: the ARNs of all running executions.
            names: of the sweeps; by default of all.
        """
        asked = self.names() if names is None else names
        with explained():
            found = for_all(lambda name: self._entry(name, running), asked)
        there = [entry for entry in found if entry is not None]
        return sorted(there, key=lambda entry: (entry.started_at, entry.sweep), reverse=True)

    def _entry(self, name: str, running: Sequence[str]) -> Entry | None:
        try:
            with self._reading(name):
                return self._readable_entry(name, running)
        except InvalidDocument as error:
            try:
                written = self.records.objects(name).get(keys.spec_key(name))
            except InvalidDocument:  # not even its folder can be read
                written = datetime.fromtimestamp(0, UTC)
            return Entry(sweep=name, started_at=written, status="UNREADABLE", fault=str(error)) if written else None

    def _readable_entry(self, name: str, running: Sequence[str]) -> Entry | None:
        spec = self.records.spec(name)
        if spec is None:  # deleted meanwhile
            return None
        latest = self.records.latest(name)
        is_finished = latest is not None and latest.has_ended
        # A finished sweep of thousands of trials has as many objects, and none of them need be listed.
        objects: Objects = {} if is_finished else self.records.objects(name)
        started_at = latest.created_at if latest else objects.get(keys.spec_key(name))
        if started_at is None:  # deleted meanwhile
            return None
        output = self.records.output(spec, execution=latest.execution) if latest and is_finished else None
        planned, ended, failed = None, 0, None
        if output:
            planned = ended = sum(output.outcomes.values())
            failed = ended - output.outcomes[Status.SUCCEEDED]
        elif is_finished:
            planned = ended = failed = sum(row.n for row in self.records.leaderboard(spec))
        elif plan := self.records.plan(spec):
            planned, ended = len(plan.trials), len(self.records.finished(plan, objects))
        # The objects of a finished sweep are not listed.
        has_note = is_finished or keys.note_key(name) in objects
        note = self.note(name) if has_note else NO_NOTE
        return Entry(
            sweep=name,
            started_at=started_at,
            status=status_of(is_finished=is_finished, runs=bool(of_sweep(name, running))),
            planned=planned,
            ended=ended,
            failed=failed,
            metric=", ".join(each.metric for each in spec.objectives),
            value=output.winner.value if output and output.winner else None,
            options=output.winner.options if output and output.winner else "",
            front=output.front.size if output and output.front else None,
            job_seconds=output.cost.job_seconds if output else None,
            usd_estimate=output.cost.usd_estimate if output else None,
            note=note.text,
            fault=note.fault,
        )

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Explains errors, and names the sweep and the file of a damaged record."""
        try:
            with explained():
                yield
        except InvalidDocument as error:
            raise InvalidDocument(
                f"the sweep {name} cannot be read: {self.objects}/{error}; bring this file back from a copy, or remove "
                f"the sweep's records with `sweep rm {name}`"
            ) from error

    def _no_sweep(self, name: str) -> str:
        # Without spec.json it is no sweep, but other objects of it may be left.
        names = [other for other in self.records.sweeps() if other != name]
        near = [*difflib.get_close_matches(name, names), *(other for other in reversed(names) if name in other)]
        near = list(dict.fromkeys(near))[:MAX_NEAR_NAMES]
        if near:
            remedy = f"did you mean {' or '.join(near)}?"
        elif len(names) == 1:
            remedy = f"there is only {names[0]}"
        elif names:
            remedy = f"there are {len(names)}, such as {', '.join(names[:MAX_NEAR_NAMES])}"
        else:
            remedy = "there is none yet"
        return f"there is no sweep {shown(name)} in {self.objects}; {remedy}"


def of_sweep(name: str, executions: Sequence[str]) -> list[str]:
    """Returns the executions of a sweep."""
    return [arn for arn in executions if swept_by(name, arn.rpartition(":")[2])]


def swept_by(sweep: str, execution: str) -> bool:
    """Whether an execution's name is one of a sweep's: one of ours, or that of a sweep which was started elsewhere."""
    ours = rf"{re.escape(execution_prefix(sweep))}-[0-9a-f]{{{2 * SUFFIX_BYTES}}}|{re.escape(sweep)}"
    return re.fullmatch(ours, execution) is not None


def is_named_by_us(arn: str) -> bool:
    """Whether an execution's name ends as those that the client gives."""
    return re.search(rf"-[0-9a-f]{{{2 * SUFFIX_BYTES}}}$", arn) is not None


def execution_prefix(sweep: str) -> str:
    return sweep[: MAX_EXECUTION_NAME - 1 - 2 * SUFFIX_BYTES]
