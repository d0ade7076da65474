"""The runs of a sweep in an experiment of MLflow: one for the sweep, and below it one per trial.

The runs depend only on the bucket's contents, times included. A repeated export keeps the runs that are up to date, and
rewrites the others, such as that of a trial that failed at first and was trained later.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stepsweep.bucket.records import Records
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.trial_files import Artifact
from stepsweep.client.deployment import explained
from stepsweep.client.export.finished import VALUE, Finished
from stepsweep.contract import ranking
from stepsweep.contract.artifacts import kept
from stepsweep.contract.described import number_of, verb
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.results import Result, grouped
from stepsweep.contract.trial import Status, Trial
from stepsweep.contract.words import as_word

if TYPE_CHECKING:
    from mlflow.entities import Metric as Point
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

_T = TypeVar("_T")

METRICS_AT_ONCE, PARAMS_AT_ONCE = 1_000, 100
"""https://mlflow.org/docs/latest/api_reference/rest-api.html#log-batch"""
MAX_TAG = 5_000

# Tags, metrics and params of our own have this prefix.
SWEEP, RESULTS, TRIAL_ID = "stepsweep.sweep", "stepsweep.results", "stepsweep.trial_id"
STATUS, REASON, ARTIFACTS = "stepsweep.status", "stepsweep.reason", "stepsweep.artifacts"
BEST_EPOCH, FRONT_SIZE, ON_FRONT = "stepsweep.epoch", "stepsweep.front.trials", "stepsweep.on_front"
PARENT, NOTE = "mlflow.parentRunId", "mlflow.note.content"
PERSON_S_NOTE = "stepsweep.note"
"""What a person has written about the sweep. Not in MLflow's own note, which it renders as Markdown."""


