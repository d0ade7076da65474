"""Draws each trial's value with matplotlib, for notebooks and papers: over parameters one by one, over ranks, as lines.

The functions return figures. They write no files, and do not touch pyplot's global state.

from stepsweep.client.pictures.figures import slices

slices(spec, rows).savefig("slices.svg")
"""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.ticker import MaxNLocator

from stepsweep.client.pictures.canvas import (
    COLOURS,
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
from stepsweep.contract.described import number_of, verb
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.spec import SweepSpec
from stepsweep.page import sentences
from stepsweep.page.axes import MAX_CELLS, Axis, axes, having, with_values

MAX_SLICES = 12
NOTHING_VARIES = "a picture of the trials needs a parameter that varies; every trial has the same params"

BELOW = -0.12
"""Where a line of parallel coordinates passes a parameter that does not apply; the axes reach from 0 to 1."""

LABEL_BOX = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1}
"""Background of a label that lines cross."""


def values_by_parameter(spec: SweepSpec, rows: Sequence[Row], name: str | None = None) -> Picture:
    """Returns each trial's value over one parameter, by default the one with the most choices. Marks the winner.

    Raises:
        InvalidInput: there is no parameter with this name.
    """
    known = axes(spec, rows)
    axis = axis_named(known, name) if name else max(known, key=lambda each: (each.is_of_all, len(each.choices)))
    with mpl.rc_context(STYLE):
        figure = new_picture(width=5, height=3.4)
        plot = figure.add_subplot()
        if sum(each.varies for each in known) == 1 and not spec.halving:
            _curve(plot, axis, rows)
        _slice(plot, axis, rows, spec)
        if with_values(rows):
            plot.legend()
        explained(figure, of_rungs(spec, sentences.CURVE))
    return figure


def slices(spec: SweepSpec, rows: Sequence[Row], order: Sequence[str] = ()) -> Picture:
    """Returns a picture of the values over each parameter that varies. Marks the winner in each.

    Args:
        order: names of parameters, the most important first; empty if that is not known.

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
        if spec.halving:
            plots[0].legend()
        for place, plot in enumerate(plots):
            plot.set_visible(place < len(shown))
            if place % columns:
                plot.set_ylabel("")
        more = len(varied) - len(shown)
        left_out = f" {number_of(more, 'more parameter')} {verb(more, 'is', 'are')} left out." if more > 0 else ""
        first = f" {sentences.MOST_IMPORTANT}" if order else ""
        explained(figure, of_rungs(spec, sentences.SLICES + first + left_out))
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
        _with_spread(plot, [(place, value, row) for place, (row, value) in enumerate(ranked, start=1)], spec)
        if spec.halving:
            plot.legend()
        plot.plot(1, ranked[0][1], "o", markersize=11, markerfacecolor="none", color=WINNER, markeredgewidth=2)
        plot.xaxis.set_major_locator(MaxNLocator(integer=True))
        plot.set(xlabel="rank", ylabel=spec.objective.metric)
        plot.grid(axis="y", alpha=0.3)
        explained(figure, of_rungs(spec, sentences.RANKS))
    return figure


def parallel_coordinates(spec: SweepSpec, rows: Sequence[Row]) -> Picture:
    """Returns one line per trial through its params and its value. Lighter is better; the winner's line is on top.

    A line passes below the axis of a parameter that does not apply to its trial.

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
            heights = [_height(axis, row.texts[axis.name]) if axis.name in row.params else BELOW for axis in varied]
            is_winner = row.rank == 1
            plot.plot(
                range(len(varied) + 1), [*heights, float(normalized(value))],
                color=WINNER if is_winner else colours(normalized(value)), linewidth=2.5 if is_winner else 1,
                alpha=1 if is_winner else 0.7, label="winner" if is_winner else None,
            )  # fmt: skip
        for number, axis in enumerate(varied):
            plot.plot([number, number], [0, 1], color="0.6", linewidth=0.8, zorder=0)
            if not axis.is_of_all:
                plot.text(number, BELOW, "does not apply", fontsize=7.5, ha="center", va="top", bbox=LABEL_BOX)
            is_short = axis.is_listed and len(axis.choices) <= MAX_CELLS
            shown = axis.choices if is_short else (axis.choices[0], axis.choices[-1])
            for choice in shown:
                plot.text(number + 0.03, _height(axis, choice), choice, fontsize=7.5, va="center", bbox=LABEL_BOX)
        plot.plot([len(varied)] * 2, [0, 1], color="0.6", linewidth=0.8, zorder=0)
        plot.set_xticks(range(len(varied) + 1), [*(axis.name for axis in varied), spec.objective.metric])
        plot.tick_params(length=0)
        plot.set_yticks([])
        plot.set_xlim(-0.1, len(varied) + 0.1)
        plot.spines[:].set_visible(False)
        if with_values(rows):
            plot.legend(loc="upper center", bbox_to_anchor=(0.5, 1.12))
        figure.colorbar(ScalarMappable(normalized, colours), ax=plot, label=spec.objective.metric, pad=0.02)
        explained(figure, of_rungs(spec, sentences.PARALLEL))
    return figure


# --- parts


def _slice(plot: Axes, axis: Axis, rows: Sequence[Row], spec: SweepSpec) -> None:
    ranked = [(place_of(axis, row.texts[axis.name]), value, row) for row, value in with_values(having(rows, axis.name))]
    _with_spread(plot, ranked, spec)
    for place, value, _ in [each for each in ranked if each[2].rank == 1]:
        plot.plot(place, value, "*", color=WINNER, markersize=13, label="winner", zorder=3)
    ticks(plot, axis, vertical=False)
    plot.set(xlabel=axis.name, ylabel=spec.objective.metric)
    plot.grid(axis="y", alpha=0.3)


def _with_spread(plot: Axes, ranked: Sequence[tuple[float, float, Row]], spec: SweepSpec) -> None:
    """Draws values at their places, in a colour for each rung; of means with their errors, and each trial's value."""
    each = [(place, value) for place, _, row in ranked for value in row.each]
    if each:
        plot.plot([place for place, _ in each], [value for _, value in each], ".", color="0.55", markersize=4)
    for rung, epochs in enumerate(spec.rungs):
        there = [point for point in ranked if point[2].rung == rung]
        plot.errorbar(
            [place for place, _, _ in there], [value for _, value, _ in there],
            yerr=[row.standard_error or 0 for _, _, row in there] if each else None,
            fmt="o", color=COLOURS[rung % len(COLOURS)], markersize=5, alpha=0.8, ecolor="0.4", elinewidth=1,
            label=number_of(epochs, "epoch") if spec.halving and there else None,
        )  # fmt: skip


def _curve(plot: Axes, axis: Axis, rows: Sequence[Row]) -> None:
    """Joins the values over the only parameter, if it is a number."""
    try:
        places = sorted((float(row.texts[axis.name]), place_of(axis, row.texts[axis.name]), value)
                        for row, value in with_values(rows))  # fmt: skip
    except ValueError:
        return
    plot.plot([place for _, place, _ in places], [value for _, _, value in places], color="0.5", linewidth=1)


def _height(axis: Axis, choice: str) -> float:
    """Returns the position of a choice between the bottom (0) and the top (1) of an axis."""
    if axis.is_listed:
        return axis.choices.index(choice) / max(1, len(axis.choices) - 1)
    return axis.share(float(choice))
