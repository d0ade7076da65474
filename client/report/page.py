"""Renders a sweep as HTML: as one file that loads nothing, or as parts of the page that `sweep ui` serves.

Every text from a person or a trainer is escaped: by Jinja in the HTML, and as JSON without `<`, `>` and `&` in the
data. In addition, the file's Content-Security-Policy allows only two scripts, by their hashes.
"""

import base64
import functools
import hashlib
import json
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs
from rich.filesize import decimal

from stepsweep.bucket.folder import path_of
from stepsweep.bucket.stores import Home
from stepsweep.client.archive.leaderboard import Row
from stepsweep.client.pictures import sentences
from stepsweep.client.report.drawn import drawn, label
from stepsweep.client.report.gather import Gathered
from stepsweep.client.words import assignments, described, number_of, printable, shown_value, varying
from stepsweep.contract.output import Output
from stepsweep.contract.ranking import options_line
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.contract.words import as_word

STATES = {"FINISHED": "finished", "RUNNING": "running", "INTERRUPTED": "interrupted"}


STYLE = "page.css"
SCRIPTS = ("charts.js", "search.js", "sweep.js")
"""What the file has inside, and `sweep ui` serves."""

PARTS = {
    "heading": "heading.html",
    "summary": "summary.html",
    "what-failed": "failures.html",
    "commands": "reproduce.html",
}
"""The parts of a sweep's page that change while it runs: id of their element → template."""


def page(report: Gathered, *, now: datetime | None = None) -> str:
    """Returns the HTML of the file."""
    plotly, script = get_plotlyjs(), "\n".join(map(own, SCRIPTS))
    return (
        environment()
        .get_template("report.html")
        .render(
            **facts(report),
            data=drawn(report),
            made_at=now or datetime.now(UTC),
            style=Markup(own(STYLE)),  # noqa: S704  our own file
            plotly=Markup(plotly),  # noqa: S704  Plotly's own, whose hash is in the policy
            script=Markup(script),  # noqa: S704  our own files
            hashes=[_hash(plotly), _hash(script)],
        )
    )


def environment(*more: str) -> jinja2.Environment:
    """Returns what renders the templates of this package and of others, in which everything is escaped."""
    loaders = [jinja2.PackageLoader(package, "") for package in (__package__, *more)]
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(value=shown_value, spent=_spent, count=number_of)
    made.globals.update(sentences=sentences, assignments=assignments, shown=shown_value, live=False, trial_url=None)
    return made


def own(name: str) -> str:
    """Returns the text of a file of this package."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Returns the hash source of a script for a Content-Security-Policy.

    https://www.w3.org/TR/CSP3/#grammardef-hash-source
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def facts(report: Gathered) -> dict[str, Any]:
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
        "has_several": any(row.n > 1 for row in rows),
        "losses": report.losses,
        "is_score": spec.epochs == 1,
        "has_values": any(row.value is not None for row in rows),
        "has_space": bool(varying(spec)) and any(row.value is not None for row in rows),
        "has_curves": spec.epochs > 1 and bool(report.curves),
        "label": functools.partial(label, spec),
        "winner": winner,
        "options": _options(winner),
        "second": next((row for row in rows if row.rank == 2), None),
        "ties": _ties(rows, winner, output),
        "devices": ((output and output.summary) or {}).get("devices", []),
        "test_accuracy": ((output and output.summary) or {}).get("test_accuracy"),
        "epochs": sum((row.epochs_trained or 0) * row.n for row in rows),
        "job_seconds": report.job_seconds,
        "is_on_aws": report.is_on_aws,
        "gpu_seconds": cost.gpu_seconds if cost else None,
        "usd": cost.usd_estimate if cost else None,
        "counts": _counts(report.rows),
        "failures": _failures(report),
        "spec_json": json.dumps(spec.to_json(), indent=2),
        "artifacts": [
            (file.name, decimal(file.bytes), _address(report.objects, file.key)) for file in report.artifacts
        ],
        "commands": _commands(report, winner),
        "objects": report.objects,
        "where": report.where,
    }


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


def _address(objects: Home, key: str) -> str:
    """Returns a link to an object: its file, or its page in the console."""
    if isinstance(objects, Path):
        return path_of(objects.resolve().parent, objects.name, key).as_uri()
    bucket = objects.removeprefix("s3://")
    return f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={quote(key, safe='')}"


def _commands(report: Gathered, winner: Row | None) -> list[tuple[str, str]]:
    """Returns command lines to paste, each with a description."""
    spec, where, trainer = report.standing.spec, report.where, report.trainer
    found = [
        ("The whole sweep, with the trainer that it had. Finished trials are not trained again",
         f"sweep resume {spec.name}{where}"),
        ("Its leaderboard in a terminal", f"sweep show {spec.name}{where}"),
    ]  # fmt: skip
    trial = report.plan.trials.get(winner.trial_id) if report.plan and winner else None
    if report.artifacts:
        found.append(("The winner's files", f"sweep download {spec.name}{where}"))
    if trial and trainer.can_run:
        alone = shlex.join(["sweep", "run", *_alone(spec, trial), *trainer.options])
        found.insert(1, ("The winner alone, trained again", f"{trainer.place}{alone}{where}"))
    if trial and trainer.entrypoint:
        words = shlex.join([*trainer.entrypoint, *trial.command()])
        found.append(("The winner's trainer alone, with its job's arguments", f"{trainer.place}{words}"))
    return found


def _alone(spec: SweepSpec, trial: Trial) -> list[str]:
    """Returns the options of `sweep run` for one trial."""
    objective = f"{spec.objective.metric}:{spec.objective.direction.value}"
    folds = ["--folds", str(spec.folds)] if spec.folds else []
    repeats = ["--repeats", str(spec.repeats)] if spec.repeats > 1 else []
    given = [("--set", name, value) for name, value in trial.params.items()]
    given += [("--fixed", name, value) for name, value in spec.fixed.items()]
    words = [word for option, name, value in given for word in (option, f"{name}={as_word(value)}")]
    return [
        *words, *folds, *repeats, "--epochs", str(trial.epochs), "--seed", str(spec.seed), "--objective", objective,
        "--name", f"{spec.name[:70]}-winner", "--fresh",
    ]  # fmt: skip


def _spent(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
