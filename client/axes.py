"""A parameter as an axis of a picture: which values its trials have, and where each has its place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from client.leaderboard import Row
from sweep.metrics import Objective
from sweep.space import as_option
from sweep.spec import SweepSpec

MAX_CELLS = 24
"""Choices of a parameter in a heatmap; more are points."""

LOG_RATIO = 10
"""Positive numbers that are as far apart as this are shown by their order of magnitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One parameter.

    Attributes:
        choices: as texts, as rows have them; in the spec's order where it lists them, else ascending.
        is_listed: whether the spec lists them: then each has a place of its own, at equal distances.
    """

    name: str
    choices: tuple[str, ...]
    is_listed: bool

    @property
    def numbers(self) -> list[float] | None:
        """The choices as numbers; None where one is not."""
        try:
            numbers = [float(choice) for choice in self.choices]
        except ValueError:
            return None
        return numbers if numbers and all(map(math.isfinite, numbers)) else None

    @property
    def is_log(self) -> bool:
        numbers = self.numbers
        return numbers is not None and min(numbers) > 0 and max(numbers) >= LOG_RATIO * min(numbers)

    def share(self, number: float) -> float:
        """Returns where a number lies between the least of the choices, 0, and the greatest, 1."""
        low, high = min(self.numbers or [0]), max(self.numbers or [1])
        if self.is_log:
            number, low, high = math.log(number), math.log(low), math.log(high)
        return (number - low) / (high - low) if high > low else 0.5

    @property
    def varies(self) -> bool:
        return len(self.choices) > 1


def axes(spec: SweepSpec, rows: Sequence[Row]) -> list[Axis]:
    """Returns an axis a parameter, in the spec's order."""
    return [_axis(spec, name, rows) for name in spec.parameters]


def _axis(spec: SweepSpec, name: str, rows: Sequence[Row]) -> Axis:
    found = list(dict.fromkeys(row.params[name] for row in rows if name in row.params))
    listed = [as_option(choice) for choice in spec.parameters[name]]
    if set(found) <= set(listed):
        return Axis(name=name, choices=tuple(listed), is_listed=True)
    axis = Axis(name=name, choices=tuple(found), is_listed=False)
    return Axis(name=name, choices=tuple(sorted(found, key=float)), is_listed=False) if axis.numbers else axis


def is_grid(down: Axis, across: Axis, rows: Sequence[Row]) -> bool:
    """Whether the trials lie in cells: few choices of both parameters, and not one choice a trial."""
    if max(len(down.choices), len(across.choices)) > MAX_CELLS:
        return False
    filled = {(row.params.get(down.name), row.params.get(across.name)) for row in rows}
    return (down.is_listed and across.is_listed) or 2 * len(filled) >= len(down.choices) * len(across.choices)


def with_values(rows: Sequence[Row]) -> list[tuple[Row, float]]:
    """Returns the trials that succeeded, best first, each with its value."""
    return [(row, row.value) for row in rows if row.value is not None]


def best_of_cells(rows: Sequence[Row], down: str, across: str, objective: Objective) -> dict[tuple[str, str], Row]:
    """Returns for each pair of choices its best trial over all other parameters; one that failed where all did."""
    cells: dict[tuple[str, str], Row] = {}
    for row in rows:
        place = (row.params[down], row.params[across])
        other = cells.get(place)
        if other is None or _rank(row, objective) < _rank(other, objective):
            cells[place] = row
    return cells


def _rank(row: Row, objective: Objective) -> float:
    return math.inf if row.value is None else objective.rank(row.value)


def most_varied(all_axes: Sequence[Axis]) -> list[Axis]:
    """Returns the two parameters with most choices, in the spec's order; fewer where fewer vary."""
    varied = [axis for axis in all_axes if axis.varies]
    chosen = sorted(varied, key=lambda axis: -len(axis.choices))[:2]
    return [axis for axis in varied if axis in chosen]
