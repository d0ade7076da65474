"""A running execution, followed by any number of pages, and what has been read of it so far."""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime

from stepsweep.bucket.records import Known, Records
from stepsweep.bucket.stores import Home
from stepsweep.client.deployment import explained
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import Progress
from stepsweep.contract import endings
from stepsweep.contract.endings import Ending
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.leaderboard import Row, rows_of
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.trial import Trial


class Followed:
    """One execution, with what cannot change while it runs: nothing of that is read twice, though pages come and go.

    These are the results of trials that have ended, with the last lines of the attempts that failed, the outcomes of
    jobs, and the results of rounds.

    Attributes:
        home: where a person finds the bucket's objects.
        progress: of the last look.
    """

    def __init__(self, execution: Execution, records: Records, *, home: Home) -> None:
        self.execution = execution
        self.home = home
        self._records = records
        self.progress = Progress()
        self._known = Known()
        self._outcomes: dict[str, JobOutcome] = {}
        self._written: dict[str, datetime] = {}  # when; an earlier execution's outcome may be replaced
        self._one_looks = threading.Lock()
        self._going = threading.Lock()
        self._looked_at = -math.inf

    @property
    def has_begun(self) -> bool:
        """Whether a look has succeeded: before that nothing is known of the execution but what was asked."""
        return self._looked_at > -math.inf

    @property
    def ended(self) -> int:
        """How many results are known; more with each trial that ends."""
        return len(self._known.results)

    def look(self, *, unless_within_seconds: float) -> None:
        """Looks once, unless somebody has just looked. Raises CloudError if the cloud did not answer."""
        with self._one_looks:
            if time.monotonic() - self._looked_at < unless_within_seconds:
                return
            self.execution.look(with_training=True, take=self._take)

    def follow(self, *, poll_seconds: float) -> Iterator[Progress]:
        """Yields the progress after each look, until the execution has ended. Raises CloudError."""
        for progress in self.execution.follow(poll_seconds=poll_seconds, with_training=True, take=self._take):
            if progress.trouble:
                self.progress = progress
            if self._is_last(progress):
                yield progress

    def rows(self) -> list[Row]:
        """Returns the leaderboard so far."""
        plan = self.execution.plan
        if plan is None:
            return []
        names = ((trial.trial_id, trial.epochs) for trial in plan.trials.values())
        results = self._known.results
        return rows_of([results[name] for name in names if name in results], plan.spec)

    def curves(self, trials: Sequence[Trial]) -> dict[str, Metrics]:
        """Returns the curves of trials that have ended, by id. Raises CloudError."""
        with explained():
            return self._records.files.curves(trials)

    def went(self) -> tuple[dict[str, JobOutcome], list[Ending]]:
        """Returns the outcomes of jobs by key, and how the search went so far. Raises CloudError."""
        plan, objects = self.execution.plan, self.execution.objects
        with self._going, explained():
            same = {key: each for key, each in self._outcomes.items() if self._written[key] == objects.get(key)}
            self._outcomes = self._records.outcomes(objects, same)
            self._written = {key: objects[key] for key in self._outcomes}
            if plan is None:
                return self._outcomes, []
            if plan.spec.rounds:
                found = self._records.endings(plan, objects, self._known)
            else:
                found = endings.of_state(state) if (state := self.execution.search_state) else []
            return self._outcomes, endings.timed(found, self._outcomes)

    def _is_last(self, progress: Progress) -> bool:
        """Whether it is the last progress of a look: those of rounds that have ended come before."""
        plan = self.execution.plan
        return plan is None or not plan.spec.rounds or progress.round_number == plan.round_number

    def _take(self, progress: Progress) -> None:
        """Keeps what is new."""
        plan = self.execution.plan
        known, objects = self._known.results, self.execution.objects
        known.update({(each.trial.trial_id, each.trial.epochs): each for each in progress.news})
        with self._going:
            there = {key: each for key, each in progress.outcomes.items() if key in objects}
            self._outcomes |= there
            self._written |= {key: objects[key] for key in there}
        if not self._is_last(progress):
            return
        if plan is not None:
            before = [trial for trial in plan.trials.values() if trial.trial_id not in plan.to_run]
            new = [trial.trial_id for trial in before if (trial.trial_id, trial.epochs) not in known]
            read = self._records.results(plan, new) if new else []
            known.update({(each.result.trial.trial_id, each.result.trial.epochs): each.result for each in read})
        self.progress, self._looked_at = progress, time.monotonic()
