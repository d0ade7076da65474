"""The Python API: start a sweep, follow it, read what came out. The command line is made of this.

    from client.deployment import on_aws
    from client.sweeps import Sweeps
    from sweep.spec import SweepSpec

    spec = SweepSpec.from_json({"parameters": {"lr": [0.1, 0.01]}, "epochs": 5}, default_name="first")
    execution = Sweeps(on_aws()).start(spec)
    for progress in execution.follow():
        print(progress.ended, "of", progress.to_run)
    print(execution.ending().output["winner"]["params"])

What is known of a sweep comes from three places: the execution's status from Step Functions; what was planned and how
trials ended from the bucket; how many run at this moment from Batch.
"""

import csv
import difflib
import io
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from client.deployment import Deployment, explained, explanation, is_denied, may_pass
from statemachine.bucket import Bucket, for_all
from statemachine.reducer import LastLines, read_result
from sweep import keys, ranking
from sweep.errors import InvalidInput
from sweep.ranking import Result
from sweep.space import as_option, shown
from sweep.spec import SweepSpec
from sweep.trial import Status, Trial

MAX_EXECUTION_NAME = 80
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
SUFFIX_BYTES = 4

MAX_SLEEP_SECONDS = 60.0
MAX_LOG_READS = 20
"""Failed trials of a running sweep whose last log line is looked up; the leaderboard has it of all."""

RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"

