"""Renders the report as one HTML file that loads nothing.

Every text from a person or a trainer is escaped: by Jinja in the HTML, and as JSON without `<`, `>` and `&` in the
data. In addition, the page's Content-Security-Policy allows only two scripts, by their hashes.
"""

import base64
import hashlib
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from stepsweep.client.archive.attempts import Attempt
from stepsweep.client.archive.curves import PREFIXES, SECONDS, best_epoch, panels
from stepsweep.client.archive.leaderboard import Row
from stepsweep.client.pictures.axes import MAX_CELLS, axes
from stepsweep.client.report.gather import Gathered
from stepsweep.client.words import assignments, described, number_of, printable, shown_value
from stepsweep.contract.metrics import EPOCH, Metrics, Objective
from stepsweep.contract.output import Output
from stepsweep.contract.ranking import options_line
from stepsweep.contract.space import as_option
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial

MAX_POINTS = 300
"""Most epochs of a curve in the page; a longer curve is thinned evenly, but keeps the first, the best and the last."""

DIGITS = 5
"""Significant digits of a curve's values; the leaderboard has all digits."""

BEST_SHOWN = 3
"""Trials whose curves are visible at first."""

STATES = {"FINISHED": "finished", "RUNNING": "running", "INTERRUPTED": "interrupted"}


def page(report: Gathered, *, now: datetime | None = None) -> str:
    """Returns the HTML."""
    folder = files("stepsweep.client.report")
    plotly, script = get_plotlyjs(), (folder / "report.js").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(value=shown_value, spent=_spent, count=number_of)
    template = environment.from_string((folder / "report.html").read_text(encoding="utf-8"))
    return template.render(
        **_facts(report),
        data=drawn(report),
        made_at=now or datetime.now(UTC),
        style=Markup((folder / "report.css").read_text(encoding="utf-8")),  # noqa: S704  our own file
        plotly=Markup(plotly),  # noqa: S704  Plotly's own, whose hash is in the policy
        script=Markup(script),  # noqa: S704  our own file
        hashes=[_hash(plotly), _hash(script)],
    )


def _hash(script: str) -> str:
    """Returns the hash source of a script for a Content-Security-Policy.

    https://www.w3.org/TR/CSP3/#grammardef-hash-source
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _facts(report: Gathered) -> dict[str, Any]:
    """Returns the values of the page's texts."""
    standing, spec = report.standing, report.standing.spec
    rows, winner = standing.rows, _winner(standing.rows)
    output = standing.output
    cost = output.cost if output and report.is_on_aws else None
    return {
        "spec": spec,
        "metric": spec.objective.metric,
        "described": described(spec),
        "state": STATES[standing.status],
        "planned": standing.planned,
        "rows": rows,
        "ended": sum(row.n for row in rows),
        "parameters": list(spec.parameters),
        "has_spread": any(row.standard_error is not None for row in rows),
        "has_several": any(row.n > 1 for row in rows),
        "has_losses": _has_losses(report),
        "winner": winner,
        "options": _options(winner),
        "second": next((row for row in rows if row.rank == 2), None),
        "ties": _ties(rows, winner, output),
        "test_accuracy": ((output and output.summary) or {}).get("test_accuracy"),
        "shown": shown_value,
        "epochs": sum((row.epochs_trained or 0) * row.n for row in rows),
        "job_seconds": report.job_seconds,
        "is_on_aws": report.is_on_aws,
        "gpu_seconds": cost.gpu_seconds if cost else None,
        "usd": cost.usd_estimate if cost else None,
        "counts": _counts(rows),
        "failures": _failures(report),
        "spec_json": json.dumps(spec.to_json(), indent=2),
        "commands": _commands(report, winner),
        "objects": report.objects,
        "attempts": len(report.attempts),
        "assignments": assignments,
    }


def _has_losses(report: Gathered) -> bool:
    """Whether a trainer reports `val_loss`, which shows overfitting."""
    return any("val_loss" in curve.columns for curve in report.curves.values())


