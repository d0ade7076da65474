"""Sees from the first trials to end whether all of them would fail for the same reason."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set

from stepsweep.bucket.plans import Plan
from stepsweep.bucket.records import Records
from stepsweep.client.running.progress import RUNNING, Progress
from stepsweep.contract.alike import without_values
from stepsweep.contract.results import Result

TRIALS = 3
"""Fewer could be chance: one machine without a disk, say."""


class Canary:
    """Reads the progress of one execution.

    It only speaks of a sweep of which no trial has succeeded. A trial that diverged says nothing of the others: that is
    what a search is for.

    Attributes:
        ended: the trials that have ended in this execution.
    """

    def __init__(self, earlier: Callable[[Set[str]], Iterable[Result]] = lambda _: ()) -> None:
        """Begins before the first progress.

        Args:
            earlier: reads the results of the trials that needed no job, those of these ids apart. It is asked once, if
                all others have failed alike, and for one after another, until one has not.
        """
        self.ended: list[Result] = []
        self._earlier = earlier
        self._may_speak = True

    def why_all_fail(self, progress: Progress) -> str | None:
        """Returns the first trial's reason, if the first trials to end have failed for the same one."""
        self.ended += progress.news
        is_worth_it = progress.status == RUNNING and progress.ended < progress.to_run
        if not self._may_speak or not is_worth_it or len(self.ended) < TRIALS:
            return None
        self._may_speak = are_alike(self.ended) and all(
            are_alike([self.ended[0], each]) for each in self._earlier({each.trial.trial_id for each in self.ended})
        )
        return self.ended[0].outcome.reason if self._may_speak else None


def are_alike(ended: Sequence[Result]) -> bool:
    """Returns whether trials all failed, with one reason, apart from numbers, paths and ids."""
    if not all(result.outcome.is_failure and not result.outcome.has_diverged for result in ended):
        return False
    return len({without_values(result.outcome.reason) for result in ended}) == 1


def ended_without(records: Records, plan: Plan, known: Set[str]) -> Iterator[Result]:
    """Reads the results of the trials of a plan that needed no job, without the known ones: first a few, of which most
    often one has succeeded, then all others at once."""
    ids = [trial_id for trial_id in plan.trials if trial_id not in plan.to_run | known]
    for some in (ids[:TRIALS], ids[TRIALS:]):
        yield from (read.result for read in records.results(plan, some))
