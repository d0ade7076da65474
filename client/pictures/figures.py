"""Draws the tutorial's figures and two more with matplotlib, for notebooks and papers.

The functions return figures. They write no files, and do not touch pyplot's global state.

from stepsweep.client.pictures.figures import heatmap, learning_curves

heatmap(spec, rows).savefig("heatmap.svg")
learning_curves({"lr=0.1": metrics}, spec.objective)
"""

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from stepsweep.client.archive.curves import best_epoch, losses, panels
from stepsweep.client.archive.leaderboard import Row
from stepsweep.client.pictures.axes import MAX_CELLS, Axis, axes, best_of_cells, is_grid, most_varied, with_values
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.spec import SweepSpec

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colour-blind safe colours by Okabe and Ito: https://jfly.uni-koeln.de/color/"""
WINNER = "#D55E00"

DIGITS = 4
FORMATS = ("png", "svg")
DPI = 200

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "text.parse_math": False,  # params may hold a dollar sign
    "svg.hashsalt": "stepsweep",  # the same figure gives the same file
}


MANY_CURVES = 5
"""With more curves, those on the training data are left out, and the legend is outside."""

MAX_LABEL = 40
"""Characters of a label in a legend beside the curves; longer ones stand below them."""
MAX_TITLE = 48
"""Characters of a line of a title, for each panel below it."""

LABEL_BOX = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1}
"""Background of a label that lines cross."""


class Picture(Figure):
    """A figure that a notebook displays with any backend."""

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        with mpl.rc_context(STYLE):
            self.savefig(data, format="png")
        return data.getvalue()


def heatmap(spec: SweepSpec, rows: Sequence[Row], *, down: str | None = None, across: str | None = None) -> Picture:
    """Returns a heatmap over two parameters. Each cell has the best value over all others; a frame marks the winner.

    If the parameters are ranges, or have many choices, each trial is a point.

    Args:
        down, across: names of parameters; by default the two with the most choices.

    Raises:
        InvalidInput: fewer than two parameters vary, or there is no parameter with a given name.
    """
    one, other = _two_axes(spec, rows, down, across)
    with mpl.rc_context(STYLE):
        figure = _picture(width=2.2 + 0.75 * min(len(other.choices), 12), height=1.4 + 0.5 * min(len(one.choices), 14))
        plot = figure.add_subplot()
        if is_grid(one, other, rows):
            _cells(plot, one, other, rows, spec)
        else:
            figure.set_size_inches(5.5, 4)
            _points(plot, one, other, rows, spec)
        plot.set(xlabel=other.name, ylabel=one.name)
        plot.set_title(f"best {spec.objective.metric}")
        mappable = ScalarMappable(_normalized(rows), _colours(spec.objective))
        figure.colorbar(mappable, ax=plot, shrink=0.9)
    return figure


def values_by_parameter(spec: SweepSpec, rows: Sequence[Row], name: str | None = None) -> Picture:
    """Returns each trial's value over one parameter, by default the one with the most choices. Marks the winner.

    Raises:
        InvalidInput: there is no parameter with this name.
    """
    known = axes(spec, rows)
    axis = _named(known, name) if name else max(known, key=lambda each: len(each.choices))
    with mpl.rc_context(STYLE):
        figure = _picture(width=5, height=3.2)
        plot = figure.add_subplot()
        for row, value in reversed(with_values(rows)):
            place = _place(axis, row.texts[axis.name])
            if row.rank == 1:
                plot.plot(place, value, "*", color=WINNER, markersize=13, label="winner")
                plot.legend()
            else:
                plot.plot(place, value, "o", color=COLOURS[0], markersize=5, alpha=0.8)
        _ticks(plot, axis, vertical=False)
        plot.set(xlabel=axis.name, ylabel=spec.objective.metric)
        plot.grid(axis="y", alpha=0.3)
    return figure


