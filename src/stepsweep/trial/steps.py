"""Metrics that a tracker kept by step: which epoch each belongs to.

- Where the script logs a metric `epoch` too, as Lightning and Hugging Face do, it says so; not for a name with one
  value per epoch whose own steps are 0, 1, 2 or 1, 2, 3.
- Steps are epochs where they count from 0 or 1, at most to the epochs asked for, and no name has one of them twice.
- Otherwise the n-th value of a name is that of epoch n.
"""

from __future__ import annotations

import bisect
import json
import math
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
    counted = _counted_by_epoch(others, [point.value for point in named if math.isfinite(point.value)])
    rows: list[dict[str, float]] = []
    for point in others:
        row = {point.name: point.value}
        if point.name in counted:
            row[EPOCH] = counted[point.name] + point.step
        elif named:
            row[EPOCH] = named[max(bisect.bisect_right(steps, point.step) - 1, 0)].value
        elif are_epochs:
            row[EPOCH] = point.step
        rows.append(row)
    for row in sorted(rows, key=lambda row: row.get(EPOCH, 0.0)):
        collector.feed(json.dumps(row))


def _counted_by_epoch(points: Sequence[Point], named: Sequence[float]) -> dict[str, int]:
    """Returns the names whose steps are epochs although a metric `epoch` has others, with what their step lacks to the
    epoch as that metric has it."""
    epochs = sorted({math.ceil(value) for value in named})
    found: dict[str, int] = {}
    steps: dict[str, list[int]] = {}
    for point in points:
        steps.setdefault(point.name, []).append(point.step)
    for name, own in steps.items():
        from_0 = [*range(len(epochs))]
        if len(epochs) > 1 and any(
            own == [first + each for each in from_0] for first in (0, 1, epochs[0], epochs[0] + 1)
        ):
            found[name] = epochs[0] - own[0]
    return found


def _are_epochs(points: Sequence[Point], epochs: int | None, collector: Collector) -> bool:
    steps = sorted({point.step for point in points})
    if not steps or len({(point.name, point.step) for point in points}) < len(points):
        return False
    if collector.resumed and epochs is not None:
        return steps[-1] <= epochs
    if steps[0] not in (0, 1):
        return False
    return steps[-1] - steps[0] < (len(steps) if epochs is None else epochs)
