"""Sees from the first trials to end whether all of them would fail for the same reason."""

import re
from collections.abc import Sequence

from stepsweep.client.running.progress import RUNNING, Progress
from stepsweep.contract.results import Result
from stepsweep.contract.trial import Status

TRIALS = 3
"""Fewer could be chance: one machine without a disk, say."""

_DIFFERS = re.compile(r"\S*[/\\]\S*|0x[0-9a-f]+|[0-9a-f]{8,}|\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)


class Canary:
    """Reads the progress of one execution.

    It only speaks of a sweep of which no trial has succeeded, in its first round. A trial that diverged says nothing of
    the others: that is what a search is for.
    """

    def __init__(self) -> None:
        self._ended: list[Result] = []

    def why_all_fail(self, progress: Progress) -> str | None:
        """Returns the first trial's reason, if the first trials to end have failed for the same one."""
        self._ended += progress.news
        is_first_run = progress.round_number == 0 and progress.planned == progress.to_run
        is_worth_it = progress.status == RUNNING and progress.ended < progress.to_run
        if not is_first_run or not is_worth_it or len(self._ended) < TRIALS:
            return None
        return self._ended[0].outcome.reason if are_alike(self._ended) else None


def are_alike(ended: Sequence[Result]) -> bool:
    """Returns whether trials all failed, with one reason, apart from numbers, paths and ids."""
    if not all(result.outcome.is_failure for result in ended):
        return False
    statuses = {result.outcome.status for result in ended}
    reasons = {_DIFFERS.sub("*", result.outcome.reason) for result in ended}
    return statuses <= {Status.FAILED, Status.MISSING} and len(reasons) == 1
