"""Draws values over two parameters: the best in each cell of a grid, or a point per trial on a smoothed surface."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Rectangle

from stepsweep.client.pictures.canvas import (
    SMALL,
    STYLE,
    WINNER,
    Picture,
    axis_named,
    colours_of,
    explained,
    new_picture,
    normalized_by,
    of_rungs,
    place_of,
    ticks,
)
from stepsweep.client.pictures.surface import LEAST, STEPS, surface
from stepsweep.contract.described import number_of
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.objective import Objective
from stepsweep.contract.spec import SweepSpec
from stepsweep.page import sentences
from stepsweep.page.axes import Axis, axes, best_of_cells, having, is_grid, most_varied, with_values

DIGITS = 4

MAX_POINTS = 2_000
"""Trials that a surface is computed from; of more, every second, third … of the ranking."""


def heatmap(spec: SweepSpec, rows: Sequence[Row], *, down: str | None = None, across: str | None = None) -> Picture:
    """Returns a heatmap over two parameters. Each cell has the best value over all others; a frame marks the winner.

    If the parameters are ranges, or have many choices, each trial is a point. Trials to which one of the two does not
    apply are left out.

    Args:
        down, across: names of parameters; by default the two with the most choices.

    Raises:
        InvalidInput: fewer than two parameters vary, there is no parameter with a given name, or no trial has both.
    """
    one, other = _two_axes(spec, rows, down, across)
    with mpl.rc_context(STYLE):
        figure = new_picture(
            width=2.2 + 0.75 * min(len(other.choices), 12), height=1.4 + 0.5 * min(len(one.choices), 14)
        )
        plot = figure.add_subplot()
        if is_grid(one, other, rows):
            _cells(plot, one, other, rows, spec)
        else:
            figure.set_size_inches(5.5, 4)
            _points(plot, one, other, rows, spec)
        plot.set(xlabel=other.name, ylabel=one.name)
        left_out = len(rows) - len(having(rows, one.name, other.name))
        plot.set_title(
            f"best {spec.objective.metric}" + (f"\n(without {number_of(left_out, 'trial')})" if left_out else "")
        )
        mappable = ScalarMappable(normalized_by(having(rows, one.name, other.name)), colours_of(spec.objective))
        figure.colorbar(mappable, ax=plot, shrink=0.9)
        if is_grid(one, other, rows):
            explained(figure, of_rungs(spec, sentences.CELLS))
        elif spec.halving:
            explained(figure, of_rungs(spec))
        elif _has_surface(spec, one, other, with_values(having(rows, one.name, other.name))):
            explained(figure, sentences.SURFACE)
    return figure


def _two_axes(spec: SweepSpec, rows: Sequence[Row], down: str | None, across: str | None) -> tuple[Axis, Axis]:
    known = axes(spec, rows)
    given = [axis_named(known, name) for name in (down, across) if name]
    if down and down == across:
        raise InvalidInput([f"across: must be another parameter than down, got {across!r} for both"])
    others = [axis for axis in most_varied(known) if axis not in given]
    if len(given) + len(others) < 2:
        beside = f" beside {given[0].name}" if given else ""
        there = f"{others[0].name} alone does; `plot_slices()` shows it" if others else f"none{beside} does"
        raise InvalidInput([f"a heatmap needs two parameters that vary, and {there}"])
    one = given.pop(0) if down else others.pop(0)
    other = given.pop(0) if across else others.pop(0)
    if rows and not having(rows, one.name, other.name):
        raise InvalidInput(
            [f"down, across: no trial has both {one.name} and {other.name}: name two parameters that apply together"]
        )
    return one, other


def _cells(plot: Axes, down: Axis, across: Axis, rows: Sequence[Row], spec: SweepSpec) -> None:
    normalized, colours = normalized_by(rows), colours_of(spec.objective)
    for (one, other), row in best_of_cells(rows, down.name, across.name).items():
        x, y = across.choices.index(other), down.choices.index(one)
        corner = (x - 0.5, y - 0.5)
        if row.value is None:
            plot.add_patch(Rectangle(corner, 1, 1, facecolor="0.92", edgecolor="0.6", hatch="///", linewidth=0))
            plot.text(x, y, row.status.lower(), ha="center", va="center", fontsize=7, color="0.2")
            continue
        colour = colours(normalized(row.value))
        plot.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white"))
        is_winner = row.rank == 1
        plot.text(
            x, y, f"{row.value:.{DIGITS}g}" + ("\nwinner" if is_winner else ""), ha="center", va="center",
            fontsize=SMALL,
            color="black" if _is_light(colour) else "white", fontweight="bold" if is_winner else "normal",
        )  # fmt: skip
        if is_winner:
            plot.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=WINNER, linewidth=2.5, zorder=3))
    plot.set_xlim(-0.5, len(across.choices) - 0.5)
    plot.set_ylim(len(down.choices) - 0.5, -0.5)
    plot.set_xticks(range(len(across.choices)), across.choices)
    plot.set_yticks(range(len(down.choices)), down.choices)
    plot.tick_params(length=0)


def _is_light(colour: tuple[float, float, float, float]) -> bool:
    """Whether black text reads better on the colour than white, by WCAG's relative luminance."""
    red, green, blue = ((part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4) for part in colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179


def _points(plot: Axes, down: Axis, across: Axis, rows: Sequence[Row], spec: SweepSpec) -> None:
    def places(some: Sequence[Row]) -> tuple[list[float], list[float]]:
        both = [[place_of(axis, row.texts[axis.name]) for row in some] for axis in (across, down)]
        return both[0], both[1]

    rows = having(rows, down.name, across.name)
    ranked = with_values(rows)
    if _has_surface(spec, down, across, ranked):
        _surface(plot, down, across, ranked, spec.objective)
    plot.scatter(*places([row for row in rows if row.value is None]), marker="x", color="0.5", s=20, linewidths=1)
    plot.scatter(
        *places([row for row, _ in ranked]), c=[value for _, value in ranked], cmap=colours_of(spec.objective),
        norm=normalized_by(rows), s=28, edgecolors="white", linewidths=0.6,
    )  # fmt: skip
    for row in (row for row, _ in ranked if row.rank == 1):
        place = (place_of(across, row.texts[across.name]), place_of(down, row.texts[down.name]))
        plot.plot(*place, "o", markersize=12, markerfacecolor="none", color=WINNER, markeredgewidth=2)
        plot.annotate("winner", place, xytext=(9, 6), textcoords="offset points", fontsize=SMALL)
    ticks(plot, across, vertical=False)
    ticks(plot, down, vertical=True)


def _has_surface(spec: SweepSpec, down: Axis, across: Axis, ranked: Sequence[tuple[Row, float]]) -> bool:
    if spec.halving:  # values of different rungs have no mean
        return False
    return not down.is_listed and not across.is_listed and len(ranked) >= LEAST


def _surface(plot: Axes, down: Axis, across: Axis, ranked: Sequence[tuple[Row, float]], objective: Objective) -> None:
    some = ranked[:: -(-len(ranked) // MAX_POINTS)]
    x, y = ([axis.share(float(row.texts[axis.name])) for row, _ in some] for axis in (across, down))
    found = surface(x, y, [value for _, value in some])
    sides = [[axis.number_at(step / (STEPS - 1)) for step in range(STEPS)] for axis in (across, down)]
    norm = normalized_by([row for row, _ in ranked])
    plot.use_sticky_edges = False  # with them a surface has no margins, and cuts off the points at its edges
    plot.margins(0.03)
    plot.contourf(*sides, found, levels=12, cmap=colours_of(objective), norm=norm)
