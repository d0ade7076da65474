"""The Pareto front of a sweep with several objectives, as a figure: one plot for each pair of objectives."""

from collections.abc import Sequence
from itertools import combinations

import matplotlib as mpl
from matplotlib.axes import Axes

from stepsweep.client.pictures.canvas import COLOURS, SMALL, STYLE, WINNER, Picture, explained, new_picture
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.objective import Objective
from stepsweep.contract.spec import SweepSpec
from stepsweep.page import sentences

ACROSS = 3
"""Most plots side by side."""


def front(spec: SweepSpec, rows: Sequence[Row]) -> Picture:
    """Returns each trial's values by pairs of objectives, with the first Pareto front marked.

    Raises:
        InvalidInput: the sweep has one objective, or no trial has a value; the message says so.
    """
    if not spec.has_front:
        raise InvalidInput([f"a front needs two objectives or more, and {spec.name} has {spec.objective.metric} alone"])
    there = [row for row in rows if row.by_objective]
    if not there:
        raise InvalidInput([f"a front needs a trial with values, and {spec.name} has none"])
    pairs = list(combinations(spec.objectives, 2))
    across = min(ACROSS, len(pairs))
    down = -(-len(pairs) // across)
    with mpl.rc_context(STYLE):
        figure = new_picture(width=4.4 * across + (1.2 if across == 1 else 0), height=3.4 * down + 0.4)
        plots = figure.subplots(down, across, squeeze=False).flatten()
        for plot, (one, other) in zip(plots, pairs, strict=False):
            _pair(plot, one, other, there, is_whole=len(pairs) == 1)
        for plot in plots[len(pairs) :]:
            plot.set_visible(False)
        plots[0].legend(fontsize=SMALL)
        explained(figure, sentences.FRONT if len(pairs) == 1 else sentences.FRONT_OF_PAIRS)
    return figure


def _pair(plot: Axes, one: Objective, other: Objective, rows: Sequence[Row], *, is_whole: bool) -> None:
    """Draws two objectives; a line joins the front if these are all objectives."""
    behind = [row for row in rows if row.rank != 1]
    best = sorted((row for row in rows if row.rank == 1), key=lambda row: row.by_objective[one.metric])

    def values(some: Sequence[Row], objective: Objective) -> list[float]:
        return [row.by_objective[objective.metric] for row in some]

    if behind:
        plot.plot(
            values(behind, one),
            values(behind, other),
            "o",
            color=COLOURS[0],
            markersize=5,
            alpha=0.5,
            label="other trials",
        )
    plot.plot(
        values(best, one), values(best, other), "D:" if is_whole else "D", color=WINNER, linewidth=1,
        label="on the front",
    )  # fmt: skip
    plot.set(xlabel=_axis(one), ylabel=_axis(other))
    plot.grid(alpha=0.3)


def _axis(objective: Objective) -> str:
    return f"{objective.metric} ({objective.direction})"
