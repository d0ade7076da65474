"""One execution of the state machine: follow it, stop it, and how it ended.

What is known of it comes from three places: its status from Step Functions, what was planned and how trials ended from
the bucket, and how many train at this moment from Batch.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from stepsweep.bucket.job_logs import LastLines
from stepsweep.bucket.s3 import for_all
from stepsweep.client.archive.read_once import ReadOnce
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.archive.records import Objects, Plan, Records
from stepsweep.client.deployment import Deployment, explained, explanation, is_denied, may_pass
from stepsweep.contract.metrics import EPOCH
from stepsweep.contract.output import Output
from stepsweep.contract.ranking import Result
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status, Trial

if TYPE_CHECKING:
    from mypy_boto3_batch.literals import JobStatusType

FIRST_SLEEP_SECONDS = 0.1
"""Much happens at the start (wrong input, nothing left to run), and when all trials of a round have ended."""
MAX_SLEEP_SECONDS = 60.0
ASK_BATCH_SECONDS = 2.0
"""On a machine of one's own the client looks for trials that have ended more often, and shares the cores with them."""
ASK_WHY_SECONDS = 15.0
READ_LIVE_SECONDS = 2.0
MAX_TRAINING = 32
"""Running trials of which is read how far they are; a terminal has no room for more."""
MAX_LOG_READS = 20
"""Failed trials whose last log line is looked up while a sweep runs; its leaderboard has that of all."""

CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}

RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A trial whose job runs at this moment.

    Attributes:
        latest: the last row of the metrics that its trainer shows while it trains; empty where it shows none yet.
    """

    trial: Trial
    latest: dict[str, float]

    @property
    def epoch(self) -> int:
        """The last one that is finished; 0 before the first."""
        return int(self.latest.get(EPOCH, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an execution is.

    Attributes:
        status: the execution's, as Step Functions has it.
        round_number: of the round that is under way, from 0; all numbers of trials are of this round.
        planned: trials of the round; None until they are planned.
        up_to: the epochs that they train at most, fewest first.
        to_run: those that were not finished before this execution.
        ended, failed: of `to_run`; the failed are among the ended.
        running: jobs that train at this moment; None where Batch may not be asked.
        starting: jobs that have a machine, and whose container is not up yet.
        training: the running trials, where they were asked for.
        waits_for: why Batch says that jobs wait; empty where it says nothing.
        seconds: since the execution started.
        round_began: the seconds that had passed when this round was planned; 0 in the first.
        news: the trials that ended since the progress before, first things first.
        trouble: why there is nothing new, where the cloud did not answer.
    """

    status: str = RUNNING
    round_number: int = 0
    planned: int | None = None
    up_to: tuple[int, ...] = ()
    to_run: int = 0
    ended: int = 0
    failed: int = 0
    running: int | None = None
    starting: int = 0
    training: tuple[Training, ...] = ()
    waits_for: str = ""
    seconds: float = 0.0
    round_began: float = 0.0
    news: tuple[Result, ...] = ()
    trouble: str = ""

    @property
    def waiting(self) -> int:
        return max(0, self.to_run - self.ended - (self.running or 0) - self.starting)

    @property
    def all_ended(self) -> bool:
        return 0 < self.to_run == self.ended

    @property
    def seconds_left(self) -> float | None:
        """An estimate for the round, by what is done of it; None while nothing is. Early stopping makes it too long."""
        done = self.ended + sum(each.epoch / each.trial.epochs for each in self.training)
        return (self.seconds - self.round_began) * (self.to_run - done) / done if done else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an execution ended.

    Attributes:
        output: the winner and what goes with it, as the state machine gives it; None unless it SUCCEEDED.
        error, cause: a name and its explanation; empty if it SUCCEEDED.
    """

    status: str
    output: Output | None
    error: str
    cause: str


class Execution:
    """One execution, running or ended.

    Attributes:
        arn: names it.
        spec: what it was asked.
        plan: the latest one that `follow` has seen; None before.
    """

    def __init__(self, deployment: Deployment, *, arn: str, spec: SweepSpec) -> None:
        self.arn = arn
        self.spec = spec
        self._deployment = deployment
        self._records = Records(deployment.store)
        self._last_lines = LastLines(deployment.logs, deployment.log_group)
        self.plan: Plan | None = None
        self._ended: set[str] = set()
        self._failed = 0
        self._round_began = 0.0
        self._may_ask_batch = True
        self._jobs: dict[JobStatusType, set[str]] = {}
        self._asked_batch_at = -math.inf
        self._asked_why_at = -math.inf
        self._waits_for = ""
        self._live: dict[str, dict[str, float]] = {}
        self._read_live_at = -math.inf

    @property
    def console_url(self) -> str:
        """Where a browser shows the execution."""
        _, partition, _, region, *_ = self.arn.split(":")
        domain = CONSOLES.get(partition, CONSOLES["aws"])
        return f"https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{self.arn}"

    def follow(self, *, poll_seconds: float = 5.0, with_training: bool = False) -> Iterator[Progress]:
        """Yields how far the execution is until it has ended; each trial's end is in the `news` of one progress.

        Args:
            with_training: read what the running trials show of themselves too, a request each.

        A network that is gone and a service that is busy are waited for, for `Deployment.patience_seconds`.

        Raises:
            CloudError: the cloud did not answer for too long, or does not allow to ask.
        """
        progress = Progress()
        delay, answered_at = FIRST_SLEEP_SECONDS, time.monotonic()
        while True:
            try:
                had_ended = progress.all_ended
                *earlier, progress = self._look(with_training=with_training)
                delay, answered_at = min(1.5 * delay, poll_seconds), time.monotonic()
                if progress.all_ended and not had_ended:  # only the winner is still to be picked
                    delay = FIRST_SLEEP_SECONDS
            except (BotoCoreError, ClientError) as error:
                if not may_pass(error) or time.monotonic() - answered_at > self._deployment.patience_seconds:
                    with explained():
                        raise
                delay = min(2 * delay, MAX_SLEEP_SECONDS)
                earlier, progress = [], replace(progress, news=(), trouble=str(explanation(error)))
            yield from earlier
            yield progress
            if progress.status != RUNNING:
                return
            time.sleep(delay)

    def ending(self) -> Ending:
        """Returns how the execution ended; it must have."""
        with explained():
            described = self._deployment.step_functions.describe_execution(executionArn=self.arn)
        return Ending(
            status=described["status"],
            output=Output.from_json(json.loads(described["output"]), where="the execution's output")
            if described["status"] == SUCCEEDED
            else None,
            error=described.get("error", ""),
            cause=described.get("cause", ""),
        )

    def recorded(self) -> Archive:
        """Returns the records of its bucket as they are now: each object is read once."""
        return Archive(ReadOnce(self._deployment.store), objects=self._deployment.objects)

    def stop(self) -> None:
        """Stops the execution, and with it its jobs. Trials that are finished stay finished."""
        with explained():
            self._deployment.step_functions.stop_execution(
                executionArn=self.arn, error="Interrupted", cause="stopped by the person who started it"
            )

    def _look(self, *, with_training: bool) -> list[Progress]:
        """Returns how far the execution is, and before that the last of every round that has ended meanwhile."""
        described = self._deployment.step_functions.describe_execution(executionArn=self.arn)
        # Listed after the status was read, so that the last look sees all that the execution wrote.
        objects = self._records.objects(self.spec.name)
        status, started = described["status"], described["startDate"]
        seconds = (datetime.now(UTC) - started).total_seconds()
        found: list[Progress] = []
        # A sweep that goes on has plans of earlier executions.
        for number, planned_at in self._records.rounds(objects, since=started.replace(microsecond=0)):
            if self.plan is not None and number <= self.plan.round_number:
                continue
            if self.plan is not None:
                # A round is planned when all trials of the one before have ended.
                found.append(self._progress(self.plan, objects, status=status, seconds=seconds))
            self.plan = self._records.plan_of(self.spec, number, planned_at)
            self._ended, self._failed = set(), 0
            self._round_began = (planned_at - started).total_seconds() if number else 0.0
        if self.plan is None:
            return [Progress(status=status, seconds=seconds)]
        progress = self._progress(self.plan, objects, status=status, seconds=seconds)
        return [*found, self._with_jobs(progress, self.plan, with_training=with_training)]

    def _progress(self, plan: Plan, objects: Objects, *, status: str, seconds: float) -> Progress:
        news = self._news(plan, objects)
        planned = plan.planned
        return Progress(
            status=status,
            round_number=plan.round_number,
            planned=len(planned),
            up_to=tuple(sorted({trial.epochs for trial in planned})),
            to_run=len(plan.to_run),
            ended=len(self._ended),
            failed=self._failed,
            seconds=seconds,
            round_began=self._round_began,
            news=tuple(news),
        )

    def _with_jobs(self, progress: Progress, plan: Plan, *, with_training: bool) -> Progress:
        """Returns the progress with what Batch says of the jobs that are not over."""
        if progress.status != RUNNING or progress.ended == progress.to_run:
            return replace(progress, running=0)
        if self._may_ask_batch and time.monotonic() - self._asked_batch_at >= ASK_BATCH_SECONDS:
            self._ask_batch()
            self._asked_batch_at = time.monotonic()
        running = self._trials_with_jobs(plan, "RUNNING")
        return replace(
            progress,
            running=None if running is None else len(running),
            starting=len(self._trials_with_jobs(plan, "STARTING") or ()),
            training=self._training(plan, running) if with_training and running else (),
            waits_for=self._why_jobs_wait(plan),
        )

    def _news(self, plan: Plan, objects: Objects) -> list[Result]:
        ended = plan.ended(objects)
        new = sorted(ended.keys() - self._ended, key=lambda trial_id: (ended[trial_id], trial_id))
        news = [self._explained(read.result, read.log_stream) for read in self._records.results(plan, new)]
        self._ended.update(new)
        self._failed += sum(result.outcome.status is not Status.SUCCEEDED for result in news)
        return news

    def _explained(self, result: Result, stream: str | None) -> Result:
        """Puts a failed job's last log line behind its reason, as the reducer does at the end."""
        if stream is None or self._failed > MAX_LOG_READS or not (line := self._last_lines.of(stream)):
            return result
        return replace(result, outcome=replace(result.outcome, reason=f"{result.outcome.reason}: {line}"))

    def _ask_batch(self) -> None:
        statuses: tuple[JobStatusType, ...] = ("RUNNING", "STARTING")
        listed = self._deployment.batch.get_paginator("list_jobs")
        try:
            for status in statuses:
                pages = listed.paginate(jobQueue=self._deployment.job_queue, jobStatus=status)
                self._jobs[status] = {job["jobName"] for page in pages for job in page["jobSummaryList"]}
        except ClientError as error:
            if not is_denied(error):
                raise
            self._may_ask_batch = False  # a policy that allows only what is needed to start sweeps

    def _trials_with_jobs(self, plan: Plan, status: "JobStatusType") -> list[str] | None:
        """Returns the trials of this plan that had a job of a status when Batch was asked, and have not ended since.

        The queue has jobs of other sweeps too.
        """
        if not self._may_ask_batch:
            return None
        names = self._jobs[status]
        return [name for name in plan.trials if name in names and name in plan.to_run and name not in self._ended]

    def _why_jobs_wait(self, plan: Plan) -> str:
        """Returns what Batch says of the job at the head of the queue: it gives a reason where that one is stuck."""
        if self._may_ask_batch and time.monotonic() - self._asked_why_at >= ASK_WHY_SECONDS:
            self._asked_why_at = time.monotonic()
            answer = self._deployment.batch.list_jobs(
                jobQueue=self._deployment.job_queue, jobStatus="RUNNABLE", maxResults=100
            )
            reasons = [job.get("statusReason", "") for job in answer["jobSummaryList"] if job["jobName"] in plan.to_run]
            self._waits_for = next(filter(None, reasons), "")
        return self._waits_for

    def _training(self, plan: Plan, running: Sequence[str]) -> tuple[Training, ...]:
        if time.monotonic() - self._read_live_at >= READ_LIVE_SECONDS:
            self._read_live_at = time.monotonic()
            asked = running[:MAX_TRAINING]
            self._live = dict(zip(asked, for_all(lambda name: self._latest(plan.trials[name]), asked), strict=True))
        return tuple(Training(trial=plan.trials[name], latest=self._live.get(name, {})) for name in running)

    def _latest(self, trial: Trial) -> dict[str, float]:
        """Returns the last row that a trainer shows; none where it shows none, or something else."""
        try:
            metrics = self._records.live(trial)
        except ClientError:
            return {}
        return {name: values[-1] for name, values in metrics.columns.items()} if metrics else {}
