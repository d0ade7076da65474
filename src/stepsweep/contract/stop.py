"""When a search stops before it has tried all its trials: whichever rule is met first."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from stepsweep.contract.median import MedianRule
from stepsweep.contract.objective import Objective


class Running(StrEnum):
    """What becomes of trials that run when a rule is met."""

    FINISH = "finish"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Rules after which no further trial starts. None is no rule.

    A free-running search looks at them whenever a trial ends, and one in rounds after each round.

    Attributes:
        metric_reached: a trial's value at least as good; with halving, one on the last rung.
        max_hours: since the execution started.
        max_trials_without_improvement: that ended since the best value was found; none counts before a first value.
            With halving, each rung counts.
        median: ends single trials of a free-running search, and not the search.
        running: what becomes of trials that run then, by whatever rule the search ends.
    """

    metric_reached: float | None = None
    max_hours: float | None = None
    max_trials_without_improvement: int | None = None
    median: MedianRule | None = None
    running: Running = Running.FINISH

    @property
    def rules(self) -> dict[str, float]:
        """The rules that end the search, by their names."""
        names = ("metric_reached", "max_hours", "max_trials_without_improvement")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def to_json(self) -> dict[str, Any]:
        median = {"median": self.median.to_json()} if self.median else {}
        running = {"running": self.running.value} if self.running is not Running.FINISH else {}
        return {**self.rules, **median, **running}

    def why(self, objective: Objective, *, best: float | None, without_improvement: int, hours: float) -> str:
        """Returns the first rule that is met, for people; an empty text if none is.

        Args:
            best: the best value so far on the last rung.
            without_improvement: how many trials have ended since the best value on any rung.
            hours: since the execution started.
        """
        target, most, patience = self.metric_reached, self.max_hours, self.max_trials_without_improvement
        if target is not None and best is not None and objective.rank(best) <= objective.rank(target):
            return f"stop.metric_reached: {objective.metric} reached {best:.6g}; the target is {target:g}"
        if patience is not None and without_improvement >= patience:
            trials = "1 trial" if without_improvement == 1 else f"{without_improvement} trials"
            return f"stop.max_trials_without_improvement: {trials} ended since the best value was found"
        if most is not None and hours >= most:
            passed = f"{hours:.2f}" if hours >= 0.1 else f"{hours:.2g}"
            return f"stop.max_hours: {passed} hours have passed, of {most:g}"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a search went so far.

    Attributes:
        best: the best value on any rung.
        since_best: how many params have ended on a rung since, or at all without one.
        failed: how many of these a new execution of a free-running search tries again.
        judged: how many of these the median rule ended, which a new execution without the rule tries again.
    """

    best: float | None = None
    since_best: int = 0
    failed: int = 0
    judged: int = 0

    @property
    def without_improvement(self) -> int:
        """How many params have ended since the best value; 0 without one."""
        return 0 if self.best is None else self.since_best

    def after(self, values: Iterable[float | None], objective: Objective) -> "Course":
        """Returns it after params have ended with these values. None is a failure.

        Those of a round are given together: none of them was chosen by what another one brought, so their order says
        nothing.
        """
        ended = list(values)
        found = min((value for value in ended if value is not None), key=objective.rank, default=None)
        if found is not None and (self.best is None or objective.rank(found) < objective.rank(self.best)):
            return Course(best=found)
        return replace(self, since_best=self.since_best + len(ended))

    def after_failure(self) -> "Course":
        """Returns it after params have ended that a new execution tries again."""
        return replace(self, since_best=self.since_best + 1, failed=self.failed + 1)

    def after_judged(self) -> "Course":
        """Returns it after the median rule has ended params."""
        return replace(self, since_best=self.since_best + 1, judged=self.judged + 1)

    def tried_again(self, *, are_judged: bool) -> "Course":
        """Returns it as those that failed are tried again: they count when they end, and only once.

        Args:
            are_judged: whether those are tried again, too, that the median rule ended.
        """
        course = replace(self, since_best=self.since_best - self.failed, failed=0)
        return replace(course, since_best=course.since_best - course.judged, judged=0) if are_judged else course
