"""Draws values over parameters with matplotlib, for notebooks and papers.

The functions return figures. They write no files, and do not touch pyplot's global state.

from stepsweep.client.pictures.figures import heatmap

heatmap(spec, rows).savefig("heatmap.svg")
"""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from stepsweep.client.pictures.canvas import (
    COLOURS,
    SMALL,
    STYLE,
    WINNER,
    Picture,
    colours_of,
    explained,
    new_picture,
    normalized_by,
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
from stepsweep.page.axes import (
    MAX_CELLS,
    Axis,
    axes,
    best_of_cells,
    having,
    is_grid,
    most_varied,
    with_values,
)

DIGITS = 4

MAX_SLICES = 12
MAX_POINTS = 2_000
"""Trials that a surface is computed from; of more, every second, third … of the ranking."""
NOTHING_VARIES = "a picture of the trials needs a parameter that varies; every trial has the same params"

LABEL_BOX = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1}
"""Background of a label that lines cross."""


def heatmap(spec: SweepSpec, rows: Sequence[Row], *, down: str | None = None, across: str | None = None) -> Picture:
    """Returns a heatmap over two parameters. Each cell has the best value over all others; a frame marks the winner.

    If the parameters are ranges, or have many choices, each trial is a point. Trials to which one of the two does not
    apply are left out.

    Args:
        down, across: names of parameters; by default the two with the most choices.

    Raises:
        InvalidInput: fewer than two parameters vary, or there is no parameter with a given name.
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
            explained(figure, sentences.CELLS)
        elif _has_surface(spec, one, other, with_values(having(rows, one.name, other.name))):
            explained(figure, sentences.SURFACE)
    return figure


def values_by_parameter(spec: SweepSpec, rows: Sequence[Row], name: str | None = None) -> Picture:
    """Returns each trial's value over one parameter, by default the one with the most choices. Marks the winner.

    Raises:
        InvalidInput: there is no parameter with this name.
    """
    known = axes(spec, rows)
    axis = _named(known, name) if name else max(known, key=lambda each: (each.is_of_all, len(each.choices)))
    with mpl.rc_context(STYLE):
        figure = new_picture(width=5, height=3.4)
        plot = figure.add_subplot()
        if sum(each.varies for each in known) == 1:
            _curve(plot, axis, rows)
        _slice(plot, axis, rows, spec)
        if with_values(rows):
            plot.legend()
        explained(figure, sentences.CURVE)
    return figure


def slices(spec: SweepSpec, rows: Sequence[Row], order: Sequence[str] = ()) -> Picture:
    """Returns a picture of the values over each parameter that varies. Marks the winner in each.

    Args:
        order: names of parameters, those that come first.

    Raises:
        InvalidInput: no parameter varies.
    """
    varied = [axis for axis in axes(spec, rows) if axis.varies]
    if not varied:
        raise InvalidInput([NOTHING_VARIES])
    varied.sort(key=lambda axis: order.index(axis.name) if axis.name in order else len(order))
    shown = varied[:MAX_SLICES]
    columns = min(3, len(shown))
    with mpl.rc_context(STYLE):
        lines = -(-len(shown) // columns)
        figure = new_picture(width=1 + 2.8 * columns, height=0.6 + 2.5 * lines)
        plots = figure.subplots(lines, columns, squeeze=False, sharey=True).flatten()
        for plot, axis in zip(plots, shown, strict=False):
            _slice(plot, axis, rows, spec)
        for place, plot in enumerate(plots):
            plot.set_visible(place < len(shown))
            if place % columns:
                plot.set_ylabel("")
        left_out = f" {len(varied) - len(shown)} more parameters are left out." if len(varied) > len(shown) else ""
        explained(figure, sentences.SLICES + left_out)
    return figure


def ranks(spec: SweepSpec, rows: Sequence[Row]) -> Picture:
    """Returns the values from the best to the worst; of means with their standard errors, and each trial's value.

    Raises:
        InvalidInput: no trial has a value.
    """
    ranked = with_values(rows)
    if not ranked:
        raise InvalidInput(["values by rank need a trial with a value, and there is none"])
    with mpl.rc_context(STYLE):
        figure = new_picture(width=5.5, height=3.4)
        plot = figure.add_subplot()
        _with_spread(plot, [(place, value, row) for place, (row, value) in enumerate(ranked, start=1)])
        plot.plot(1, ranked[0][1], "o", markersize=11, markerfacecolor="none", color=WINNER, markeredgewidth=2)
        plot.xaxis.set_major_locator(MaxNLocator(integer=True))
        plot.set(xlabel="rank", ylabel=spec.objective.metric)
        plot.grid(axis="y", alpha=0.3)
        explained(figure, sentences.RANKS)
    return figure


def parallel_coordinates(spec: SweepSpec, rows: Sequence[Row]) -> Picture:
    """Returns one line per trial through its params and its value. Lighter is better; the winner's line is on top.

    A line passes by the axis of a parameter that does not apply to its trial.

    Raises:
        InvalidInput: no parameter varies.
    """
    varied = [axis for axis in axes(spec, rows) if axis.varies]
    if not varied:
        raise InvalidInput([NOTHING_VARIES])
    normalized, colours = normalized_by(rows), colours_of(spec.objective)
    with mpl.rc_context(STYLE):
        figure = new_picture(width=1.6 * (len(varied) + 1) + 1, height=3.6)
        plot = figure.add_subplot()
        for row, value in reversed(with_values(rows)):
            there = [(number, axis) for number, axis in enumerate(varied) if axis.name in row.params]
            heights = {number: _height(axis, row.texts[axis.name]) for number, axis in there}
            heights[len(varied)] = float(normalized(value))
            is_winner = row.rank == 1
            plot.plot(
                list(heights), list(heights.values()), color=WINNER if is_winner else colours(normalized(value)),
                linewidth=2.5 if is_winner else 1, alpha=1 if is_winner else 0.7, label="winner" if is_winner else None,
            )  # fmt: skip
        for number, axis in enumerate(varied):
            plot.axvline(number, color="0.6", linewidth=0.8, zorder=0)
            is_short = axis.is_listed and len(axis.choices) <= MAX_CELLS
            shown = axis.choices if is_short else (axis.choices[0], axis.choices[-1])
            for choice in shown:
                plot.text(number + 0.03, _height(axis, choice), choice, fontsize=7.5, va="center", bbox=LABEL_BOX)
        plot.axvline(len(varied), color="0.6", linewidth=0.8, zorder=0)
        plot.set_xticks(range(len(varied) + 1), [*(axis.name for axis in varied), spec.objective.metric])
        plot.tick_params(length=0)
        plot.set_yticks([])
        plot.set_xlim(-0.1, len(varied) + 0.1)
        plot.spines[:].set_visible(False)
        if with_values(rows):
            plot.legend(loc="upper center", bbox_to_anchor=(0.5, 1.12))
        figure.colorbar(ScalarMappable(normalized, colours), ax=plot, label=spec.objective.metric, pad=0.02)
        explained(figure, sentences.PARALLEL)
    return figure


# --- parts


def _two_axes(spec: SweepSpec, rows: Sequence[Row], down: str | None, across: str | None) -> tuple[Axis, Axis]:
    known = axes(spec, rows)
    given = [_named(known, name) for name in (down, across) if name]
    others = [axis for axis in most_varied(known) if axis not in given]
    if len(given) + len(others) < 2:
        raise InvalidInput(["a heatmap needs two parameters that vary; `values_by_parameter` shows one"])
    one = given.pop(0) if down else others.pop(0)
    other = given.pop(0) if across else others.pop(0)
    return one, other


def _named(known: Sequence[Axis], name: str) -> Axis:
    for axis in known:
        if axis.name == name:
            return axis
    raise InvalidInput([f"there is no parameter {name!r}; there are {', '.join(axis.name for axis in known)}"])


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


def _slice(plot: Axes, axis: Axis, rows: Sequence[Row], spec: SweepSpec) -> None:
    ranked = [(place_of(axis, row.texts[axis.name]), value, row) for row, value in with_values(having(rows, axis.name))]
    _with_spread(plot, ranked)
    for place, value, _ in [each for each in ranked if each[2].rank == 1]:
        plot.plot(place, value, "*", color=WINNER, markersize=13, label="winner", zorder=3)
    ticks(plot, axis, vertical=False)
    plot.set(xlabel=axis.name, ylabel=spec.objective.metric)
    plot.grid(axis="y", alpha=0.3)


def _with_spread(plot: Axes, ranked: Sequence[tuple[float, float, Row]]) -> None:
    """Draws values at their places; of means with their standard errors, and each trial's value."""
    each = [(place, value) for place, _, row in ranked for value in row.each]
    if each:
        plot.plot([place for place, _ in each], [value for _, value in each], ".", color="0.55", markersize=4)
    plot.errorbar(
        [place for place, _, _ in ranked], [value for _, value, _ in ranked],
        yerr=[row.standard_error or 0 for _, _, row in ranked] if each else None,
        fmt="o", color=COLOURS[0], markersize=5, alpha=0.8, ecolor="0.4", elinewidth=1,
    )  # fmt: skip


