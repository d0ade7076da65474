"""How far the winner is ahead, in words: of the second best, and by a t-test of all that compare with it."""

from collections.abc import Sequence

from stepsweep.contract.described import number_of, shown_value, verb
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.significance import difference, mean_of
from stepsweep.contract.spec import SweepSpec


def behind(spec: SweepSpec, winner: Row, second: Row) -> str:
    """Returns what follows the second's value: `, 0.1 behind`, or ` after 3 of 9 epochs`, which does not compare."""
    if second.rung != winner.rung:
        return f" after {second.epochs_trained} of {number_of(spec.epochs, 'epoch')}"
    return f", {shown_value(abs(difference(winner.value or 0, second.value or 0)), digits=3)} behind"


def tested(spec: SweepSpec) -> str:
    """Returns what a t-test of two params compares: `3 values`; with several seeds in each fold, their means."""
    return f"{spec.folds} folds' means" if spec.folds and spec.repeats > 1 else f"{spec.trials_each} values"


def significantly_better(spec: SweepSpec, rows: Sequence[Row]) -> str:
    """Returns than how many others a winner of several trials without ties is better.

    It is empty where no test says so: if no other params have a mean after as many epochs, or if values do not vary.

    Args:
        rows: the leaderboard; its first row is the winner.
    """
    winner, *others = rows
    compared = [row for row in others if row.rank is not None and row.rung == winner.rung]
    if not compared or not (_vary(spec, winner) or all(_vary(spec, row) for row in compared)):
        return ""
    by = f"by a t-test of {tested(spec)} each"
    left = len(others) - len(compared)
    if not left:
        return f"significantly better than all others, {by}"
    lacks = [
        *(["no mean"] if any(row.rank is None for row in others) else []),
        *(["fewer epochs"] if any(row.rank is not None and row.rung != winner.rung for row in others) else []),
    ]
    which = f"{len(compared):,} of {len(others):,} others"
    return f"significantly better than {which}, {by}; the rest {verb(left, 'has', 'have')} {' or '.join(lacks)}"


def _vary(spec: SweepSpec, row: Row) -> bool:
    """Returns whether the values that a t-test compares differ."""
    each = row.each
    if spec.folds:
        each = [mean_of(each[at : at + spec.repeats]) for at in range(0, len(each), spec.repeats)]
    return len(set(each)) > 1