def _winner(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows and rows[0].rank == 1 else None


def _ties(rows: Sequence[Row], winner: Row | None, output: Output | None) -> list[Row]:
    """Returns the rows with the winner's value; for means, those that the reducer's t-test cannot distinguish."""
    if winner and winner.n > 1:
        tied = {tie.trial_id for tie in output.ties} if output else set()
        return [row for row in rows if row.trial_id in tied]
    return [row for row in rows if winner and row is not winner and row.rank and row.value == winner.value]


def _options(row: Row | None) -> str:
    return options_line(row.params) if row else ""


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    return counts


def _failures(report: Gathered) -> list[dict[str, Any]]:
    """Returns the trials that did not succeed, grouped by reason, most frequent first."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in report.standing.rows:
        if row.rank is None:
            found.setdefault((row.status, row.reason), []).append(row)
    return [
        {
            "status": status,
            "reason": printable(reason),
            "rows": rows,
            "logs": [
                (row, "\n".join(map(printable, report.logs[row.trial_id])))
                for row in rows
                if row.trial_id in report.logs
            ],
        }
        for (status, reason), rows in sorted(found.items(), key=lambda item: -len(item[1]))
    ]


def _commands(report: Gathered, winner: Row | None) -> list[tuple[str, str]]:
    """Returns command lines to paste, each with a description."""
    spec, where = report.standing.spec, report.where
    found = [
        ("The whole sweep; save the JSON above as spec.json. Finished trials are not trained again",
         f"sweep run spec.json{where}"),
        ("Its leaderboard in a terminal", f"sweep show {spec.name}{where}"),
    ]  # fmt: skip
    trial = report.plan.trials.get(winner.trial_id) if report.plan and winner else None
    if trial:
        found.insert(1, ("The winner alone, trained again", f"sweep run {shlex.join(_alone(spec, trial))}{where}"))
        found.insert(2, ("The winner's trainer alone, with its job's arguments",
                         f"python -m stepsweep.trainer {shlex.join(trial.command())}"))  # fmt: skip
    return found


def _alone(spec: SweepSpec, trial: Trial) -> list[str]:
    """Returns the options of `sweep run` for one trial."""
    objective = f"{spec.objective.metric}:{spec.objective.direction.value}"
    folds = ["--folds", str(spec.folds)] if spec.folds else []
    repeats = ["--repeats", str(spec.repeats)] if spec.repeats > 1 else []
    given = [("--set", name, value) for name, value in trial.params.items()]
    given += [("--fixed", name, value) for name, value in spec.fixed.items()]
    words = [word for option, name, value in given for word in (option, f"{name}={as_option(value)}")]
    return [
        *words, *folds, *repeats, "--epochs", str(trial.epochs), "--seed", str(spec.seed), "--objective", objective,
        "--name", f"{spec.name[:70]}-winner", "--fresh",
    ]  # fmt: skip


def _spent(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


# --- charts


def drawn(report: Gathered) -> dict[str, Any]:
    """Returns the data of the charts in compact form: one list per column."""
    spec, rows = report.standing.spec, report.standing.rows
    index = {row.trial_id: number for number, row in enumerate(rows)}
    shown = [(index[trial_id], metrics) for trial_id, metrics in report.curves.items() if trial_id in index]
    return {
        "objective": {"metric": spec.objective.metric, "direction": spec.objective.direction.value},
        "axes": [
            {"name": axis.name, "choices": axis.choices, "listed": axis.is_listed, "log": axis.is_log}
            for axis in axes(spec, rows)
        ],
        "max_cells": MAX_CELLS,
        "has_losses": _has_losses(report),
        "trials": {
            "label": [assignments(row.params) for row in rows],
            "rank": [row.rank for row in rows],
            "value": [row.value for row in rows],
            "error": [row.standard_error for row in rows],
            "epoch": [row.epoch for row in rows],
            "trained": [row.epochs_trained for row in rows],
            "status": [row.status for row in rows],
            "params": [list(row.texts.values()) for row in rows],
        },
        "panels": [
            {"name": panel.name, "columns": panel.columns}
            for panel in panels(list(report.curves.values()), spec.objective)
        ],
        "prefixes": PREFIXES,
        "curves": {number: _thinned(metrics, spec.objective) for number, metrics in shown},
        "unfinished": [index[trial_id] for trial_id in report.unfinished if trial_id in index],
        "shown": [number for number, row in enumerate(rows) if row.rank and number in dict(shown)][:BEST_SHOWN],
        "timeline": _timeline(report.attempts, index),
    }


def _thinned(metrics: Metrics, objective: Objective) -> dict[str, Any]:
    """Returns a curve's columns, thinned if it is long; numbers that are not finite become None."""
    count = metrics.epochs
    losses = metrics.columns.get("val_loss")
    is_finite = all(map(math.isfinite, metrics.columns.get(objective.metric, ())))
    best = best_epoch(metrics, objective) if is_finite else None  # a diverged trial has none
    kept = set(range(count))
    if count > MAX_POINTS:
        kept = {round(place * (count - 1) / (MAX_POINTS - 1)) for place in range(MAX_POINTS)}
        kept |= {best - 1} if best else set()
        kept |= {losses.index(min(losses))} if losses else set()
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


def _timeline(attempts: Sequence[Attempt], index: Mapping[str, int]) -> dict[str, Any]:
    """Returns the attempts, each in the first free lane; there are as many lanes as jobs ran at once."""
    free: list[int] = []
    lanes = []
    for attempt in attempts:  # ordered by start
        lane = next((number for number, until in enumerate(free) if until <= attempt.started), len(free))
        free[lane : lane + 1] = [attempt.stopped]
        lanes.append(lane)
    return {
        "lanes": len(free),
        "lane": lanes,
        "started": [attempt.started for attempt in attempts],
        "milliseconds": [attempt.stopped - attempt.started for attempt in attempts],
        "attempt": [attempt.number for attempt in attempts],
        "well": [attempt.went_well for attempt in attempts],
        "trial": [index.get(attempt.trial_id) for attempt in attempts],
        "id": [attempt.trial_id for attempt in attempts],
    }
