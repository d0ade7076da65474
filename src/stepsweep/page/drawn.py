"""The data of a sweep's charts and its leaderboard, as JSON for the page."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from stepsweep.contract.attempts import Attempt
from stepsweep.contract.curves import SECONDS, best_epoch, losses, metrics_of
from stepsweep.contract.described import assignments, number_of, printable, varying
from stepsweep.contract.errors import InvalidMetrics
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.objective import Objective, Reached
from stepsweep.contract.space import as_option
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.page.axes import MAX_CELLS, axes
from stepsweep.page.course import Course
from stepsweep.page.gathered import RUNNING, Gathered

MAX_POINTS = 300
"""Most epochs of a curve in the page; a longer curve is thinned evenly, but keeps the first, the best and the last."""

DIGITS = 5
"""Significant digits of a curve's values; the leaderboard has all digits."""

MAX_ATTEMPTS = 3_000
"""Most attempts in the chart of jobs; of more every second, third … by their start is in the page."""

BEST_SHOWN = 3
"""Trials whose curves are visible at first."""

RUNNING_SHOWN = 3
"""Running trials whose curves are visible at first, beside the best."""


def drawn(report: Gathered) -> dict[str, Any]:
    """Returns the data of the charts and the leaderboard in compact form: one list per column."""
    spec, rows = report.standing.spec, report.rows
    index = {row.trial_id: number for number, row in enumerate(rows)}
    shown = {index[trial_id]: metrics for trial_id, metrics in report.curves.items() if trial_id in index}
    best = [number for number, row in enumerate(rows) if row.rank and number in shown][:BEST_SHOWN]
    running = [index[row.trial_id] for row in report.running if row.trial_id in report.curves][:RUNNING_SHOWN]
    return {
        "objective": {"metric": spec.objective.metric, "direction": spec.objective.direction.value},
        # With several, the page draws their front, and none of the pictures of a single value.
        "objectives": [{"metric": each.metric, "direction": each.direction.value} for each in spec.objectives],
        "axes": [
            {
                "name": axis.name,
                "choices": axis.choices,
                "listed": axis.is_listed,
                "log": axis.is_log,
                "of_all": axis.is_of_all,
            }
            for axis in axes(spec, rows)
        ],
        "max_cells": MAX_CELLS,
        "is_score": spec.epochs == 1,
        "others": _other_scores(report) if spec.epochs == 1 else [],
        "trials": {
            "id": [row.trial_id for row in rows],
            "label": [label(spec, row) for row in rows],
            "rank": [row.rank for row in rows],
            "value": [row.value for row in rows],
            "error": [row.standard_error for row in rows],
            "n": [row.n for row in rows],
            "values": [row.values for row in rows],
            "by_objective": [[row.by_objective.get(each.metric) for row in rows] for each in spec.objectives],
            "each": [row.each for row in rows],
            "epoch": [row.epoch for row in rows],
            "trained": [row.epochs_trained for row in rows],
            "status": [row.status for row in rows],
            "reason": [printable(row.reason) for row in rows],
            "params": [[row.texts.get(name) for name in spec.parameters] for row in rows],
        },
        "curves_of": report.curves_of,
        "columns": metrics_of(report.curves.values()),
        "curves": {number: thinned(metrics, spec.objectives) for number, metrics in shown.items()},
        "unfinished": [index[trial_id] for trial_id in report.unfinished if trial_id in index],
        "shown": [*best, *running],
        "importance": None if report.importance is None else asdict(report.importance),
        "rungs": [number_of(epochs, "epoch") for epochs in spec.rungs],
        "course": None if report.course is None else course_data(report.course),
        "timeline": None if report.attempts is None else timeline(report.attempts),
    }


def label(spec: SweepSpec, row: Row) -> str:
    """Returns the params of a trial that tell it from others."""
    varied = varying(spec) or set(spec.parameters)
    return assignments({name: value for name, value in row.params.items() if name in varied})


def _other_scores(report: Gathered) -> list[dict[str, Any]]:
    """Returns the metrics of trials without epochs beside the objective: one value per row.

    Nothing if a row is the mean of several trials, since only the first one's metrics are read.
    """
    if any(row.n > 1 for row in report.rows):
        return []
    objectives = {each.metric for each in report.standing.spec.objectives}
    names = [name for name in metrics_of(report.curves.values()) if name not in objectives]
    curves = [report.curves.get(row.trial_id) for row in report.rows]
    return [{"name": name, "values": [_first(curve, name) for curve in curves]} for name in names]


