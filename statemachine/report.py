"""The page of a sweep, which the reducer leaves beside its results: for people without Python, and for e-mails.

It is the page of `sweep report`, from what the function can read at little cost: it has the curves of the best trials,
no logs, and no importance of parameters, which takes Optuna.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from stepsweep.bucket.outcomes import of_map
from stepsweep.bucket.records import Records
from stepsweep.bucket.stores import S3Store
from stepsweep.contract import keys
from stepsweep.contract.attempts import spent_seconds
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.contract.trial import Trial
from stepsweep.page.axes import axes
from stepsweep.page.course import course
from stepsweep.page.document import document
from stepsweep.page.gathered import File, Gathered, Importance, TrainerCommand, in_order
from stepsweep.page.markup import markup

PLOTLY = files("stepsweep.page") / "plotly.min.js"
"""Only the function's package has it there (`stack/packages.py`)."""

MAX_CURVES = 200
"""Trials whose curves are in the page: the best. Each takes a request, and up to 10 kB of the page."""

LEAST_SECONDS = 120
"""With less of the function's time left, no page is begun. One of 10,000 trials takes 3 s of a core, and what S3 takes
to answer (`python -m benchmarks.reducer --page 10000`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where a sweep ran.

    Attributes:
        stack: name of the stack on AWS; empty in an embedded cloud.
    """

    stack: str

    @property
    def where(self) -> str:
        """The options that name it, to append to a command."""
        return f" --on aws --stack {self.stack}" if self.stack else ""


def leave_report(
    store: S3Store, sweep: str, ground: Ground, *, round_number: int, map_results: Any, context: Any
) -> dict[str, object]:
    """Writes the page of a sweep that has ended, and returns what to log.

    A page is no result: whatever goes wrong with it changes nothing about the sweep's end.

    Args:
        round_number: of the round that has just ended.
        map_results: the Map's output; see `outcomes.of_map`.
        context: of the invocation on AWS, which knows how much time is left.
    """
    seconds = context.get_remaining_time_in_millis() / 1000 if context else LEAST_SECONDS
    if seconds < LEAST_SECONDS:
        return {"report": "no time was left"}
    try:
        known = {
            keys.outcome_key(sweep, round_number, trial_id): outcome
            for trial_id, outcome in of_map(store, map_results).items()
        }
        html = page(store, sweep, ground, known).encode()
        store.put(keys.report_key(sweep), html, "text/html; charset=utf-8")
    except Exception as error:  # noqa: BLE001  see above
        # Without the message, which may have params in it.
        last = traceback.extract_tb(error.__traceback__)[-1]
        return {"report": f"{type(error).__name__} in {last.name}, line {last.lineno}"}
    return {"report": len(html)}


def page(store: S3Store, sweep: str, ground: Ground, known: Mapping[str, JobOutcome]) -> str:
    """Returns the page of a sweep that has ended.

    Args:
        known: outcomes that need not be read, by key.

    Raises:
        FileNotFoundError: Plotly is not in the package, or the sweep's records are gone.
        InvalidDocument: one of them is damaged.
    """
    plotly = PLOTLY.read_text(encoding="utf-8")
    made = markup(
        "Left by the sweep when it ended, from its records in <code>s3://{}</code>. <code>sweep report {}{}</code> "
        "makes a page that also has the importance of parameters, the ends of failed trials' logs, and all curves.",
        store.name,
        sweep,
        ground.where,
    )
    return document(_gathered(store, sweep, ground, known), plotly=plotly, made=made)


def _gathered(store: S3Store, sweep: str, ground: Ground, known: Mapping[str, JobOutcome]) -> Gathered:
    records = Records(store)
    spec, latest = records.spec(sweep), records.latest(sweep)
    plan = records.plan(spec) if spec else None
    if spec is None or latest is None or plan is None:
        raise FileNotFoundError(f"the records of {sweep} are not in the bucket")
    objects = records.objects(sweep)
    outcomes = records.outcomes(objects, known)
    timed = records.timed_endings(plan, objects, outcomes)
    rows = records.leaderboard(spec)
    output = records.output(spec, execution=latest.execution)
    standing = Standing(
        spec=spec, planned=len(plan.trials), rows=rows, output=output, is_finished=latest.has_ended, executions=[]
    )
    winner = plan.trials.get(standing.winner.trial_id) if standing.winner else None
    best = [plan.trials[row.trial_id] for row in rows[:MAX_CURVES] if row.trial_id in plan.trials]
    return Gathered(
        standing=standing,
        winner=winner,
        curves=records.files.curves(best),
        curves_of=MAX_CURVES if len(rows) > MAX_CURVES else None,
        unfinished=frozenset(),
        attempts=in_order(outcomes, timed),
        job_seconds=spent_seconds(outcomes.values()),
        artifacts=_files(records, winner, bucket=store.name if ground.stack else ""),
        logs={},
        objects=f"s3://{store.name}",
        where=ground.where,
        is_on_aws=bool(ground.stack),
        course=course(spec, timed, output, is_on_aws=bool(ground.stack)),
        importance=_importance(spec, rows, ground),
        trainer=TrainerCommand(can_run=bool(ground.stack)),  # the stack has it
    )


def _files(records: Records, winner: Trial | None, *, bucket: str) -> list[File]:
    return [
        File(name=each.name, bytes=each.bytes, address=keys.console_address(bucket, each.key) if bucket else "")
        for each in (records.files.artifacts(winner) if winner else ())
    ]


def _importance(spec: SweepSpec, rows: list[Row], ground: Ground) -> Importance | None:
    """Returns where the importance is found, if there is any."""
    if spec.has_front or sum(axis.varies for axis in axes(spec, rows)) < 2:
        return None
    command = f"sweep report {spec.name}{ground.where}"
    said = f"This page was made without Optuna, which finds what matters most: run `{command}` to see it."
    return Importance(weights=(), said=said)
