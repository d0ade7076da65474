"""Metrics that a tracker kept by step: which epoch each belongs to.

- Where the script logs a metric `epoch` too, as Lightning and Hugging Face do, it says so.
- Steps are epochs where they count from 0 or 1, at most to the epochs asked for, and no name has one of them twice.
- Otherwise the n-th value of a name is that of epoch n.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Sequence
from typing import NamedTuple

from stepsweep.trial.columns import EPOCH
from stepsweep.trial.metrics import Collector


class Point(NamedTuple):
    """A value that was logged."""

    step: int
    time: float
    name: str
    value: float


def feed(points: Sequence[Point], collector: Collector, epochs: int | None) -> None:
    """Hands the points to the collector.

    Args:
        epochs: how many were asked for; None by hand.
    """
    in_order = sorted(points, key=lambda point: (point.step, point.time))
    named = [point for point in in_order if point.name == EPOCH]
    others = [point for point in in_order if point.name != EPOCH]
    steps = [point.step for point in named]
    are_epochs = _are_epochs(others, epochs, collector)
    for point in others:
        row = {point.name: point.value}
        if named:
            row[EPOCH] = named[max(bisect.bisect_right(steps, point.step) - 1, 0)].value
        elif are_epochs:
            row[EPOCH] = point.step
        collector.feed(json.dumps(row))


def _are_epochs(points: Sequence[Point], epochs: int | None, collector: Collector) -> bool:
    steps = sorted({point.step for point in points})
    if not steps or len({(point.name, point.step) for point in points}) < len(points):
        return False
    if collector.resumed and epochs is not None:
        return steps[-1] <= epochs
    if steps[0] not in (0, 1):
        return False
    return steps[-1] - steps[0] < (len(steps) if epochs is None else epochs)
