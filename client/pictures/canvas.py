"""What all figures have in common: colours, sizes, axes of parameters, the sentence below, and their files.

Nothing here or in the figures touches pyplot's global state.
"""

import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, NullFormatter

from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.marks import MADE_BY
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.spec import SweepSpec
from stepsweep.page import sentences
from stepsweep.page.axes import Axis, with_values

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colour-blind safe colours by Okabe and Ito: https://jfly.uni-koeln.de/color/"""
WINNER = "#D55E00"

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


SMALL = 8
"""Size of what explains a figure, in points."""


_MADE_BY: dict[str, Any] = {"png": {"Software": MADE_BY}, "svg": {"Creator": MADE_BY}}
"""By this a figure that is kept beside a script is no part of its trainer."""


class Picture(Figure):
    """A figure that a notebook displays with any backend."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Saves like any figure, and says in a PNG or SVG file who made it."""
        form = options.get("format") or (Path(fname).suffix[1:] if isinstance(fname, str | Path) else "")
        if own := _MADE_BY.get(str(form).lower() or mpl.rcParams["savefig.format"]):
            options["metadata"] = {**own, **(options.get("metadata") or {})}
        super().savefig(fname, **options)

    def _repr_png_(self) -> bytes:
        data = io.BytesIO()
        with mpl.rc_context(STYLE):
            self.savefig(data, format="png")
        return data.getvalue()


def new_picture(*, width: float, height: float) -> Picture:
    return Picture(figsize=(width, height), layout="constrained")


def letters_across(figure: Figure) -> int:
    """Returns how many small letters a line has room for: a letter is about half as wide as high."""
    return int(figure.get_figwidth() * 72 / SMALL * 1.9)


def explained(figure: Figure, sentence: str) -> None:
    """Writes below a figure what to read from it."""
    figure.supxlabel(textwrap.fill(sentence, letters_across(figure)), fontsize=SMALL, color="0.35")


def of_rungs(spec: SweepSpec, sentence: str = "") -> str:
    """Returns what to read from a figure, and with halving that its values are after different numbers of epochs."""
    return f"{sentence} {sentences.PROMOTED}".strip() if spec.halving else sentence


def colours_of(objective: Objective) -> Colormap:
    """Returns viridis, lighter for better values: perceptually uniform, also in grey and for the colour-blind."""
    return mpl.colormaps["viridis" if objective.direction is Direction.MAXIMIZE else "viridis_r"]


def normalized_by(rows: Sequence[Row]) -> Normalize:
    values = [value for _, value in with_values(rows)] or [0.0, 1.0]
    return Normalize(min(values), max(values))


def axis_named(known: Sequence[Axis], name: str) -> Axis:
    for axis in known:
        if axis.name == name:
            return axis
    raise InvalidInput([f"there is no parameter {name!r}; there are {', '.join(axis.name for axis in known)}"])


def place_of(axis: Axis, choice: str) -> float:
    """Returns the position of a choice: its number for a range, its index for listed choices."""
    return axis.choices.index(choice) if axis.is_listed else float(choice)


def ticks(plot: Axes, axis: Axis, *, vertical: bool) -> None:
    ticks = plot.yaxis if vertical else plot.xaxis
    if axis.is_listed:
        ticks.set_major_locator(FixedLocator(range(len(axis.choices))))
        ticks.set_major_formatter(FixedFormatter(list(axis.choices)))
    elif axis.is_log:
        (plot.set_yscale if vertical else plot.set_xscale)("log")
        # matplotlib's own texts are formulas, which are off: see STYLE.
        plain = FuncFormatter(lambda number, _: f"{number:g}")
        ticks.set_major_formatter(plain)
        is_short = bool(axis.choices) and float(axis.choices[-1]) < 20 * float(axis.choices[0])
        ticks.set_minor_formatter(plain if is_short else NullFormatter())


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
