"""A parameter as an axis of a picture: which values its trials have, and where each has its place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stepsweep.client.archive.leaderboard import Row
from stepsweep.contract.space import Parameter, Range, as_option
from stepsweep.contract.spec import SweepSpec

MAX_CELLS = 24
"""Choices of a parameter in a heatmap; more are points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One parameter.

    Attributes:
        choices: as texts, as rows have them; in the spec's order where it lists them, else ascending.
        is_listed: whether the spec lists them: then each has a place of its own, at equal distances. Else they are of a
            range, and so numbers.
        is_log: whether that range is one of orders of magnitude.
    """

    name: str
    choices: tuple[str, ...]
    is_listed: bool
    is_log: bool = False

    def share(self, number: float) -> float:
        """Returns where a number of a range lies between the least of the choices, 0, and the greatest, 1."""
        low, high = float(self.choices[0]), float(self.choices[-1])
        if self.is_log:
            number, low, high = math.log(number), math.log(low), math.log(high)
        return (number - low) / (high - low) if high > low else 0.5

    @property
    def varies(self) -> bool:
        return len(self.choices) > 1


def axes(spec: SweepSpec, rows: Sequence[Row]) -> list[Axis]:
    """Returns an axis a parameter, in the spec's order."""
    return [_axis(name, parameter, rows) for name, parameter in spec.parameters.items()]


def _axis(name: str, parameter: Parameter, rows: Sequence[Row]) -> Axis:
    if isinstance(parameter, Range):
        found = {row.texts[name] for row in rows}
        return Axis(name=name, choices=tuple(sorted(found, key=float)), is_listed=False, is_log=parameter.log)
    return Axis(name=name, choices=tuple(map(as_option, parameter)), is_listed=True)


def is_grid(down: Axis, across: Axis, rows: Sequence[Row]) -> bool:
    """Whether the trials lie in cells: few choices of both parameters, and not one choice a trial."""
    if max(len(down.choices), len(across.choices)) > MAX_CELLS:
        return False
    filled = {(row.texts.get(down.name), row.texts.get(across.name)) for row in rows}
    return (down.is_listed and across.is_listed) or 2 * len(filled) >= len(down.choices) * len(across.choices)


def with_values(rows: Sequence[Row]) -> list[tuple[Row, float]]:
    """Returns the trials that succeeded, best first, each with its value."""
    return [(row, row.value) for row in rows if row.value is not None]


def best_of_cells(rows: Sequence[Row], down: str, across: str) -> dict[tuple[str, str], Row]:
    """Returns for each pair of choices its best trial over all other parameters; one that failed where all did."""
    cells: dict[tuple[str, str], Row] = {}
    for row in rows:  # the best first
        cells.setdefault((row.texts[down], row.texts[across]), row)
    return cells


def most_varied(all_axes: Sequence[Axis]) -> list[Axis]:
    """Returns the two parameters with most choices, in the spec's order; fewer where fewer vary."""
    varied = [axis for axis in all_axes if axis.varies]
    chosen = sorted(varied, key=lambda axis: -len(axis.choices))[:2]
    return [axis for axis in varied if axis in chosen]
