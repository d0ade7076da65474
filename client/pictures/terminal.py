"""Small versions of the tutorial's two figures for a terminal: a heatmap of two parameters, and the winner's curve."""

import math
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.objective import Objective
from stepsweep.contract.space import is_listed, size_of, values_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.words import as_cell

MAX_COLUMNS, MAX_ROWS = 10, 16
DIGITS = 4
CURVE_WIDTH = 48
BLOCKS = "▁▂▃▄▅▆▇█"

# From viridis, dark to light; perceptually uniform. https://cran.r-project.org/package=viridis
COLOURS = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")
DARK = 5
"""Index of the first colour on which black text reads better than white."""


def heatmap(spec: SweepSpec, rows: Sequence[Row]) -> Table | None:
    """Returns the values over two parameters, lighter for better ones; a star marks the winner.

    Returns None unless there are exactly two parameters with several choices each that fit a terminal. A parameter that
    does not apply to all trials would leave some of them out, perhaps the winner.
    """
    if len(spec.parameters) != 2 or any("" in row.texts.values() for row in rows):
        return None
    (down, first), (across, second) = spec.parameters.items()
    if not (is_listed(first) and 1 < size_of(first) <= MAX_ROWS):
        return None
    if not (is_listed(second) and 1 < size_of(second) <= MAX_COLUMNS):
        return None
    downs, acrosses = values_of(first), values_of(second)
    found = {tuple(row.texts.values()): row for row in rows}
    values = [row.value for row in rows if row.value is not None]
    table = Table(box=None, pad_edge=False, header_style="dim", padding=0, collapse_padding=True)
    table.add_column(f"{down} \\ {across} ", justify="right", style="dim")
    for choice in acrosses:
        table.add_column(f" {as_cell(choice)} ", justify="right")
    for one in downs:
        cells = [found.get((as_cell(one), as_cell(other))) for other in acrosses]
        table.add_row(f"{as_cell(one)} ", *(_cell(cell, values, spec.objective) for cell in cells))
    return table


def _cell(row: Row | None, values: Sequence[float], objective: Objective) -> Text:
    if row is None:
        return Text("")
    if row.value is None:
        return Text(f" {row.status} ", style="red")
    share = scaled(objective.rank(row.value), [objective.rank(value) for value in values])
    colour = round((1 - share) * (len(COLOURS) - 1))
    text = f"{'*' if row.rank == 1 else ' '}{row.value:.{DIGITS}g} "
    # Not by name: a terminal's "black" may be grey.
    style = f"{'#000000' if colour >= DARK else '#ffffff'} on {COLOURS[colour]}"
    return Text(text, style=f"bold {style}" if row.rank == 1 else style)


def curves(metrics: Metrics) -> list[tuple[str, str, str, str]]:
    """Returns the columns of a trial's metrics as `(name, first value, sparkline, last value)`."""
    names = [name for name in metrics.columns if name not in (EPOCH, "seconds")]
    return [_curve(name, metrics.columns) for name in names]


def _curve(name: str, columns: Mapping[str, Sequence[float]]) -> tuple[str, str, str, str]:
    values = columns[name]
    shown = values
    if len(values) > CURVE_WIDTH:
        # Thinned evenly, with the first and the last epoch.
        shown = [values[round(place * (len(values) - 1) / (CURVE_WIDTH - 1))] for place in range(CURVE_WIDTH)]
    finite = [value for value in values if math.isfinite(value)]
    line = "".join(
        BLOCKS[round(scaled(value, finite) * (len(BLOCKS) - 1))] if math.isfinite(value) else " " for value in shown
    )
    ends = [f"{value:.{DIGITS}g}" for value in (finite[0], finite[-1])] if finite else ["", ""]
    return name, ends[0], line, ends[1]


def scaled(value: float, values: Sequence[float]) -> float:
    """Returns the position of a value between the smallest (0) and the largest (1) of all values."""
    least, greatest = min(values), max(values)
    # Halved first, since the difference of two finite numbers may be infinite.
    return (value / 2 - least / 2) / (greatest / 2 - least / 2) if greatest / 2 > least / 2 else 0.5
