"""Draws learning curves with matplotlib, for notebooks and papers."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator

from stepsweep.client.pictures.canvas import COLOURS, SMALL, STYLE, Picture, letters_across, new_picture
from stepsweep.contract.curves import best_epoch, losses, panels
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.objective import Objective

MANY_CURVES = 5
"""With more curves, those on the training data are left out, and the legend is outside."""

MAX_LABEL = 40
"""Characters of a label in a legend beside the curves; longer ones stand below them."""
AROUND_LABEL = 8
"""Room that a legend's line and its gaps take, in letters."""
MAX_TITLE = 48
"""Characters of a line of a title, for each panel below it."""


def learning_curves(curves: Mapping[str, Metrics], objectives: Sequence[Objective]) -> Picture:
    """Returns the metrics by epoch: train and validation together, with one panel for loss and one for accuracy.

    A mark shows the epoch with the best objective; with several objectives the one at which they are read. For a single
    trial, shading marks overfitting: the epochs after the lowest validation loss, if that loss is higher at the end.
    For many trials, only validation curves are drawn.

    Args:
        curves: legend label → the trial's metrics.
    """
    found = panels(list(curves.values()), objectives[0])
    has_train = len(curves) <= MANY_CURVES
    colours = COLOURS if len(curves) <= len(COLOURS) else _shades(len(curves))
    with mpl.rc_context(STYLE):
        figure = new_picture(
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
                    values = metrics.columns[column]
                    points = _alone(values)
                    plot.plot(
                        metrics.columns[EPOCH], values, linestyle="--" if is_train else "-",
                        color=COLOURS[1] if alone and is_train else colour, linewidth=1.5,
                        marker="o" if points else None, markersize=4 if points else None, markevery=points or None,
                        label=column if alone else None if is_train else label,
                    )  # fmt: skip
                _mark(plot, metrics, objectives, panel.columns, colour, with_line=has_train)
                if alone and losses(metrics.columns)[0] in panel.columns:
                    _shade_overfitting(plot, metrics)
            plot.set(xlabel="epoch", ylabel=panel.name)
            plot.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            plot.grid(alpha=0.3)
            if len(curves) == 1:
                plot.legend(fontsize=SMALL)
        if len(curves) > 1 and found:
            longest = max(map(len, curves))
            handles, labels = plots[0].get_legend_handles_labels()
            # Long labels would cover the curves, or leave them no room.
            if longest > MAX_LABEL or has_train:
                columns = min(3, max(1, letters_across(figure) // (longest + AROUND_LABEL)))
                figure.legend(handles, labels, loc="outside lower center", fontsize=SMALL, ncols=columns)
            else:
                figure.legend(handles, labels, loc="outside right upper", fontsize=SMALL)
        if len(curves) == 1:
            figure.suptitle(textwrap.fill(next(iter(curves)), MAX_TITLE * max(1, len(found))))
        elif has_train and any(panel.training for panel in found):
            figure.suptitle("dashed: on the training data · solid: on the validation data", fontsize=SMALL)
    return figure


def _alone(values: Sequence[float]) -> list[int]:
    """Returns the places of the values that have none before and behind them, and so are on no line."""
    around = [False, *map(math.isfinite, values), False]
    return [place for place in range(len(values)) if around[place + 1] and not (around[place] or around[place + 2])]


def _shades(number: int) -> list[str]:
    """Returns colours from dark to light, so that trials with similar ranks have similar colours."""
    return [to_hex(mpl.colormaps["viridis"](0.95 * place / max(1, number - 1))) for place in range(number)]


def _mark(
    plot: Axes,
    metrics: Metrics,
    objectives: Sequence[Objective],
    columns: Sequence[str],
    colour: str,
    *,
    with_line: bool,
) -> None:
    epoch = best_epoch(metrics, objectives)
    if epoch is None:
        return
    for metric in (each.metric for each in objectives if each.metric in columns):
        plot.plot(epoch, metrics.columns[metric][epoch - 1], "o", color=colour, markersize=7, markerfacecolor="none")
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
