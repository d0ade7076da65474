"""The sweeps of one bucket, from their records."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from stepsweep.bucket.job_logs import LastLines, NoLastLines
from stepsweep.bucket.plans import Plan
from stepsweep.bucket.records import Records
from stepsweep.bucket.stores import Home, Store
from stepsweep.client.archive.executions import of_sweep
from stepsweep.client.deployment import explained
from stepsweep.contract.endings import Ending
from stepsweep.contract.errors import InvalidDocument, InvalidInput, LostRecord
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.note import Note
from stepsweep.contract.priority import Priority
from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.contract.trial import Trial

MAX_NEAR_NAMES = 5


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
        with self.reading(spec.name):
            return self.records.leaderboard(spec)

    def spec(self, name: str) -> SweepSpec:
        """Returns a sweep's spec.

        Raises:
            InvalidInput: there is no sweep with this name; the message suggests similar names.
        """
        with self.reading(name):
            spec = self.records.spec(name)
            if spec is None:
                raise InvalidInput([self._no_sweep(name)])
            return spec

    def priority(self, name: str) -> Priority:
        """Returns the priority that a sweep was started with last. Raises InvalidInput: there is no such sweep."""
        spec = self.spec(name)
        with self.reading(name):
            latest = self.records.latest(name)
        return latest.priority if latest else spec.priority

    def plan(self, spec: SweepSpec) -> Plan | None:
        """Returns the latest plan of a sweep; None before it is planned."""
        with self.reading(spec.name):
            return self.records.plan(spec)

    def standing(self, name: str, running: Sequence[str]) -> Standing:
        """Returns the state of a sweep.

        Args:
            running: ARNs of all running executions.

        Raises:
            InvalidInput: there is no sweep with this name; the message suggests similar names.
        """
        spec = self.spec(name)
        with self.reading(name):
            plan, latest = self.records.plan(spec), self.records.latest(name)
            ended = latest if latest and latest.has_ended and plan and plan.execution == latest.execution else None
            rows: list[Row] = []
            if ended:
                rows = self.records.leaderboard(spec)
            elif plan:
                rows = self.records.rows_so_far(plan, self.records.objects(name), self._last_lines)
            tried = len(plan.trials) if plan else 0
            return Standing(
                spec=spec,
                planned=tried if plan is None or ended else plan.in_all,
                rows=rows,
                output=self.records.output(spec, execution=ended.execution) if ended else None,
                is_finished=ended is not None,
                executions=of_sweep(name, running),
            )

    def winner_s_curve(self, plan: Plan | None, rows: Sequence[Row]) -> Metrics | None:
        """Returns the metrics of the winner's first trial; None without a winner, or if they are gone."""
        winner = plan.winner(rows) if plan else None
        with explained():
            return self.records.files.metrics(winner) if winner else None

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
        with self.reading(plan.spec.name):
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

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Explains errors, and names the sweep and the file of a damaged record."""
        try:
            with explained():
                yield
        except LostRecord as error:
            raise InvalidDocument(
                f"the sweep {name} cannot be read: {self.objects}/{error}; bring this file back from a copy, or delete "
                f"what is left of it and write it anew with `sweep resume {name}`, which repeats no finished trial"
            ) from error
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
            remedy = f"there is only the sweep {names[0]}"
        elif 0 < len(names) <= MAX_NEAR_NAMES:
            remedy = f"there are the sweeps {', '.join(names)}"
        elif names:
            remedy = f"there are {len(names)}, such as {', '.join(names[:MAX_NEAR_NAMES])}"
        else:
            remedy = "there is none yet"
        return f"there is no sweep {shown(name)} in {self.objects}; {remedy}"
