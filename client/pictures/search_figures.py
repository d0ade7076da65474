"""Draws what a search found out and how it went with matplotlib, for notebooks and papers."""

import matplotlib as mpl
from matplotlib.ticker import PercentFormatter

from stepsweep.client.pictures import sentences
from stepsweep.client.pictures.canvas import COLOURS, STYLE, Picture, explained, new_picture
from stepsweep.client.pictures.importance import Importance
from stepsweep.contract.errors import InvalidInput


def importance_of_parameters(found: Importance | None) -> Picture:
    """Returns a bar for each parameter, the most important on top, with a line for how sure that is.

    Raises:
        InvalidInput: the trials cannot say; the message says why.
    """
    if found is None:
        raise InvalidInput(["importance compares parameters, and fewer than two vary"])
    if not found.weights:
        raise InvalidInput([found.said])
    weights = found.weights[::-1]  # matplotlib counts from the bottom
    with mpl.rc_context(STYLE):
        figure = new_picture(width=5.5, height=1.4 + 0.35 * len(weights))
        plot = figure.add_subplot()
        shares = [weight.share for weight in weights]
        below = [weight.share - weight.low for weight in weights]
        above = [weight.high - weight.share for weight in weights]
        plot.barh(
            [weight.name for weight in weights], shares, xerr=[below, above], color=COLOURS[0], alpha=0.8, height=0.6,
            error_kw={"ecolor": "0.25", "capsize": 3},
        )  # fmt: skip
        plot.set_xlim(0, 1)
        plot.xaxis.set_major_formatter(PercentFormatter(1))
        plot.set_xlabel("share of the importance of all")
        explained(figure, f"{found.said} {sentences.IMPORTANCE}")
    return figure
