"""The leaderboard as rows, from the reducer's results or from the results so far."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from stepsweep.contract import ranking
from stepsweep.contract.results import Group, Result, epochs_in_all, grouped, listed
from stepsweep.contract.space import Value, key_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.words import as_cells

NOT_IN_DOCUMENTS = ("each", "names", "epochs", "epochs_in_all", "succeeded")
"""Fields of a row that say what other fields say too, or what is said of a sweep as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the leaderboard.

    Attributes:
        rank: from 1; with several objectives the number of its Pareto front. None unless the trial succeeded.
        best, last: the best and the last value of the objective, whichever decides.
        value: the trial's value, with several objectives that of the first; with several trials, one per fold and seed,
            their mean.
        standard_error: of the mean.
        n: number of trials.
        values: each trial's value or status.
        each: the values of the trials that succeeded, if there are several trials.
        by_objective: with several objectives each one's metric → value; empty with one, and without a value.
        names: of all parameters, those included that do not apply to these params; empty if all of them do.
        rung: how often it was promoted; values compare on the same rung only.
        epochs: the most that its trials were to train: those of its rung, or of the one on which they stopped early.
        epochs_in_all: how many its trials trained, see `results.epochs_in_all`.
        succeeded: how many of its trials did.
    """

    rank: int | None
    trial_id: str
    params: Mapping[str, Value]
    value: float | None
    epoch: int | None
    best: float | None = None
    last: float | None = None
    epochs_trained: int | None
    status: str
    reason: str
    standard_error: float | None = None
    n: int = 1
    values: str = ""
    each: Sequence[float] = ()
    by_objective: Mapping[str, float] = field(default_factory=dict)
    names: Sequence[str] = ()
    rung: int = 0
    epochs: int = 0
    epochs_in_all: int = 0
    succeeded: int = 0

    @property
    def texts(self) -> dict[str, str]:
        """The params as words, as in tables: empty for a parameter that does not apply."""
        return as_cells(self.params, self.names or self.params)

    @property
    def objective_values(self) -> Sequence[float]:
        """The value of each objective: of the only one, or of several. Empty without a value."""
        return list(self.by_objective.values()) or ([] if self.value is None else [self.value])

    def to_json(self) -> dict[str, Any]:
        """Returns the row as a document."""
        return {name: value for name, value in asdict(self).items() if name not in NOT_IN_DOCUMENTS}

    @classmethod
    def of(cls, group: Group, rank: int | None, spec: SweepSpec) -> Self:
        several = len(group.results) > 1
        return cls(
            rank=rank,
            trial_id=group.trial.trial_id,
            params=dict(group.params),
            value=group.value,
            epoch=group.epoch,
            best=group.best,
            last=group.last,
            epochs_trained=group.epochs_trained,
            status=group.status.value,
            reason=group.reason,
            standard_error=group.standard_error,
            n=len(group.results),
            values=listed(group) if several else "",
            each=tuple(group.values) if several else (),
            by_objective=dict(zip([each.metric for each in spec.objectives], group.by_objective, strict=False)),
            names=tuple(spec.parameters),
            rung=group.rung,
            epochs=max(result.trial.epochs for result in group.results),
            epochs_in_all=epochs_in_all(group.results, spec.rungs),
            succeeded=len(group.values),
        )


def rows_of(results: Iterable[Result], spec: SweepSpec) -> list[Row]:
    """Returns the leaderboard of results that are in the order of the plan."""
    return [Row.of(group, rank, spec) for rank, group in ranking.ranked(grouped(results), spec.objectives)]


def equal_to_first(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows below the first only by a tie-break: with the same value on the same rung."""
    first, *others = rows
    return [row for row in others if row.rank is not None and (row.value, row.rung) == (first.value, first.rung)]


def without_effect(rows: Iterable[Row], spec: SweepSpec) -> list[str]:
    """Returns the parameters that made no difference, to the last digit: the trainer may not read them.

    Such a parameter has several values among params that are alike otherwise, and all of these have the same numbers.
    `the fold` and `the seed` are among them if all params have the same value with each.
    """
    ranked = [row for row in rows if row.rank is not None]
    names = dict.fromkeys(name for row in ranked for name in row.params)
    return [name for name in names if _is_without_effect(name, ranked)] + _members_without_effect(ranked, spec)


def _is_without_effect(name: str, rows: Sequence[Row]) -> bool:
    alike: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        if name in row.params:
            others = {other: value for other, value in sorted(row.params.items()) if other != name}
            alike[key_of(others)].append(row)
    several = [found for found in alike.values() if len(found) > 1]
    return bool(several) and all(_numbers(row) == _numbers(found[0]) for found in several for row in found[1:])


def _members_without_effect(rows: Sequence[Row], spec: SweepSpec) -> list[str]:
    by_fold = [row.each[at : at + spec.repeats] for row in rows for at in range(0, len(row.each), spec.repeats)]
    by_seed = [row.each[at :: spec.repeats] for row in rows if row.each for at in range(spec.repeats)]
    there = {"the fold": by_seed if spec.folds else [], "the seed": by_fold if spec.repeats > 1 else []}
    return [name for name, alike in there.items() if alike and all(len(set(values)) == 1 for values in alike)]


def _numbers(row: Row) -> tuple[object, ...]:
    return (row.value, row.epoch, row.best, row.last, row.epochs_trained, row.each, tuple(row.objective_values))
