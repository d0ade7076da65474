"""A sweep's plan as it was recorded: its trials so far, and those that had not ended then."""

from collections.abc import Sequence
from dataclasses import dataclass

from stepsweep.contract import keys
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of one round; of a free-running search, what it has begun.

    Attributes:
        round_number: of a free-running search, its leg.
        trials: all trials of the sweep so far, by id, in the order of the plan.
        to_run: ids of the trials that were not finished at planning; of a free-running search, that have not ended.
        recorded_before: those of `to_run` that have an outcome of an earlier execution, which does not count.
        execution: name of the execution that planned it.
        trainer_version: identifies the code that the trials run.
        has_ended: whether a rule has ended the search, so that it begins nothing else.
    """

    spec: SweepSpec
    round_number: int
    trials: dict[str, Trial]
    to_run: frozenset[str]
    recorded_before: frozenset[str]
    execution: str
    trainer_version: str
    has_ended: bool = False

    @property
    def in_all(self) -> int:
        """How many trials the search tries, unless a rule ends it."""
        return len(self.trials) if self.has_ended else self.spec.number_of_trials

    @property
    def planned(self) -> list[Trial]:
        """The trials of this round; earlier rounds have dealt with the others."""
        return [trial for trial in self.trials.values() if trial.round_number == self.round_number]

    def winner(self, rows: Sequence[Row]) -> Trial | None:
        """Returns the first trial of the winner of a leaderboard; None if none wins."""
        has_winner = rows and rows[0].rank == 1 and not self.spec.has_front
        return self.trials.get(rows[0].trial_id) if has_winner else None

    def outcome_key(self, trial_id: str) -> str:
        return keys.outcome_key(self.spec.name, self.trials[trial_id].round_number, trial_id)


def plan_of_state(state: SearchState) -> Plan:
    """Returns what a free-running search has begun. Its log says what has ended, and outcomes alone do not count."""
    trials, to_run = {}, set()
    for number, candidate in enumerate(state.candidates):
        for member, each in enumerate(candidate.members):
            trial = state.trial(number, member)
            trials[trial.trial_id] = trial
            if each.end is None:
                to_run.add(trial.trial_id)
    return Plan(
        spec=state.spec,
        round_number=state.began.leg,
        trainer_version=state.began.trainer_version,
        trials=trials,
        to_run=frozenset(to_run),
        recorded_before=frozenset(to_run),
        execution=state.began.execution,
        has_ended=bool(state.ended_by),
    )
