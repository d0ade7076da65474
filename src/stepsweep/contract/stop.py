"""When a free-running search stops before it has tried all its trials: whichever rule is met first."""

from dataclasses import asdict, dataclass
from typing import Any

from stepsweep.contract.objective import Objective


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Rules after which no further trial starts; trials that run then finish. None is no rule.

    Attributes:
        metric_reached: a trial's value at least as good; with halving, one on the last rung.
        max_hours: since the execution started.
        max_trials_without_improvement: that ended since the best value was found. With halving, each rung counts.
    """

    metric_reached: float | None = None
    max_hours: float | None = None
    max_trials_without_improvement: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    def why(self, objective: Objective, *, best: float | None, since_best: int, hours: float) -> str:
        """Returns the first rule that is met, for people; an empty text if none is.

        Args:
            best: the best value so far on the last rung.
            since_best: how many trials have ended since.
            hours: since the execution started.
        """
        target, most, patience = self.metric_reached, self.max_hours, self.max_trials_without_improvement
        if target is not None and best is not None and objective.rank(best) <= objective.rank(target):
            return f"stop.metric_reached: {objective.metric} reached {best:.6g}; the target is {target:g}"
        if patience is not None and since_best >= patience:
            return f"stop.max_trials_without_improvement: {since_best} trials ended since the best value was found"
        if most is not None and hours >= most:
            return f"stop.max_hours: {hours:.2f} hours have passed, of {most:g}"
        return ""
