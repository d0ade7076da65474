"""The Pareto fronts of points: which trials no other trial beats, if a sweep has several objectives.

The fronts are those of nondominated sorting (Deb, Pratap, Agarwal and Meyarivan, *A Fast and Elitist Multiobjective
Genetic Algorithm: NSGA-II*, IEEE Transactions on Evolutionary Computation 6(2), 2002). They are found by efficient
nondominated sorting with a binary search (Zhang, Tian, Cheng and Jin, *An Efficient Approach to Nondominated Sorting
for Evolutionary Multiobjective Optimization*, ibid. 19(2), 2015), which compares far fewer pairs.
"""

from collections.abc import Sequence
from operator import le

Point = tuple[float, ...]
"""A value for each objective, of which smaller is better."""


def fronts(points: Sequence[Point]) -> list[int]:
    """Returns each point's front, counted from 1.

    The first front has the points that no other dominates; the next one those that only points of earlier fronts
    dominate, and so on. Equal points are on the same front. The order of the points does not matter.
    """
    # In this order no point is dominated by a later one, and equal points are found once.
    found: list[list[Point]] = []
    front_of: dict[Point, int] = {}
    for point in sorted(set(points)):
        low, high = 0, len(found)
        while low < high:  # a front that dominates the point has all earlier fronts dominate it too
            middle = (low + high) // 2
            if _is_dominated(point, found[middle]):
                low = middle + 1
            else:
                high = middle
        if low == len(found):
            found.append([])
        found[low].append(point)
        front_of[point] = low + 1
    return [front_of[point] for point in points]


def _is_dominated(point: Point, front: Sequence[Point]) -> bool:
    """Whether one of a front dominates the point; all of them are before it in the order of their values."""
    if len(point) == 2:
        return front[-1][1] <= point[1]  # the last one has the smallest second value of its front
    # The latest first: it is the nearest by the first value.
    rest = point[1:]
    return any(all(map(le, other[1:], rest)) for other in reversed(front))
