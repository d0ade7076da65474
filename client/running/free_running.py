"""Follows the log of a free-running search: which trials have ended, and what is left."""

from stepsweep.bucket.records import Objects
from stepsweep.bucket.search_log import applied, listed_events
from stepsweep.bucket.stores import Store
from stepsweep.contract.events import Asked, Began
from stepsweep.contract.results import Result
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.trial import Outcome


class FollowedLog:
    """The log of one sweep, as one execution continues it. Reads each event once.

    Attributes:
        before: number of trials that had ended when the execution began.
        ended: number of jobs that have ended since, and of trials that needed none.
        failed: number of these that failed; what a rule ended did not.
    """

    def __init__(self, store: Store, sweep: str, *, execution: str) -> None:
        self._store = store
        self._sweep = sweep
        self._execution = execution
        self._state: SearchState | None = None
        self.before = self.ended = self.failed = 0

    @property
    def state(self) -> SearchState | None:
        """What the events say; None before the execution has begun."""
        there = self._state
        return there if there is not None and there.began.execution == self._execution else None

    def read(self, objects: Objects) -> list[Result]:
        """Reads the events that are listed, and returns the trials that have ended since the last call, in order."""
        news = []
        since = self._state.events if self._state else 0
        for name, event in listed_events(self._store, self._sweep, objects, since=since):
            if isinstance(event, Asked) and (result := self._result(event)) is not None:
                news.append(result)
            self._state = applied(self._state, event, where=name)
            if isinstance(event, Began) and event.execution == self._execution and not event.part:
                self.before = sum(each.end is not None for one in self._state.candidates for each in one.members)
        self.ended += len(news)
        self.failed += sum(result.outcome.is_failure for result in news)
        return news

    def jobs(self) -> int:
        """Returns how many jobs the execution has had, has and will have at least."""
        state = self._state
        if state is None:
            return 0
        open_or_running = sum(each.end is None for one in state.candidates for each in one.members)
        if state.ended_by:  # what no worker trains now, none will
            running = sum(each.worker is not None for one in state.candidates for each in one.members)
            return self.ended + running
        return self.ended + open_or_running + state.left * state.spec.trials_each

    def _result(self, event: Asked) -> Result | None:
        """Returns the result of the trial that an event ends, in the execution's own legs."""
        state = self.state
        if state is None or event.leg != state.began.leg or event.ended is None:
            return None
        task = state.task_of(event.worker)
        if task is None:
            return None
        trial, end = state.trial(task.candidate, task.member), event.ended
        return Result(
            trial=trial,
            outcome=Outcome(trial_id=trial.trial_id, status=end.status, reason=end.reason, cause=end.cause),
            value=end.value,
            epoch=end.epoch,
            epochs_trained=end.epochs_trained,
            by_objective=end.by_objective,
        )