_ROUND = re.compile(r"/round-(\d+)/to-run\.json$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an execution is.

    Attributes:
        status: the execution's, as Step Functions has it.
        planned: trials of the sweep; None until they are planned.
        to_run: those that were not trained before this execution.
        ended, failed: of `to_run`; the failed are among the ended.
        running: jobs that train at this moment; None where Batch may not be asked.
        news: the trials that ended since the progress before.
        trouble: why there is nothing new, where the cloud did not answer.
    """

    status: str = RUNNING
    planned: int | None = None
    to_run: int = 0
    ended: int = 0
    failed: int = 0
    running: int | None = None
    news: tuple[Result, ...] = ()
    trouble: str = ""

    @property
    def waiting(self) -> int:
        return max(0, self.to_run - self.ended - (self.running or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an execution ended.

    Attributes:
        output: the winner and what goes with it, as the state machine gives it; None unless it SUCCEEDED.
        error, cause: a name and its explanation; empty if it SUCCEEDED.
    """

    status: str
    output: dict[str, Any] | None
    error: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the leaderboard. Params are texts, as the trainer is given them; `rank` is None unless it succeeded."""

    rank: int | None
    trial_id: str
    params: dict[str, str]
    value: float | None
    epoch: int | None
    epochs_trained: int | None
    status: str
    reason: str

    @classmethod
    def of(cls, result: Result, rank: int) -> Self:
        return cls(
            rank=None if result.value is None else rank,
            trial_id=result.trial.trial_id,
            params={name: as_option(value) for name, value in result.trial.params.items()},
            value=result.value,
            epoch=result.epoch,
            epochs_trained=result.epochs_trained,
            status=result.outcome.status.value,
            reason=result.outcome.reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is there of a sweep, whether it runs or not.

    Attributes:
        planned: its trials; 0 where it was not planned yet.
        rows: the leaderboard; of the trials so far, where the sweep is not finished.
        output: what its execution gave; None where it is not finished, or where no trial succeeded.
        is_finished: whether the leaderboard belongs to the latest plan.
        executions: ARNs of those that run.
    """

    spec: SweepSpec
    planned: int
    rows: list[Row]
    output: dict[str, Any] | None
    is_finished: bool
    executions: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One plan: its trials by id, those to run, and when it was written, by the bucket's clock."""

    number: int
    trials: dict[str, Trial]
    to_run: frozenset[str]
    planned_at: datetime


class Sweeps:
    """The sweeps of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.bucket = Bucket(deployment.bucket, deployment.s3)

    def start(self, spec: SweepSpec) -> "Execution":
        """Starts an execution. A sweep of a name that is there already goes on, if it asks for the same."""
        # A sweep's name may be used again, an execution's not: not within 90 days.
        suffix = f"-{secrets.token_hex(SUFFIX_BYTES)}"
        with explained():
            started = self.deployment.step_functions.start_execution(
                stateMachineArn=self.deployment.state_machine_arn,
                name=_execution_prefix(spec.name) + suffix,
                input=json.dumps(spec.to_json()),
            )
        return Execution(self, arn=started["executionArn"], spec=spec)

    def names(self) -> list[str]:
        """Returns the names of all sweeps that were ever started here."""
        pages = self.deployment.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.deployment.bucket, Prefix=keys.SWEEPS, Delimiter="/"
        )
        with explained():
            found = [folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", [])]
        return [prefix.removeprefix(keys.SWEEPS).rstrip("/") for prefix in found]

    def standing(self, name: str) -> Standing:
        """Returns what is there of a sweep.

        Raises:
            InvalidInput: there is none of this name; the message has names like it.
        """
        with explained():
            document = self.bucket.get_json(keys.spec_key(name))
            if document is None:
                raise InvalidInput([self._no_sweep(name)])
            spec = SweepSpec.from_json(document)
            objects = self.objects(name)
            a_round = self.latest_round(name, objects)
            executions = self._running_executions(name)
            leaderboard_at = objects.get(keys.leaderboard_key(name))
            is_finished = bool(leaderboard_at and a_round and leaderboard_at >= a_round.planned_at)
            if is_finished:
                rows, output = self.leaderboard(name), self.bucket.get_json(keys.winner_key(name))
            else:
                rows, output = self._rows_so_far(spec, a_round, objects) if a_round else [], None
        return Standing(
            spec=spec,
            planned=len(a_round.trials) if a_round else 0,
            rows=rows,
            output=output,
            is_finished=is_finished,
            executions=executions,
        )

    def leaderboard(self, name: str) -> list[Row]:
        """Returns the rows of leaderboard.csv; none where it is not there."""
        with explained():
            data = self.bucket.get(keys.leaderboard_key(name))
        return [] if data is None else _rows(data)

    def objects(self, name: str) -> dict[str, datetime]:
        """Returns the keys of a sweep's objects, and when each was written."""
        pages = self.deployment.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.deployment.bucket, Prefix=keys.sweep_prefix(name)
        )
        return {entry["Key"]: entry["LastModified"] for page in pages for entry in page.get("Contents", [])}

    def latest_round(self, name: str, objects: Mapping[str, datetime], since: datetime | None = None) -> _Round | None:
        """Returns the plan that was written last; None where none was, or none `since`."""
        plans = [
            (written, int(match[1]))
            for key, written in objects.items()
            if (match := _ROUND.search(key)) and (since is None or written >= since)
        ]
        if not plans:
            return None
        planned_at, number = max(plans)
        plan = self.bucket.get_json(keys.plan_key(name, number))
        to_run = self.bucket.get_json(keys.to_run_key(name, number))
        trials = [Trial.from_json(trial) for trial in plan["trials"]]
        return _Round(
            number=number,
            trials={trial.trial_id: trial for trial in trials},
            to_run=frozenset(item["trial_id"] for item in to_run),
            planned_at=planned_at,
        )

    def results(self, spec: SweepSpec, a_round: _Round, trial_ids: Sequence[str]) -> list[tuple[Result, str | None]]:
        """Returns how trials ended, each with its log stream where its job failed; in the words of the reducer."""
        return for_all(
            lambda trial_id: read_result(
                self.bucket, a_round.trials[trial_id], spec.objective, spec.name, a_round.number
            ),
            trial_ids,
        )

    def _rows_so_far(self, spec: SweepSpec, a_round: _Round, objects: Mapping[str, datetime]) -> list[Row]:
        ended = _ended(spec.name, a_round, objects)
        known = [trial_id for trial_id in a_round.trials if trial_id in ended or trial_id not in a_round.to_run]
        results = [result for result, _ in self.results(spec, a_round, known)]
        return [Row.of(result, rank) for rank, result in enumerate(ranking.rank(results, spec.objective), start=1)]

    def _running_executions(self, name: str) -> list[str]:
        pages = self.deployment.step_functions.get_paginator("list_executions").paginate(
            stateMachineArn=self.deployment.state_machine_arn, statusFilter="RUNNING"
        )
        # Ours, or one that was started elsewhere and gave the sweep its own name.
        ours = re.compile(rf"{re.escape(_execution_prefix(name))}-[0-9a-f]{{{2 * SUFFIX_BYTES}}}|{re.escape(name)}")
        return [
            execution["executionArn"]
            for page in pages
            for execution in page["executions"]
            if ours.fullmatch(execution["name"])
        ]

    def _no_sweep(self, name: str) -> str:
        names = sorted(self.names())
        near = difflib.get_close_matches(name, names, n=3)
        near += [other for other in reversed(names) if other.startswith(name) and other not in near][:3]
        remedy = f"did you mean {' or '.join(near)}?" if near else f"there are {len(names)}: {', '.join(names[:5])}"
        if not names:
            remedy = "there is none yet"
        elif not near and len(names) > 5:
            remedy += ", …"
        return f"there is no sweep {shown(name)} in s3://{self.deployment.bucket}; {remedy}"


