"""One value more than another metric has, where no line names an epoch: measured before the training, or after it."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence

from stepsweep.trial import doubt, line

Order = Sequence[int]
"""The numbers of the lines that have a name, in the order of the output."""


def of_none(orders: Mapping[str, Order]) -> tuple[dict[str, int], list[str]]:
    """Returns by name which of its values is of no epoch, counted from 0, and the names of which nobody can tell.

    Of `val train val train val`, the first value may be before the training, and the last one may be after it.
    """
    found: dict[str, int] = {}
    unclear = []
    for name, own in orders.items():
        more = [each for other, each in orders.items() if 2 <= len(each) < len(own) and _is_metric(other)]
        others = max(more, key=len, default=())
        shared = set(others)
        alone = [at for at, number in enumerate(own) if number not in shared]
        # Of each value, how many of the other metric are before it.
        before = [bisect.bisect_right(others, number) for number in own]
        steps = [*range(len(others) + 1)]
        if others and len(own) == len(others) + 1 and len(alone) == 1:
            found[name] = alone[0]
        elif others and len(alone) == len(own) and before in (steps, [*steps, steps[-1]]):
            unclear.append(name)
        elif others and len(alone) == len(own) and before == [*steps[1:], steps[-1]]:
            found[name] = len(own) - 1
    return found, unclear


def _is_metric(name: str) -> bool:
    return doubt.may_be_objective(line.column(name))
