"""Faults that make no difference which anyone could see, each with the reason; the figures leave them out.

A fault is known by its function and the text of its change, so this outlives what moves a line.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """A fault that nobody can see.

    Attributes:
        change: the lines as `make mutants` prints them.
    """

    file: str
    function: str
    change: tuple[str, ...]
    reason: str


EQUIVALENT = [
    Equivalent(
        file="contract/leaderboard.py",
        function="Row.of",
        change=(
            "- by_objective=dict(zip([each.metric for each in spec.objectives], group.by_objective, strict=False)),",
            "+ by_objective=dict(zip([each.metric for each in spec.objectives], group.by_objective, strict=None)),",
        ),
        reason="`strict=None` is `strict=False`",
    ),
    Equivalent(
        file="statemachine/notifier.py",
        function="End.of",
        change=("- name = None", '+ name = ""'),
        reason="neither is the name of a sweep, so the execution's takes its place",
    ),
    Equivalent(
        file="statemachine/reducer.py",
        function="_ended",
        change=(
            "- files = dict(zip((trial.trial_id for trial in trials_kept), keep(bucket, trials_kept), strict=True))",
            "+ files = dict(zip((trial.trial_id for trial in trials_kept), keep(bucket, trials_kept), ))",
        ),
        reason="`keep` returns as many as it is given; `strict` would only name a fault of its own",
    ),
]