def _curve(plot: Axes, axis: Axis, rows: Sequence[Row]) -> None:
    """Joins the values over the only parameter, if it is a number."""
    try:
        places = sorted((float(row.texts[axis.name]), place_of(axis, row.texts[axis.name]), value)
                        for row, value in with_values(rows))  # fmt: skip
    except ValueError:
        return
    plot.plot([place for _, place, _ in places], [value for _, _, value in places], color="0.5", linewidth=1)


def _surface(plot: Axes, down: Axis, across: Axis, ranked: Sequence[tuple[Row, float]], objective: Objective) -> None:
    some = ranked[:: -(-len(ranked) // MAX_POINTS)]
    x, y = ([axis.share(float(row.texts[axis.name])) for row, _ in some] for axis in (across, down))
    found = surface(x, y, [value for _, value in some])
    sides = [[axis.number_at(step / (STEPS - 1)) for step in range(STEPS)] for axis in (across, down)]
    norm = normalized_by([row for row, _ in ranked])
    plot.use_sticky_edges = False  # with them a surface has no margins, and cuts off the points at its edges
    plot.margins(0.03)
    plot.contourf(*sides, found, levels=12, cmap=colours_of(objective), norm=norm)


def _has_surface(spec: SweepSpec, down: Axis, across: Axis, ranked: Sequence[tuple[Row, float]]) -> bool:
    if spec.halving:  # values of different rungs have no mean
        return False
    return not down.is_listed and not across.is_listed and len(ranked) >= LEAST


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


def _height(axis: Axis, choice: str) -> float:
    """Returns the position of a choice between the bottom (0) and the top (1) of an axis."""
    if axis.is_listed:
        return axis.choices.index(choice) / max(1, len(axis.choices) - 1)
    return axis.share(float(choice))