class Writer:
    """Writes one sweep into one experiment."""

    def __init__(self, client: "MlflowClient", found: Finished, experiment_id: str, records: Records) -> None:
        self._client = client
        self._records = records
        self._artifacts = _artifacts(found, records)
        self._on_front = found.ids_on_front
        self._found = found
        self._experiment_id = experiment_id
        there = self._runs()
        self._parent = next((run for run in there if TRIAL_ID not in run.data.tags), None)
        self._others = {run.info.run_id: run for run in there if TRIAL_ID in run.data.tags}

    def _runs(self) -> "list[Run]":
        """Returns the existing runs of this sweep, from all exports."""
        runs: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], f"tags.`{SWEEP}` = '{self._found.spec.name}'", page_token=token
            )
            runs += [run for run in page if run.data.tags.get(RESULTS) == self._found.results_at]
            if not (token := page.token):
                return runs

    def sweep(self) -> str:
        """Creates or updates the sweep's own run, and returns its id."""
        from mlflow.entities import Metric, Param, RunTag

        found, spec = self._found, self._found.spec
        parent = self._parent or self._client.create_run(
            self._experiment_id, start_time=found.started_ms, run_name=spec.name,
            tags={SWEEP: spec.name, RESULTS: found.results_at},
        )  # fmt: skip
        run_id = str(parent.info.run_id)
        params = {
            "objective.metric": ", ".join(each.metric for each in spec.objectives),
            "objective.direction": ", ".join(each.direction.value for each in spec.objectives),
            "epochs": spec.epochs,
            "seed": spec.seed,
            **{f"fixed.{name}": as_word(value) for name, value in spec.fixed.items()},
        }
        numbers: dict[str, float] = {f"trials.{status.value}": 0 for status in Status}
        for result in found.results:
            numbers[f"trials.{result.outcome.status.value}"] += 1
        tags = {NOTE: f"No trial of the sweep {spec.name} succeeded."}
        if found.output:
            cost = found.output.cost
            numbers |= cost.to_json() if found.is_on_aws else {"job_seconds": cost.job_seconds}
        if found.front:
            numbers[FRONT_SIZE] = len(found.front)
            tags = {NOTE: front_note(found.front_lines)}
        elif found.output and (winner := found.output.winner):
            numbers |= {VALUE: winner.value, BEST_EPOCH: winner.epoch}
            tags = {NOTE: f"Winner: {found.winner_said}", "stepsweep.winner": winner.trial_id}
        if found.note:
            tags[PERSON_S_NOTE] = found.note
        elif PERSON_S_NOTE in parent.data.tags:  # it was removed since the last export
            self._client.delete_tag(run_id, PERSON_S_NOTE)
        self._client.log_batch(
            run_id,
            metrics=[Metric(name, value, found.ended_ms, 0) for name, value in numbers.items()],
            tags=[RunTag(name, value[:MAX_TAG]) for name, value in tags.items()],
        )
        for some in _batches(params.items(), PARAMS_AT_ONCE):
            self._client.log_batch(run_id, params=[Param(name, str(value)) for name, value in some])
        with explained():
            documents = self._records.documents(spec.name)
        for file, text in documents.items():
            self._client.log_text(run_id, text, file)
        return run_id

    def trials(self, parent_id: str) -> tuple[int, int]:
        """Writes one run per trial. Returns how many it wrote, and how many were up to date."""
        written = 0
        by_trial = {run.data.tags[TRIAL_ID]: run for run in self._others.values()}
        for result in self._found.results:
            tags = self._tags(result, parent_id)
            run = by_trial.get(result.trial.trial_id)
            if run is not None and run.info.status != "RUNNING" and tags.items() <= run.data.tags.items():
                del self._others[run.info.run_id]
                continue
            # An older run of this trial is removed with the others: a run's metrics cannot be replaced.
            self._write(result, tags)
            written += 1
        return written, len(self._found.results) - written

    def remove_others(self) -> int:
        """Deletes outdated runs of trials. Returns how many of them belong to trials that the sweep no longer has."""
        known = {result.trial.trial_id for result in self._found.results}
        for run_id in self._others:
            self._client.delete_run(run_id)
        return len({run.data.tags[TRIAL_ID] for run in self._others.values()} - known)

    def _tags(self, result: Result, parent_id: str) -> dict[str, str]:
        """Returns tags that identify a trial's run and its state.

        They suffice because metrics files never change. The value is that of the objective, which another sweep of the
        same name may have had otherwise.
        """
        tags = {
            PARENT: parent_id,
            SWEEP: self._found.spec.name,
            RESULTS: self._found.results_at,
            TRIAL_ID: result.trial.trial_id,
            STATUS: result.outcome.status.value,
            "stepsweep.epochs": str(result.trial.epochs),
            "stepsweep.ranked_by": "nothing" if result.value is None else f"{result.value} of epoch {result.epoch}",
        }
        if self._found.spec.has_front:
            tags[ON_FRONT] = "yes" if result.trial.trial_id in self._on_front else "no"
        if files := self._artifacts.get(result.trial.trial_id):
            tags[ARTIFACTS] = f"{number_of(len(files), 'file')}, {sum(file.bytes for file in files)} bytes"
        return tags | ({REASON: result.outcome.reason[:MAX_TAG]} if result.outcome.reason else {})

    def _write(self, result: Result, tags: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        trial, times = result.trial, self._found.times(result.trial.trial_id)
        run = self._client.create_run(
            self._experiment_id, start_time=times.started_ms, run_name=_run_name(trial), tags=dict(tags)
        )
        run_id = str(run.info.run_id)
        for some in _batches(trial.options.items(), PARAMS_AT_ONCE):
            self._client.log_batch(run_id, params=[Param(name, as_word(value)) for name, value in some])
        curve = self._found.curves.get(trial.trial_id)
        points = _points(curve, times.epochs_ms) if curve else []
        if result.value is not None and result.epoch is not None:
            points += _summary(self._found.named_values(result), result.epoch, times.ended_ms)
        for some_points in _batches(points, METRICS_AT_ONCE):
            self._client.log_batch(run_id, metrics=some_points)
        self._write_artifacts(run_id, trial)
        status = "FINISHED" if result.outcome.status is Status.SUCCEEDED else "FAILED"
        self._client.set_terminated(run_id, status, end_time=times.ended_ms)

    def _write_artifacts(self, run_id: str, trial: Trial) -> None:
        files = self._artifacts.get(trial.trial_id)
        if not files:
            return
        with tempfile.TemporaryDirectory() as folder, explained():
            for file in files:
                target = Path(folder, file.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                self._records.files.save(file, target)
            self._client.log_artifacts(run_id, folder)


def _artifacts(found: Finished, records: Records) -> dict[str, list[Artifact]]:
    """Returns what is kept of the trials' files, by trial id."""
    ranked = ranking.ranked(grouped(found.results), found.spec.objectives)
    best = kept(ranked, found.spec.keep_artifacts)
    with explained():
        files = for_all(records.files.artifacts, best)
    return {trial.trial_id: [file for file in each if file.is_kept] for trial, each in zip(best, files, strict=True)}


def _points(curve: Metrics, at_ms: Sequence[int]) -> "list[Point]":
    """Returns one point per metric and epoch in which it was measured, NaN included."""
    from mlflow.entities import Metric

    return [
        Metric(name, values[epoch], at_ms[epoch], epoch + 1)
        for epoch in range(curve.epochs)
        for name, values in curve.columns.items()
        if name != EPOCH and epoch + 1 not in curve.blank.get(name, ())
    ]


def _summary(values: Mapping[str, float], epoch: int, at_ms: int) -> "list[Point]":
    """Returns a trial's values as points, since MLflow itself shows a metric's last value."""
    from mlflow.entities import Metric

    named = [Metric(name, value, at_ms, 0) for name, value in values.items()]
    return [*named, Metric(BEST_EPOCH, epoch, at_ms, 0)]


def front_note(lines: Sequence[str]) -> str:
    """Returns the front as a note: as many lines as fit, and where the others are."""
    note = f"Front: {number_of(len(lines), 'trial')}"
    for number, line in enumerate(lines):
        more = len(lines) - number
        have = verb(more, "has", "have")
        rest = f"\n… and {more:,} more, which {have} the tag {ON_FRONT}, and rank 1 in leaderboard.csv"
        if len(note) + 1 + len(line) + len(rest) > MAX_TAG:
            return note + rest
        note += f"\n{line}"
    return note


def _run_name(trial: Trial) -> str:
    return " ".join(f"{name}={as_word(value)}" for name, value in trial.params.items())


def _batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    every = list(items)
    for first in range(0, len(every), size):
        yield every[first : first + size]
