"""Draws what a search found out and how it went with matplotlib, for notebooks and papers."""

from collections.abc import Mapping

import matplotlib as mpl
from matplotlib.ticker import MaxNLocator, PercentFormatter

from stepsweep.client.pictures.canvas import COLOURS, SMALL, STYLE, WINNER, Picture, explained, new_picture
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.objective import Objective
from stepsweep.page import sentences
from stepsweep.page.course import Course, Over, Point
from stepsweep.page.gathered import Importance


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


def best_so_far(found: Course | None, objective: Objective, *, over: str = Over.TRIALS, winner: str = "") -> Picture:
    """Returns the best value so far, with a point for each result; with halving a line for each rung.

    Args:
        over: `trials`, `time`, `job-time` or `usd`.
        winner: id of the trial to mark.

    Raises:
        InvalidInput: no trial has a value, or there is no such axis; the message says why.
    """
    if found is None:
        raise InvalidInput(["a best value needs a trial with a value, and there is none"])
    if over not in found.overs:
        raise InvalidInput([f"over: must be one of {', '.join(found.overs)}, got {over!r}{_why_not(over)}"])
    places, label = _places(found, Over(over))
    is_halved = len(found.rungs) > 1
    end = max(places.values())
    with mpl.rc_context(STYLE):
        figure = new_picture(width=6, height=3.6)
        plot = figure.add_subplot()
        for rung, each in enumerate(found.rungs):
            there = [point for point in found.points if point.rung == rung and point.value is not None]
            colour = COLOURS[rung % len(COLOURS)]
            for marker, some in (("o", False), ("^", True)):
                points = [point for point in there if point.promoted is some]
                plot.plot(
                    [places[point.number] for point in points], [_value(point) for point in points], marker,
                    color=colour, markersize=4, alpha=0.5,
                )  # fmt: skip
            best = [point for point in there if point.improves]
            if best:
                plot.step(
                    [*(places[point.number] for point in best), end], [*map(_value, best), _value(best[-1])],
                    where="post", color=colour, linewidth=2, label=f"best after {each.name}",
                )  # fmt: skip
        marked = [point for point in found.points if point.trial_id == winner and point.value is not None]
        for point in marked[-1:]:
            plot.plot(
                places[point.number], _value(point), "o", markersize=11, markerfacecolor="none", color=WINNER,
                markeredgewidth=2,
            )  # fmt: skip
        if is_halved:
            plot.legend(fontsize=SMALL)
        if found.ended_by:
            plot.axvline(end, color="0.4", linestyle=":", linewidth=1.5)
        if over == Over.TRIALS:
            plot.xaxis.set_major_locator(MaxNLocator(integer=True))
        plot.set(xlabel=label, ylabel=objective.metric)
        plot.grid(alpha=0.3)
        ended = f" It ended early: {found.ended_by}." if found.ended_by else ""
        read = sentences.COURSE_OF_RUNGS if is_halved else sentences.COURSE
        explained(figure, f"{found.said}{ended} {read}")
    return figure


def rungs(found: Course | None, objective: Objective, *, winner: str = "") -> Picture:
    """Returns a line for each trial from rung to rung, which ends where it was not promoted any more.

    Args:
        winner: id of the trial to mark.

    Raises:
        InvalidInput: the search has no rungs, or no trial has a value.
    """
    if found is None or len(found.rungs) < 2:
        raise InvalidInput(["rungs need a search with halving, and a trial with a value"])
    ways: dict[str, list[Point]] = {}
    for point in found.points:
        if point.value is not None:
            ways.setdefault(point.trial_id, []).append(point)
    with mpl.rc_context(STYLE):
        figure = new_picture(width=1.6 + 1.3 * len(found.rungs), height=4)
        plot = figure.add_subplot()
        for trial_id, way in sorted(ways.items(), key=lambda item: (item[0] == winner, len(item[1]))):
            stayed = len(way) == 1 and not way[0].promoted
            colour = WINNER if trial_id == winner else "0.6" if stayed else COLOURS[0]
            plot.plot(
                [point.rung for point in way], [_value(point) for point in way], marker="o", markersize=4,
                color=colour, linewidth=2.5 if trial_id == winner else 1, alpha=1 if trial_id == winner else 0.7,
                label="winner" if trial_id == winner else None,
            )  # fmt: skip
        texts = [f"{rung.name}\n{rung.said.replace(', ', chr(10))}" for rung in found.rungs]
        plot.set_xticks(range(len(found.rungs)), texts)
        plot.set_xlim(-0.3, len(found.rungs) - 0.7)
        plot.set_ylabel(objective.metric)
        plot.grid(alpha=0.3)
        if winner in ways:
            plot.legend()
        explained(figure, sentences.RUNGS)
    return figure


def _why_not(over: str) -> str:
    """Returns why the best value cannot be shown over something that it can be in other sweeps."""
    if over == Over.USD:
        return ": the sweep has no price, since it ran on this machine, has not ended, or trained nothing itself"
    return ": the sweep ran no job, since other sweeps had trained its trials" if over in list(Over) else ""


def _value(point: Point) -> float:
    return point.value if point.value is not None else float("nan")


def _places(found: Course, over: Over) -> tuple[Mapping[int, float], str]:
    """Returns where each point is, by its number, and what the axis is called."""
    price = found.usd_per_job_second or 0.0
    match over:
        case Over.TRIALS:
            return {point.number: point.number for point in found.points}, "results, in the order of their ends"
        case Over.USD:
            return {point.number: point.job_seconds * price for point in found.points}, "USD, estimated"
    is_time = over is Over.TIME
    seconds = {point.number: point.seconds if is_time else point.job_seconds for point in found.points}
    longest = max(seconds.values())
    unit, length = ("s", 1) if longest < 120 else ("min", 60) if longest < 7200 else ("h", 3600)
    label = f"time since the first job began ({unit})" if is_time else f"job time, added up ({unit})"
    return {number: each / length for number, each in seconds.items()}, label
