"""The params that two sweeps have in common: which are the same work, and which sweep is better in the others."""

import statistics
from dataclasses import dataclass

from stepsweep.contract.leaderboard import Row
from stepsweep.contract.objective import Objective
from stepsweep.contract.significance import difference
from stepsweep.contract.space import key_of
from stepsweep.contract.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class InCommon:
    """The params that two sweeps have in common.

    Attributes:
        params: number of params that both tried.
        same_work: number of these that are the same trials, with values, which were trained once for both.
        other_epochs: number of the other params with values that compare with none, as they are after different numbers
            of epochs.
        better, worse, equal: number of the other params for which the later sweep is so; 0 if values do not compare.
        median_difference: median over those params; None if there are none.
    """

    sweeps: tuple[str, str]
    params: int
    same_work: int
    other_epochs: int
    better: int
    worse: int
    equal: int
    median_difference: float | None


def in_common(one: Standing, other: Standing, objective: Objective | None) -> InCommon:
    """Compares two sweeps by their params; `objective` is None if their values do not compare."""
    by_params = {frozenset(key_of(row.params)): row for row in one.rows}
    pairs = [(by_params[key], row) for row in other.rows if (key := frozenset(key_of(row.params))) in by_params]
    # What has no value was not trained once for both: each sweep tried it anew.
    valued = [pair for pair in pairs if all(row.rank is not None for row in pair)]
    apart = [pair for pair in valued if not _is_same_work(*pair)]
    alike = [(a, b) for a, b in apart if one.spec.rungs[a.rung] == other.spec.rungs[b.rung]]
    # Means of which one has more seeds than the other share the other trials.
    separate = [pair for pair in alike if pair[0].trial_id != pair[1].trial_id or pair[0].n == pair[1].n]
    gains = [gain for pair in separate if (gain := gain_of(*pair, objective)) is not None]
    return InCommon(
        sweeps=(one.spec.name, other.spec.name),
        params=len(pairs),
        same_work=len(valued) - len(apart),
        other_epochs=len(apart) - len(alike),
        better=sum(gain > 0 for gain in gains),
        worse=sum(gain < 0 for gain in gains),
        equal=sum(gain == 0 for gain in gains),
        # Of halves, since the median of two gains near 1.8e308 would overflow.
        median_difference=2 * statistics.median(gain / 2 for gain in gains) if gains else None,
    )


def gain_of(one: Row | None, other: Row | None, objective: Objective | None) -> float | None:
    """Returns by how much the other value is better."""
    if objective is None or one is None or other is None or one.value is None or other.value is None:
        return None
    return difference(objective.rank(one.value), objective.rank(other.value))


def _is_same_work(one: Row, other: Row) -> bool:
    return (one.trial_id, one.n, one.epochs) == (other.trial_id, other.n, other.epochs)
