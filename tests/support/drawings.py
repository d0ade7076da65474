"""A figure as text: all that a person sees of it, so that one comparison judges the whole picture.

Numbers have four digits.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import same_color, to_hex
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Annotation, Text

MANY = 30
"""Of more points, the first and the last stand for all."""


def described(figure: Figure) -> Iterator[str]:
    figure.draw_without_rendering()  # so that ticks and the layout are there
    yield f"figure {_numbers(figure.get_size_inches())} inches, layout {type(figure.get_layout_engine()).__name__}"
    for name, text in (("title", figure._suptitle), ("below", figure._supxlabel)):  # type: ignore[attr-defined]
        if text is not None:
            yield f"{name} {_text(text)}"
    for legend in figure.legends:
        yield _legend(legend, figure)
    for plot in figure.axes:
        if not plot.get_visible():
            yield from ("", "an empty place")
            continue
        yield ""
        yield from _plot(plot, figure) if not hasattr(plot, "_colorbar") else _colourbar(plot)


def _plot(plot: Axes, figure: Figure) -> Iterator[str]:
    box = plot.get_position()
    yield f"plot, {box.width:.1f} wide and {box.height:.1f} high, with spines {_spines(plot)}"
    if plot.get_title():
        yield f"title {_text(plot.title)}"
    for name, axis, limits in (("x", plot.xaxis, plot.get_xlim()), ("y", plot.yaxis, plot.get_ylim())):
        yield f"{name} {_axis(axis)} from {_numbers(limits)}"
    for artist in sorted(plot.get_children(), key=lambda artist: artist.get_zorder()):
        if artist.get_visible() and artist.axes is plot and (line := _artist(artist, plot, figure)):
            yield f"{_z(artist)}{line}"


def _colourbar(plot: Any) -> Iterator[str]:
    bar = plot._colorbar
    yield f"colourbar {bar.cmap.name} {_axis(plot.yaxis)} from {_numbers((bar.vmin, bar.vmax))}"
    (beside,) = plot._colorbar_info["parents"]
    box, there = plot.get_position(), beside.get_position()
    yield f"{box.height / there.height:.2f} as high as its plot, {box.x0 - there.x1:.2f} right of it"


def _spines(plot: Axes) -> str:
    return " ".join(name for name, spine in plot.spines.items() if spine.get_visible()) or "nowhere"


def _axis(axis: Axis) -> str:
    low, high = sorted(axis.get_view_interval())
    shown = [tick for tick in axis.get_major_ticks() if low - 1e-9 <= tick.get_loc() <= high + 1e-9]
    texts = [tick.label1.get_text() or tick.label2.get_text() for tick in shown]
    length = shown[0].get_tick_padding() if shown else 0
    minor = [label.get_text() for label in axis.get_minorticklabels() if label.get_text()]
    grid = [tick.gridline for tick in shown if tick.gridline.get_visible()]
    return " ".join(
        [
            f"{axis.get_label_text()!r} {axis.get_scale()}, ticks {texts}",
            *([f"minor {minor}"] if minor else []),
            *(["without marks"] if length < 2 else []),
            *([f"grid alpha {grid[0].get_alpha()}"] if grid else []),
        ]
    )


def _artist(artist: Artist, plot: Axes, figure: Figure) -> str:
    match artist:
        case Line2D():
            return _line(artist)
        case Rectangle() if artist is not plot.patch:
            places = [*artist.get_xy(), artist.get_width(), artist.get_height()]
            return f"rectangle {_numbers(places)} {_patch(artist)}"
        case Annotation():
            at = f"{artist.anncoords} {_numbers(artist.xyann)} from {artist.xycoords}"
            return f"note {_text(artist)} {at} {_numbers(artist.xy)}"
        case Text() if artist.get_text() and artist is not plot.title:
            background = artist.get_bbox_patch()
            box = f" box {_patch(background)}" if background else ""
            return f"text {_text(artist)} at {_numbers(artist.get_position())}{box}"
        case ContourSet():
            limits = (artist.norm.vmin, artist.norm.vmax)
            return f"surface {artist.get_cmap().name} of {_numbers(artist.levels)} between {_numbers(limits)}"
        case LineCollection():
            ends = _points(point for segment in artist.get_segments() for point in segment)
            width = _numbers(np.atleast_1d(artist.get_linewidth()))
            return f"strokes {ends} {_colours(artist.get_edgecolor())} width {width}"
        case PathCollection() if len(np.asarray(artist.get_offsets())):
            looks = f"face {_colours(artist.get_facecolor())} edge {_colours(artist.get_edgecolor())}"
            sizes = f"size {_numbers(artist.get_sizes())} width {_numbers(np.atleast_1d(artist.get_linewidth()))}"
            return f"points {_points(np.asarray(artist.get_offsets()))} {looks} {sizes}"
        case Legend():
            return _legend(artist, figure)
    return ""


def _line(line: Line2D) -> str:
    points = np.asarray(line.get_xydata())
    if not len(points):
        return ""
    label = str(line.get_label())
    has_strokes = line.get_linestyle() != "None"
    colour = line.get_color() if has_strokes else line.get_markeredgecolor()
    parts = [f"{label!r}" if not label.startswith("_") else "unnamed", _points(points), _colour(colour)]
    if has_strokes:
        parts.append(f"{line.get_linestyle()} {line.get_linewidth():g} wide")
    if line.get_drawstyle() != "default":
        parts.append(str(line.get_drawstyle()))
    if line.get_marker() not in ("None", None, ""):
        parts.append(f"{line.get_marker()} {line.get_markersize():g} big, edge {line.get_markeredgewidth():g}")
        if not same_color(line.get_markerfacecolor(), colour):
            parts.append(f"filled {_colour(line.get_markerfacecolor())}")
    if line.get_alpha() is not None:
        parts.append(f"alpha {line.get_alpha():g}")
    return f"line {' '.join(parts)}"


def _patch(patch: Patch) -> str:
    fill = _colour(patch.get_facecolor()) if patch.get_fill() else "empty"
    parts = [fill, f"edge {_colour(patch.get_edgecolor())} {patch.get_linewidth():g}"]
    if patch.get_hatch():
        parts.append(f"hatch {patch.get_hatch()}")
    return " ".join(parts)


def _legend(legend: Legend, figure: Figure) -> str:
    texts = legend.get_texts()
    box = legend.get_window_extent().transformed(figure.transFigure.inverted())
    frame = "framed" if legend.get_frame_on() else "bare"
    names, size = [text.get_text() for text in texts], texts[0].get_fontsize()
    return f"legend {names} size {size:g} {frame}, from {box.x0:.1f}, {box.y0:.1f} to {box.x1:.1f}, {box.y1:.1f}"


def _text(text: Text) -> str:
    parts = [f"{text.get_text()!r} size {text.get_fontsize():g} {_colour(text.get_color())}"]
    parts.append(f"{text.get_horizontalalignment()} {text.get_verticalalignment()}")
    if text.get_fontweight() != "normal":
        parts.append(str(text.get_fontweight()))
    if text.get_parse_math():
        parts.append("with formulas")
    return " ".join(parts)


def _z(artist: Artist) -> str:
    usual = {Line2D: 2, Rectangle: 1, Text: 3, Annotation: 3}.get(type(artist))
    return "" if usual is None or usual == artist.get_zorder() else f"z {artist.get_zorder():g} "


def _colour(colour: Any) -> str:
    return "no colour" if isinstance(colour, str) and colour == "none" else to_hex(colour, keep_alpha=True)


def _colours(colours: Any) -> str:
    return " ".join(dict.fromkeys(_colour(colour) for colour in colours)) or "none"


def _points(points: Iterable[Any]) -> str:
    there = [f"({_numbers(point)})" for point in points]
    return " ".join(there) if len(there) <= MANY else f"{there[0]} … {there[-1]} of {len(there)}"


def _numbers(numbers: Iterable[Any]) -> str:
    return ", ".join(f"{number + 0.0:.4g}" if not isinstance(number, str) else number for number in numbers)