def parallel_coordinates(spec: SweepSpec, rows: Sequence[Row]) -> Picture:
    """Returns one line per trial through its params and its value. Lighter is better; the winner's line is on top.

    Raises:
        InvalidInput: no parameter varies.
    """
    varied = [axis for axis in axes(spec, rows) if axis.varies]
    if not varied:
        raise InvalidInput(["a picture of the trials needs a parameter that varies; every trial has the same params"])
    normalized, colours = _normalized(rows), _colours(spec.objective)
    with mpl.rc_context(STYLE):
        figure = _picture(width=1.6 * (len(varied) + 1) + 1, height=3.6)
        plot = figure.add_subplot()
        for row, value in reversed(with_values(rows)):
            heights = [*(_height(axis, row.texts[axis.name]) for axis in varied), float(normalized(value))]
            is_winner = row.rank == 1
            plot.plot(
                range(len(heights)), heights, color=WINNER if is_winner else colours(normalized(value)),
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


def learning_curves(curves: Mapping[str, Metrics], objective: Objective) -> Picture:
    """Returns the metrics by epoch: train and validation together, with one panel for loss and one for accuracy.

    A mark shows the epoch with the best objective. For a single trial, shading marks overfitting: the epochs after the
    lowest validation loss, if that loss is higher at the end. For many trials, only validation curves are drawn.

    Args:
        curves: legend label → the trial's metrics.
    """
    found = panels(list(curves.values()), objective)
    has_train = len(curves) <= MANY_CURVES
    colours = COLOURS if len(curves) <= len(COLOURS) else _shades(len(curves))
    with mpl.rc_context(STYLE):
        figure = _picture(
            width=4 * max(1, len(found)) + (0 if len(curves) == 1 else 0.5 if has_train else 2), height=3.2
        )
        plots = figure.subplots(1, max(1, len(found)), squeeze=False)[0]
        for plot, panel in zip(plots, found, strict=False):
            for (label, metrics), colour in zip(curves.items(), cycle(colours), strict=False):
                alone = len(curves) == 1
                for column in panel.columns:
                    if column not in metrics.columns:
                        continue
                    is_train = column in panel.training
                    if is_train and not has_train and len(panel.columns) > 1:
                        continue
                    plot.plot(
                        metrics.columns[EPOCH], metrics.columns[column], linestyle="--" if is_train else "-",
                        color=COLOURS[1] if alone and is_train else colour, linewidth=1.5,
                        marker="." if metrics.epochs == 1 else None,
                        label=column if alone else None if is_train else label,
                    )  # fmt: skip
                _mark(plot, metrics, objective, panel.columns, colour, with_line=has_train)
                if alone and losses(metrics.columns)[0] in panel.columns:
                    _shade_overfitting(plot, metrics)
            plot.set(xlabel="epoch", ylabel=panel.name)
            plot.xaxis.set_major_locator(MaxNLocator(integer=True))
            plot.grid(alpha=0.3)
            if len(curves) == 1:
                plot.legend(fontsize=8)
        if len(curves) > 1 and found:
            # Long labels would cover the curves, or leave them no room.
            is_long = max(map(len, curves)) > MAX_LABEL
            handles, labels = plots[0].get_legend_handles_labels()
            if is_long or has_train:
                figure.legend(handles, labels, loc="outside lower center", fontsize=8, ncols=1 if is_long else 3)
            else:
                figure.legend(handles, labels, loc="outside right upper", fontsize=8)
        if len(curves) == 1:
            figure.suptitle(textwrap.fill(next(iter(curves)), MAX_TITLE * max(1, len(found))))
        elif has_train and any(panel.training for panel in found):
            figure.suptitle("dashed: on the training data · solid: on the validation data", fontsize=8)
    return figure


def saved(figures: Mapping[str, Figure], folder: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Writes each figure in each format to a folder, which it creates, and returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, figure in figures.items():
        for form in formats:
            file = folder / f"{name}.{form}"
            with mpl.rc_context(STYLE):
                # Without the date, so that a sweep always gives the same file.
                figure.savefig(file, dpi=DPI, metadata={"Date": None} if form == "svg" else None)
            files.append(file)
    return files


# --- parts


def _picture(*, width: float, height: float) -> Picture:
    return Picture(figsize=(width, height), layout="constrained")


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


def _colours(objective: Objective) -> Colormap:
    """Returns viridis, lighter for better values: perceptually uniform, also in grey and for the colour-blind."""
    return mpl.colormaps["viridis" if objective.direction is Direction.MAXIMIZE else "viridis_r"]


def _normalized(rows: Sequence[Row]) -> Normalize:
    values = [value for _, value in with_values(rows)] or [0.0, 1.0]
    return Normalize(min(values), max(values))


def _cells(plot: Axes, down: Axis, across: Axis, rows: Sequence[Row], spec: SweepSpec) -> None:
    normalized, colours = _normalized(rows), _colours(spec.objective)
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
        both = [[_place(axis, row.texts[axis.name]) for row in some] for axis in (across, down)]
        return both[0], both[1]

    ranked = with_values(rows)
    plot.scatter(*places([row for row in rows if row.value is None]), marker="x", color="0.5", s=20, linewidths=1)
    plot.scatter(
        *places([row for row, _ in ranked]), c=[value for _, value in ranked], cmap=_colours(spec.objective),
        norm=_normalized(rows), s=28, edgecolors="0.3", linewidths=0.5,
    )  # fmt: skip
    for row, _ in ranked[:1]:
        place = (_place(across, row.texts[across.name]), _place(down, row.texts[down.name]))
        plot.plot(*place, "o", markersize=12, markerfacecolor="none", color=WINNER, markeredgewidth=2)
        plot.annotate("winner", place, xytext=(9, 6), textcoords="offset points", fontsize=8)
    _ticks(plot, across, vertical=False)
    _ticks(plot, down, vertical=True)


def _place(axis: Axis, choice: str) -> float:
    """Returns the position of a choice: its number for a range, its index for listed choices."""
    return axis.choices.index(choice) if axis.is_listed else float(choice)


def _height(axis: Axis, choice: str) -> float:
    """Returns the position of a choice between the bottom (0) and the top (1) of an axis."""
    if axis.is_listed:
        return axis.choices.index(choice) / max(1, len(axis.choices) - 1)
    return axis.share(float(choice))


def _ticks(plot: Axes, axis: Axis, *, vertical: bool) -> None:
    ticks = plot.yaxis if vertical else plot.xaxis
    if axis.is_listed:
        ticks.set_major_locator(FixedLocator(range(len(axis.choices))))
        ticks.set_major_formatter(FixedFormatter(list(axis.choices)))
    elif axis.is_log:
        (plot.set_yscale if vertical else plot.set_xscale)("log")


def _shades(number: int) -> list[str]:
    """Returns colours from dark to light, so that trials with similar ranks have similar colours."""
    return [to_hex(mpl.colormaps["viridis"](0.95 * place / max(1, number - 1))) for place in range(number)]


def _mark(
    plot: Axes, metrics: Metrics, objective: Objective, columns: Sequence[str], colour: str, *, with_line: bool
) -> None:
    epoch = best_epoch(metrics, objective)
    if epoch is None:
        return
    if objective.metric in columns:
        plot.plot(
            epoch, metrics.columns[objective.metric][epoch - 1], "o", color=colour, markersize=7, markerfacecolor="none"
        )
    if metrics.epochs > 1 and with_line:
        plot.axvline(epoch, color=colour, linestyle=":", linewidth=1, alpha=0.8)


def _shade_overfitting(plot: Axes, metrics: Metrics) -> None:
    name = losses(metrics.columns)[0]
    values = metrics.columns[name] if name else []
    finite = [value for value in values if math.isfinite(value)]
    if finite and values[-1] > min(finite):
        lowest = values.index(min(finite)) + 1
        plot.axvspan(lowest, len(values), color="0.5", alpha=0.12, linewidth=0)
        plot.annotate(
            f"{name} is past its lowest", (lowest, 1), xycoords=("data", "axes fraction"), xytext=(3, -3),
            textcoords="offset points", va="top", fontsize=7, color="0.35",
        )  # fmt: skip
