"""The order of the leaderboard and its head: the winner and its ties, or a Pareto front.

They depend only on the set of results, not on order, timing or retries.
"""

from collections.abc import Sequence

from stepsweep.contract.objective import Objective
from stepsweep.contract.pareto import fronts
from stepsweep.contract.results import Group
from stepsweep.contract.significance import LEVEL, corrected_resampled_p, mean_of, welch_p
from stepsweep.contract.space import Value


def rank(groups: Sequence[Group], objective: Objective) -> list[Group]:
    """Returns the leaderboard: groups with a value, best first, then the others in the order of the plan.

    With halving, the groups with the most epochs rank first, since values after different numbers of epochs do not
    compare. Equal values rank by the earlier epoch, since that training costs less, then in the order of the plan.

    Args:
        groups: all planned trials, in the order of the plan.
    """

    def place(group: Group) -> tuple[int, int, float, int]:
        if group.value is None or group.epoch is None:
            return (1, 0, 0.0, 0)
        return (0, -group.rung, objective.rank(group.value), group.epoch)

    return sorted(groups, key=place)  # stable, so the plan's order is the last rule


def ranked(groups: Sequence[Group], objectives: Sequence[Objective]) -> list[tuple[int | None, Group]]:
    """Returns the leaderboard, each group with its rank, which is None without a value.

    With several objectives the rank is the number of the Pareto front (`contract.pareto`), so that several groups have
    the same. Groups of a front are in the order of the first objective, then of the second and so on, then of the plan:
    an order to read them in, which says nothing about which is better. Groups without a value follow.

    Args:
        groups: all planned trials, in the order of the plan.
    """
    if len(objectives) == 1:
        return [
            (place if group.is_complete else None, group)
            for place, group in enumerate(rank(groups, objectives[0]), start=1)
        ]
    complete = [group for group in groups if group.is_complete]
    points = [
        tuple(each.rank(value) for each, value in zip(objectives, group.by_objective, strict=True))
        for group in complete
    ]
    placed = sorted(zip(fronts(points), points, complete, strict=True), key=lambda each: each[:2])
    without: list[tuple[int | None, Group]] = [(None, group) for group in groups if not group.is_complete]
    return [(front, group) for front, _, group in placed] + without


def ties(leaderboard: Sequence[Group]) -> list[Group]:
    """Returns the groups below the winner only by a tie-break.

    A single value ties with equal values. A mean ties with the means that a t-test cannot distinguish from it: see
    `p_value`. Only groups on the winner's rung are compared.
    """
    winner = leaderboard[0]
    there = [group for group in leaderboard[1:] if group.is_complete and group.rung == winner.rung]
    if len(winner.results) == 1:
        return [group for group in there if group.value == winner.value]
    return [group for group in there if p_value(winner, group) > LEVEL]


def p_value(first: Group, second: Group) -> float:
    """Returns the probability of so large a difference of two means by chance alone. Both groups must be complete.

    With folds it uses Nadeau and Bengio's corrected resampled t-test, on each fold's mean over the seeds. With seeds
    alone it uses Welch's t-test.
    """
    if "fold" not in first.trial.options:
        return welch_p(first.values, second.values)
    return corrected_resampled_p(_by_fold(first), _by_fold(second))


def _by_fold(group: Group) -> list[float]:
    folds: dict[Value, list[float]] = {}
    for result, value in zip(group.results, group.values, strict=True):
        folds.setdefault(result.trial.options["fold"], []).append(value)
    return [mean_of(values) for values in folds.values()]