def _first(curve: Metrics | None, name: str) -> float | None:
    return _short(curve.columns[name][0]) if curve and name in curve.columns else None


def running_row(trial: Trial, live: Metrics | None, spec: SweepSpec) -> Row:
    """Returns a running trial as a row of the leaderboard, without a rank.

    Args:
        live: its rows so far; None if there are none yet.
    """
    reason = " ".join(f"{name} {as_option(value)}" for name, value in spec.member_of(trial).items())
    reached = None
    if live is not None:
        try:
            reached = Reached.of(spec.objectives, live)
        except InvalidMetrics:
            reached = None
    return Row(
        rank=None,
        trial_id=trial.trial_id,
        params=trial.params,
        names=tuple(spec.parameters),
        value=None,
        epoch=reached.epoch if reached else None,
        epochs_trained=live.epochs if live else None,
        status=RUNNING,
        reason=f"{reason}{', ' if reason and reached else ''}"
        + (
            f"so far {', '.join(f'{value:.{DIGITS}g}' for value in reached.by_objective or [reached.value])}"
            if reached
            else ""
        ),
    )


def thinned(metrics: Metrics, objectives: Sequence[Objective]) -> dict[str, Any]:
    """Returns a curve's columns, thinned if it is long; numbers that are not finite become None."""
    count = metrics.epochs
    watched = losses(metrics.columns)[0]
    of_losses = metrics.columns[watched] if watched else ()
    finite = [(value, place) for place, value in enumerate(of_losses) if math.isfinite(value)]
    best = best_epoch(metrics, objectives)
    kept = set(range(count))
    if count > MAX_POINTS:
        kept = {round(place * (count - 1) / (MAX_POINTS - 1)) for place in range(MAX_POINTS)}
        kept |= {best - 1} if best else set()
        kept |= {min(finite)[1]} if finite else set()
    epochs = sorted(kept)
    return {
        "best": best,
        **({"epochs": [epoch + 1 for epoch in epochs]} if len(epochs) < count else {}),
        "columns": {
            name: [_short(values[epoch]) for epoch in epochs]
            for name, values in metrics.columns.items()
            if name not in (EPOCH, SECONDS)
        },
    }


def _short(value: float) -> float | None:
    """Returns a number rounded for drawing; None for NaN and infinity, which JSON lacks."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def course_data(course: Course) -> dict[str, Any]:
    """Returns how the search went: one list per column of its points."""
    return {
        "id": [point.trial_id for point in course.points],
        "rung": [point.rung for point in course.points],
        "value": [point.value for point in course.points],
        "number": [point.number for point in course.points],
        "seconds": [round(point.seconds, 1) for point in course.points],
        "job_seconds": [round(point.job_seconds, 1) for point in course.points],
        "promoted": [point.promoted for point in course.points],
        "improves": [point.improves for point in course.points],
        "count": sum(rung.ended for rung in course.rungs),
        "rungs": [{"name": rung.name, "said": rung.said} for rung in course.rungs],
        "overs": course.overs,
        "usd_per_job_second": course.usd_per_job_second,
        "ended_by": course.ended_by,
        "said": course.said,
    }


def timeline(attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Returns the attempts, each in the first free lane; there are as many lanes as jobs ran at once."""
    free: list[int] = []
    lanes = []
    every = -(-len(attempts) // MAX_ATTEMPTS) or 1
    for attempt in attempts:  # ordered by start
        lane = next((number for number, until in enumerate(free) if until <= attempt.started), len(free))
        free[lane : lane + 1] = [attempt.stopped]
        lanes.append(lane)
    some = attempts[::every]
    return {
        "count": len(attempts),
        "all_milliseconds": sum(attempt.stopped - attempt.started for attempt in attempts),
        "lanes": len(free),
        "lane": lanes[::every],
        "started": [attempt.started for attempt in some],
        "milliseconds": [attempt.stopped - attempt.started for attempt in some],
        "attempt": [attempt.number for attempt in some],
        "well": [attempt.went_well for attempt in some],
        "id": [attempt.trial_id for attempt in some],
        "rung": [attempt.rung for attempt in some],
    }
