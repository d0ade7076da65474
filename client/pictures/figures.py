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

from stepsweep.client.archive.leaderboard import Row
from stepsweep.client.pictures.axes import (
    MAX_CELLS,
    Axis,
    axes,
    best_of_cells,
    having,
    is_grid,
    most_varied,
    with_values,
)
from stepsweep.client.pictures.canvas import (
    COLOURS,
    STYLE,
    WINNER,
    Picture,
    colours_of,
    new_picture,
    normalized_by,
    place_of,
    ticks,
)
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.spec import SweepSpec

DIGITS = 4

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
        plot.set_title(f"best {spec.objective.metric}" + (f"\n(without {left_out} trials)" if left_out else ""))
        mappable = ScalarMappable(normalized_by(rows), colours_of(spec.objective))
        figure.colorbar(mappable, ax=plot, shrink=0.9)
    return figure


def values_by_parameter(spec: SweepSpec, rows: Sequence[Row], name: str | None = None) -> Picture:
    """Returns each trial's value over one parameter, by default the one with the most choices. Marks the winner.

    Raises:
        InvalidInput: there is no parameter with this name.
    """
    known = axes(spec, rows)
    axis = _named(known, name) if name else max(known, key=lambda each: (each.is_of_all, len(each.choices)))
    with mpl.rc_context(STYLE):
        figure = new_picture(width=5, height=3.2)
        plot = figure.add_subplot()
        for row, value in reversed(with_values(having(rows, axis.name))):
            place = place_of(axis, row.texts[axis.name])
            if row.rank == 1:
                plot.plot(place, value, "*", color=WINNER, markersize=13, label="winner")
                plot.legend()
            else:
                plot.plot(place, value, "o", color=COLOURS[0], markersize=5, alpha=0.8)
        ticks(plot, axis, vertical=False)
        plot.set(xlabel=axis.name, ylabel=spec.objective.metric)
        plot.grid(axis="y", alpha=0.3)
    return figure


def parallel_coordinates(spec: SweepSpec, rows: Sequence[Row]) -> Picture:
    """Returns one line per trial through its params and its value. Lighter is better; the winner's line is on top.

    A line passes by the axis of a parameter that does not apply to its trial.

    Raises:
        InvalidInput: no parameter varies.
    """
    varied = [axis for axis in axes(spec, rows) if axis.varies]
    if not varied:
        raise InvalidInput(["a picture of the trials needs a parameter that varies; every trial has the same params"])
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
            x, y, f"{row.value:.{DIGITS}g}" + ("\nwinner" if is_winner else ""), ha="center", va="center", fontsize=8,
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
    plot.scatter(*places([row for row in rows if row.value is None]), marker="x", color="0.5", s=20, linewidths=1)
    plot.scatter(
        *places([row for row, _ in ranked]), c=[value for _, value in ranked], cmap=colours_of(spec.objective),
        norm=normalized_by(rows), s=28, edgecolors="0.3", linewidths=0.5,
    )  # fmt: skip
    for row in (row for row, _ in ranked if row.rank == 1):
        place = (place_of(across, row.texts[across.name]), place_of(down, row.texts[down.name]))
        plot.plot(*place, "o", markersize=12, markerfacecolor="none", color=WINNER, markeredgewidth=2)
        plot.annotate("winner", place, xytext=(9, 6), textcoords="offset points", fontsize=8)
    ticks(plot, across, vertical=False)
    ticks(plot, down, vertical=True)


def _height(axis: Axis, choice: str) -> float:
    """Returns the position of a choice between the bottom (0) and the top (1) of an axis."""
    if axis.is_listed:
        return axis.choices.index(choice) / max(1, len(axis.choices) - 1)
    return axis.share(float(choice))
