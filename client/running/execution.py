"""One execution of the state machine: follows it, stops it, and reads its end.

The data comes from three places: the status from Step Functions, the plan and the outcomes from the bucket, and the
number of running jobs from Batch.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from stepsweep.bucket.job_logs import with_line
from stepsweep.bucket.plans import Plan, plan_of_state
from stepsweep.bucket.records import Objects, Records
from stepsweep.bucket.stores import Store
from stepsweep.bucket.trials import Read
from stepsweep.client.archive.read_once import ReadOnce
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.deployment import Deployment, explained, explanation, may_pass
from stepsweep.client.running.free_running import FollowedLog
from stepsweep.client.running.jobs import FollowedJobs
from stepsweep.client.running.progress import INTERRUPTED, RUNNING, SUCCEEDED, Ending, Progress
from stepsweep.contract import keys
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.output import Output
from stepsweep.contract.results import Result
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status

FIRST_SLEEP_SECONDS = 0.1
"""First delay of polling. Much happens at the start (wrong input, nothing to run), and at the end of a round."""
MAX_SLEEP_SECONDS = 60.0
ENDING_SECONDS = 30.0
"""Longest wait for a stopped execution to end."""

CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}

Take = Callable[[Progress], object]


class Execution:
    """One execution, running or ended.

    Attributes:
        arn: the execution's ARN.
        spec: the sweep's input.
        deployment: where it runs.
        plan: the latest plan that was seen; None before.
        objects: the sweep's objects, as they were listed last.
    """

    def __init__(self, deployment: Deployment, *, arn: str, spec: SweepSpec) -> None:
        self.arn = arn
        self.spec = spec
        self.deployment = deployment
        self._records = Records(deployment.store)
        self._last_lines = deployment.last_lines
        self.plan: Plan | None = None
        self.objects: Objects = {}
        self._looking = threading.Lock()
        self._ended: set[str] = set()
        self._failed = 0
        self._round_began = 0.0
        self._reads_logs = True
        self._jobs = FollowedJobs(deployment, self._records.files)
        self._log = FollowedLog(deployment.store, spec.name, execution=self.name)
        self._untold: list[Result] = []  # of the log, which is read once

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    def is_same(self, other: "Execution") -> bool:
        """Whether it is the same execution, asked with the same clients."""
        return self.arn == other.arn and self.deployment is other.deployment

    @property
    def store(self) -> Store:
        """The objects of its bucket, as they are now."""
        return self.deployment.store

    @property
    def endpoint_url(self) -> str:
        """Where the services of its cloud answer."""
        return str(self.deployment.step_functions.meta.endpoint_url)

    @property
    def console_url(self) -> str:
        """The URL of the execution in the AWS console."""
        _, partition, _, region, *_ = self.arn.split(":")
        domain = CONSOLES.get(partition, CONSOLES["aws"])
        return f"https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{self.arn}"

    @property
    def search_state(self) -> SearchState | None:
        """What the log of a free-running search says; None before it has begun, and for others."""
        return self._log.state

    def look(self, *, with_training: bool = False, take: Take | None = None) -> list[Progress]:
        """Looks once, and returns the progress since the last look: one, after one for each round that has ended.

        Arguments and errors are those of `follow`, which may look at the same time in another thread.
        """
        with explained():
            return self._look(with_training=with_training, take=take)

    def follow(
        self, *, poll_seconds: float = 5.0, with_training: bool = False, take: Take | None = None
    ) -> Iterator[Progress]:
        """Yields progress until the execution has ended. Each trial's end is in the `news` of exactly one progress.

        Waits out network failures and busy services for up to `Deployment.patience_seconds`.

        Args:
            with_training: also read the live rows of running trials, with one request each.
            take: called with each progress of a look, before another thread may look: what is news in one look is
                none in the next.

        Raises:
            CloudError: the cloud did not answer for too long, or refused a request.
        """
        progress = Progress()
        delay, answered_at = FIRST_SLEEP_SECONDS, time.monotonic()
        while True:
            try:
                had_ended = progress.all_ended
                *earlier, progress = self._look(with_training=with_training, take=take)
                delay, answered_at = min(1.5 * delay, poll_seconds), time.monotonic()
                if progress.all_ended and not had_ended:  # only the reducer still has to run
                    delay = FIRST_SLEEP_SECONDS
            except (BotoCoreError, ClientError) as error:
                if not may_pass(error) or time.monotonic() - answered_at > self.deployment.patience_seconds:
                    with explained():
                        raise
                delay = min(2 * delay, MAX_SLEEP_SECONDS)
                earlier, progress = [], replace(progress, news=(), outcomes={}, trouble=str(explanation(error)))
            yield from earlier
            yield progress
            if progress.status != RUNNING:
                return
            time.sleep(delay)

    def ending(self) -> Ending:
        """Returns the end of the execution, which must have ended."""
        with explained():
            described = self.deployment.step_functions.describe_execution(executionArn=self.arn)
        return Ending(
            status=described["status"],
            output=Output.from_json(json.loads(described["output"]), where="the execution's output")
            if described["status"] == SUCCEEDED
            else None,
            error=described.get("error", ""),
            cause=described.get("cause", ""),
        )

    def recorded(self) -> Archive:
        """Returns the current records of its bucket. Reads each object once."""
        return Archive(ReadOnce(self.deployment.store), objects=self.deployment.objects)

    def stop(self) -> None:
        """Stops the execution and its jobs, and returns once it has ended. Finished trials stay finished.

        In an embedded cloud it ends with the function that works for it just then, such as the planner.
        """
        functions, deadline = self.deployment.step_functions, time.monotonic() + ENDING_SECONDS
        with explained():
            functions.stop_execution(
                executionArn=self.arn, error=INTERRUPTED, cause="stopped by the person who started it"
            )
            while functions.describe_execution(executionArn=self.arn)["status"] == RUNNING:
                if time.monotonic() > deadline:
                    return
                time.sleep(FIRST_SLEEP_SECONDS)

    def missed(self) -> list[Progress]:
        """Returns the progress that has not been yielded, of an execution that ended before its cloud did.

        It reads the records alone: the reasons of failures lack the last line of the log. It is empty for an execution
        that ended with its cloud.
        """
        if not self._records.have_end_of(self.spec.name, execution=self.name):
            return []
        self._reads_logs = False
        return self._seen(SUCCEEDED, datetime.now(UTC), with_training=False, take=None)

    def _look(self, *, with_training: bool, take: Take | None) -> list[Progress]:
        with self._looking:
            described = self.deployment.step_functions.describe_execution(executionArn=self.arn)
            # After reading the status, so that the last listing has everything that the execution wrote.
            return self._seen(described["status"], described["startDate"], with_training=with_training, take=take)

    def _seen(self, status: str, started: datetime, *, with_training: bool, take: Take | None) -> list[Progress]:
        """Returns the current progress, preceded by the last progress of every round that has ended meanwhile.

        A look that fails has told nothing. So it takes no news: the next one has them.
        """
        before = self.plan, self._ended.copy(), self._failed, self._round_began
        try:
            found = self._found(status, started, with_training=with_training)
            if take:
                for progress in found:
                    take(progress)
        except BaseException:
            self.plan, self._ended, self._failed, self._round_began = before
            raise
        self._untold.clear()
        return found

    def _found(self, status: str, started: datetime, *, with_training: bool) -> list[Progress]:
        latest = self._records.latest(self.spec.name)
        self.objects = objects = self._records.objects(self.spec.name)
        seconds = (datetime.now(UTC) - started).total_seconds()
        if not self.spec.rounds:
            return [self._look_at_log(objects, status=status, seconds=seconds, with_training=with_training)]
        found: list[Progress] = []
        # A resumed sweep also has plans of earlier executions.
        first = self.plan.round_number + 1 if self.plan else 0
        last = latest.round_number if latest and latest.execution == self.name else -1
        for number in range(first, last + 1):
            if self.plan is not None:
                # A new plan means that all trials of the previous round have ended.
                found.append(self._progress(self.plan, objects, status=status, seconds=seconds))
            self.plan = self._records.plan_of(self.spec, number, execution=self.name)
            self._ended, self._failed = set(), 0
            planned_at = objects.get(keys.to_run_key(self.spec.name, number), started)
            self._round_began = (planned_at - started).total_seconds() if number else 0.0
        if self.plan is None:
            return [Progress(status=status, seconds=seconds)]
        progress = self._progress(self.plan, objects, status=status, seconds=seconds)
        return [*found, self._jobs.added_to(progress, self.plan, ended=self._ended, with_training=with_training)]

    def _look_at_log(self, objects: Objects, *, status: str, seconds: float, with_training: bool) -> Progress:
        """Returns the progress of a free-running search, of which the log tells everything."""
        self._untold += self._log.read(objects)
        if self._log.state is None:
            return Progress(status=status, seconds=seconds)
        self.plan = plan_of_state(self._log.state)
        jobs = self._log.jobs()
        outcomes: dict[str, JobOutcome] = {}
        progress = Progress(
            status=status,
            planned=self._log.before + jobs,
            up_to=self.spec.rungs,
            to_run=jobs,
            ended=self._log.ended,
            failed=self._log.failed,
            seconds=seconds,
            news=tuple(self._with_last_line(result, outcomes) for result in self._untold),
            outcomes=outcomes,
        )
        return self._jobs.added_to(progress, self.plan, ended=self._ended, with_training=with_training)

    def _with_last_line(self, result: Result, outcomes: dict[str, JobOutcome]) -> Result:
        """Appends a failed job's last log line to its reason, and its outcome to `outcomes`."""
        if result.outcome.status is not Status.FAILED or self._log.failed > self._last_lines.at_most:
            return result
        outcome = self._records.outcome_of(self.spec.name, result.trial)
        if outcome:
            outcomes[keys.outcome_key(self.spec.name, result.trial.round_number, result.trial.trial_id)] = outcome
        return self._explained(Read(result=result, log_stream=outcome.last_log_stream if outcome else None))

    def _progress(self, plan: Plan, objects: Objects, *, status: str, seconds: float) -> Progress:
        news, outcomes = self._news(plan, objects)
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
            outcomes=outcomes,
        )

    def _news(self, plan: Plan, objects: Objects) -> tuple[list[Result], dict[str, JobOutcome]]:
        new = self._records.ended(plan, objects, known=self._ended)
        reads = self._records.results(plan, new)
        news = [self._explained(read) for read in reads]
        self._ended.update(new)
        self._failed += sum(result.outcome.status is not Status.SUCCEEDED for result in news)
        return news, {plan.outcome_key(read.result.trial.trial_id): read.recorded for read in reads if read.recorded}

    def _explained(self, read: Read) -> Result:
        """Appends a failed job's last log line to its reason, as the reducer does at the end."""
        if read.log_stream is None or not self._reads_logs or self._failed > self._last_lines.at_most:
            return read.result
        return with_line(read.result, self._last_lines.of(read))