@dataclass(slots=True)
class Execution:
    """One execution of the state machine, running or ended."""

    sweeps: Sweeps
    arn: str
    spec: SweepSpec
    _round: _Round | None = None
    _ended: set[str] = field(default_factory=set)
    _failed: int = 0
    _may_ask_batch: bool = True

    def follow(self, *, poll_seconds: float = 5.0) -> Iterator[Progress]:
        """Yields how far the execution is until it has ended; every trial's end is in the `news` of one progress.

        A network that is gone for a while and throttling are waited for, for `Deployment.patience_seconds`.
        """
        progress = Progress()
        delay, lost_at = poll_seconds, None
        while True:
            try:
                progress = self._look()
                delay, lost_at = poll_seconds, None
            except (BotoCoreError, ClientError) as error:
                now = time.monotonic()
                lost_at = lost_at or now
                if not may_pass(error) or now - lost_at > self.sweeps.deployment.patience_seconds:
                    with explained():
                        raise
                delay = min(2 * delay, MAX_SLEEP_SECONDS)
                progress = replace(progress, news=(), trouble=explanation(error))
            yield progress
            if progress.status != RUNNING:
                return
            time.sleep(delay)

    def ending(self) -> Ending:
        """Returns how the execution ended; it must have."""
        with explained():
            described = self.sweeps.deployment.step_functions.describe_execution(executionArn=self.arn)
        output = json.loads(described["output"]) if described["status"] == SUCCEEDED else None
        return Ending(
            status=described["status"],
            output=output,
            error=described.get("error", ""),
            cause=described.get("cause", ""),
        )

    def stop(self) -> None:
        """Stops the execution; its jobs end with it. Trials that are finished stay finished."""
        with explained():
            self.sweeps.deployment.step_functions.stop_execution(
                executionArn=self.arn, error="Interrupted", cause="stopped by the person who started it"
            )

    def _look(self) -> Progress:
        described = self.sweeps.deployment.step_functions.describe_execution(executionArn=self.arn)
        # Read after the status, so that the last look sees all that the execution wrote.
        objects = self.sweeps.objects(self.spec.name)
        if self._round is None:
            # A sweep that goes on has plans of earlier executions; S3 keeps whole seconds.
            since = described["startDate"].replace(microsecond=0)
            self._round = self.sweeps.latest_round(self.spec.name, objects, since)
        status = described["status"]
        if self._round is None:
            return Progress(status=status)
        news = self._news(self._round, objects)
        to_run = len(self._round.to_run)
        return Progress(
            status=status,
            planned=len(self._round.trials),
            to_run=to_run,
            ended=len(self._ended),
            failed=self._failed,
            running=self._count_running(self._round) if status == RUNNING and len(self._ended) < to_run else 0,
            news=tuple(news),
        )

    def _news(self, a_round: _Round, objects: Mapping[str, datetime]) -> list[Result]:
        ended = _ended(self.spec.name, a_round, objects)
        new = sorted(ended.keys() - self._ended, key=lambda trial_id: (ended[trial_id], trial_id))
        results = self.sweeps.results(self.spec, a_round, new)
        self._ended.update(new)
        return [self._explained(result, stream) for result, stream in results]

    def _explained(self, result: Result, stream: str | None) -> Result:
        """Puts a failed job's last log line behind its reason, as the reducer does at the end."""
        if result.outcome.status is Status.SUCCEEDED:
            return result
        self._failed += 1
        if stream is None or self._failed > MAX_LOG_READS:
            return result
        deployment = self.sweeps.deployment
        if not (line := LastLines(deployment.logs, deployment.log_group).of(stream)):
            return result
        return replace(result, outcome=replace(result.outcome, reason=f"{result.outcome.reason}: {line}"))

    def _count_running(self, a_round: _Round) -> int | None:
        """Returns how many jobs of this round train; the queue has those of other sweeps too."""
        if not self._may_ask_batch:
            return None
        pages = self.sweeps.deployment.batch.get_paginator("list_jobs").paginate(
            jobQueue=self.sweeps.deployment.job_queue, jobStatus="RUNNING"
        )
        try:
            names = {job["jobName"] for page in pages for job in page["jobSummaryList"]}
        except ClientError as error:
            if not is_denied(error):
                raise
            self._may_ask_batch = False
            return None
        return len(names & a_round.to_run - self._ended)


def _execution_prefix(sweep: str) -> str:
    return sweep[: MAX_EXECUTION_NAME - 1 - 2 * SUFFIX_BYTES]


def _ended(sweep: str, a_round: _Round, objects: Mapping[str, datetime]) -> dict[str, datetime]:
    """Returns the trials of a round whose outcome was recorded since it was planned, and when."""
    prefix = keys.outcomes_prefix(sweep, a_round.number)
    return {
        trial_id: written
        for key, written in objects.items()
        if key.startswith(prefix)
        and (trial_id := key.removeprefix(prefix).removesuffix(".json")) in a_round.to_run
        and written >= a_round.planned_at
    }


def _rows(leaderboard_csv: bytes) -> list[Row]:
    """Reads what `ranking.leaderboard_csv` writes."""
    header, *lines = csv.reader(io.StringIO(leaderboard_csv.decode(), newline=""))
    # By place, since a metric may have the name of another column: rank, trial_id, the params, the metric, …
    names = [name.removeprefix("params.") for name in header[2:-5]]
    return [_row(line, names) for line in lines]


def _row(line: Sequence[str], names: Sequence[str]) -> Row:
    rank, trial_id, *params, value, epoch, epochs_trained, status, reason = line
    if reason.startswith("'") and reason[1:].startswith(ranking.FORMULA_STARTS):
        reason = reason[1:]  # the quote was for spreadsheets
    return Row(
        rank=int(rank) if rank else None,
        trial_id=trial_id,
        params=dict(zip(names, params, strict=True)),
        value=float(value) if value else None,
        epoch=int(epoch) if epoch else None,
        epochs_trained=int(epochs_trained) if epochs_trained else None,
        status=status,
        reason=reason,
    )
