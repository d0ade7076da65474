"""The jobs of an execution: which of them run or start, how far those that run have trained, and why others wait."""

import math
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from stepsweep.bucket.plans import Plan
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.trial_files import TrialFiles
from stepsweep.client.deployment import Deployment, is_denied
from stepsweep.client.running.printed import last_printed
from stepsweep.client.running.progress import RUNNING, Progress, Training
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.trial import Trial

if TYPE_CHECKING:
    from mypy_boto3_batch.literals import JobStatusType

ASK_BATCH_SECONDS = 2.0
"""Shortest time between requests to Batch. On this machine the client polls outcomes more often than that, and shares
the cores with the trials."""
ASK_WHY_SECONDS = 15.0
READ_LIVE_SECONDS = 2.0
MAX_TRAINING = 32
"""Most running trials whose live rows are read; a terminal has no room for more."""


class FollowedJobs:
    """The jobs of one execution, while it is followed. Asks about them now and then only, and keeps the answers."""

    def __init__(self, deployment: Deployment, files: TrialFiles) -> None:
        self._deployment = deployment
        self._files = files
        self._may_ask = True
        self._asked_at = -math.inf
        self._jobs: dict[JobStatusType, dict[str, str]] = {}
        self._asked_why_at = -math.inf
        self._waits_for = ""
        self._read_live_at = -math.inf
        self._live: dict[str, Metrics | None] = {}
        self._printed: dict[str, str] = {}

    def added_to(self, progress: Progress, plan: Plan, *, ended: Collection[str], with_training: bool) -> Progress:
        """Returns the progress with Batch's data about the unfinished jobs."""
        if progress.status != RUNNING or progress.ended == progress.to_run:
            return replace(progress, running=0)
        if self._may_ask and time.monotonic() - self._asked_at >= ASK_BATCH_SECONDS:
            self._ask()
            self._asked_at = time.monotonic()
        running = self._trials_with_jobs(plan, ended, "RUNNING")
        return replace(
            progress,
            running=None if running is None else len(running),
            starting=len(self._trials_with_jobs(plan, ended, "STARTING") or ()),
            training=self._training(plan, running) if with_training and running else (),
            waits_for=self._why_jobs_wait(plan),
        )

    def _ask(self) -> None:
        statuses: tuple[JobStatusType, ...] = ("RUNNING", "STARTING")
        listed = self._deployment.batch.get_paginator("list_jobs")
        try:
            for status in statuses:
                pages = listed.paginate(jobQueue=self._deployment.job_queue, jobStatus=status)
                self._jobs[status] = {job["jobName"]: job["jobId"] for page in pages for job in page["jobSummaryList"]}
        except ClientError as error:
            if not is_denied(error):
                raise
            self._may_ask = False  # the person's policy may allow only starting sweeps

    def _trials_with_jobs(self, plan: Plan, ended: Collection[str], status: "JobStatusType") -> list[str] | None:
        """Returns the unfinished trials of this plan that have a job with a status in Batch; None if we may not ask.

        The queue also has jobs of other sweeps.
        """
        if not self._may_ask:
            return None
        names = self._jobs[status]
        return [name for name in plan.trials if name in names and name in plan.to_run and name not in ended]

    def _why_jobs_wait(self, plan: Plan) -> str:
        """Returns Batch's reason for the job at the head of the queue, which it gives if that job is stuck."""
        if self._may_ask and time.monotonic() - self._asked_why_at >= ASK_WHY_SECONDS:
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
            self._live = dict(zip(asked, for_all(lambda name: self._live_rows(plan.trials[name]), asked), strict=True))
            silent = {name: self._jobs["RUNNING"][name] for name in asked if self._live[name] is None}
            self._printed = last_printed(self._deployment, silent)
        return tuple(
            Training(
                trial=plan.trials[name],
                latest=_last_row(self._live.get(name)),
                printed=self._printed.get(name, ""),
                curve=self._live.get(name),
            )
            for name in running
        )

    def _live_rows(self, trial: Trial) -> Metrics | None:
        """Returns the live rows of a trial; None if they are missing or invalid."""
        try:
            return self._files.live(trial)
        except ClientError:
            return None


def _last_row(curve: Metrics | None) -> dict[str, float]:
    return {name: values[-1] for name, values in curve.columns.items()} if curve else {}
