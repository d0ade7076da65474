"""A parameter as an axis of a figure: the values of its trials, and their positions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stepsweep.contract.leaderboard import Row
from stepsweep.contract.space import Parameter, Range, values_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.words import as_cell

MAX_CELLS = 24
"""Most choices of a parameter in a heatmap; with more, trials are points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One parameter.

    Attributes:
        choices: the values as texts; numbers ascending; a list with other values is in the spec's order.
        is_listed: whether the spec lists the choices, which are then at equal distances. Otherwise they are numbers
            of a range.
        is_log: whether the range has a log scale.
        is_of_all: whether the parameter applies to all trials.
    """

    name: str
    choices: tuple[str, ...]
    is_listed: bool
    is_log: bool = False
    is_of_all: bool = True

    def share(self, number: float) -> float:
        """Returns the position of a number between the smallest choice (0) and the largest (1)."""
        low, high = float(self.choices[0]), float(self.choices[-1])
        if self.is_log:
            number, low, high = math.log(number), math.log(low), math.log(high)
        return (number - low) / (high - low) if high > low else 0.5

    def number_at(self, share: float) -> float:
        """Returns the number at a position between the smallest choice (0) and the largest (1)."""
        low, high = float(self.choices[0]), float(self.choices[-1])
        if self.is_log:
            return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        return low + share * (high - low)

    @property
    def varies(self) -> bool:
        return len(self.choices) > 1


def axes(spec: SweepSpec, rows: Sequence[Row]) -> list[Axis]:
    """Returns one axis per parameter, in the spec's order."""
    return [_axis(name, parameter, rows) for name, parameter in spec.parameters.items()]


def _axis(name: str, parameter: Parameter, rows: Sequence[Row]) -> Axis:
    there = having(rows, name)
    of_all = len(there) == len(rows)
    if isinstance(parameter, Range):
        found = tuple(sorted({row.texts[name] for row in there}, key=float))
        return Axis(name=name, choices=found, is_listed=False, is_log=parameter.log, is_of_all=of_all)
    return Axis(name=name, choices=tuple(map(as_cell, values_of(parameter))), is_listed=True, is_of_all=of_all)


def having(rows: Sequence[Row], *names: str) -> list[Row]:
    """Returns the trials to which all these parameters apply."""
    return [row for row in rows if all(name in row.params for name in names)]


def is_grid(down: Axis, across: Axis, rows: Sequence[Row]) -> bool:
    """Whether the trials form a grid: both parameters have few choices, and trials share them."""
    if max(len(down.choices), len(across.choices)) > MAX_CELLS:
        return False
    filled = {(row.texts[down.name], row.texts[across.name]) for row in having(rows, down.name, across.name)}
    return (down.is_listed and across.is_listed) or 2 * len(filled) >= len(down.choices) * len(across.choices)


def with_values(rows: Sequence[Row]) -> list[tuple[Row, float]]:
    """Returns the trials that succeeded, best first, each with its value."""
    return [(row, row.value) for row in rows if row.value is not None]


def best_of_cells(rows: Sequence[Row], down: str, across: str) -> dict[tuple[str, str], Row]:
    """Returns for each pair of choices the best trial over all other parameters; a failed one if all failed."""
    cells: dict[tuple[str, str], Row] = {}
    for row in having(rows, down, across):  # best first
        cells.setdefault((row.texts[down], row.texts[across]), row)
    return cells


def most_varied(all_axes: Sequence[Axis]) -> list[Axis]:
    """Returns the two parameters with the most choices, in the spec's order; fewer if fewer vary.

    Parameters that apply to all trials come first, so that the figure leaves no trial out.
    """
    varied = [axis for axis in all_axes if axis.varies]
    chosen = sorted(varied, key=lambda axis: (not axis.is_of_all, -len(axis.choices)))[:2]
    return [axis for axis in varied if axis in chosen]
