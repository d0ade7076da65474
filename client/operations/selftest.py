"""Sees on a deployed stack what only an account can show, by three small sweeps of which nothing is left."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from stepsweep.bucket.records import Records
from stepsweep.bucket.sweep_jobs import jobs_alive, jobs_of
from stepsweep.client.checks import seen, trained
from stepsweep.client.checks.findings import Finding, State, asked
from stepsweep.client.checks.machine import tool_finding
from stepsweep.client.deployment import CloudError, Deployment, explained
from stepsweep.client.operations.estimating import calibration
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.running.control import Control
from stepsweep.client.running.execution import FIRST_SLEEP_SECONDS, Execution
from stepsweep.client.running.progress import RUNNING
from stepsweep.client.running.stopping import PATIENCE_SECONDS, stop_sweep
from stepsweep.contract.assumed import ADDRESS_USD_PER_HOUR, DISK_USD_PER_HOUR, IDLE_SECONDS
from stepsweep.contract.described import number_of, usd_text, verb
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.marks import SELFTEST
from stepsweep.contract.means import MAX_MEMORY_MIB, Resources
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.stop import Stop

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

TRAIN_MINUTES = 40
"""Longest time of the first sweep, with the machine's boot and the pull of the image."""
STOP_MINUTES = 15
"""Longest wait for the second sweep's job to run; after that it is stopped while it waits."""
REASON_MINUTES = 20
"""Longest wait for Batch's reason. Batch looks for jobs that block a queue every few minutes."""

ENDING_MINUTES = 3 * 2 * PATIENCE_SECONDS / 60
"""The end of three sweeps."""

WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")


def most_usd(spec: SweepSpec, deployment: Deployment) -> float:
    """Returns what the machines of a self-test cost at most: two, if the first one's successor is not itself."""
    hours = (TRAIN_MINUTES + STOP_MINUTES + ENDING_MINUTES) / 60 + 2 * IDLE_SECONDS.high / 3600
    machine = deployment.usd_per_hour * deployment.job.machines(spec.resources)
    return hours * (machine + DISK_USD_PER_HOUR.high + ADDRESS_USD_PER_HOUR.high)


def announced(spec: SweepSpec, deployment: Deployment) -> list[str]:
    """Returns what a self-test will do, and its cost."""
    minutes = TRAIN_MINUTES + STOP_MINUTES + REASON_MINUTES + ENDING_MINUTES
    return [
        f"In the stack {deployment.stack} in {deployment.region}, a self-test",
        "  - trains one trial for one epoch, and reads its job, its log and its metrics back;",
        "  - tries to write these metrics again, with the same bytes, which the bucket must refuse;",
        "  - starts a second sweep, and stops its execution;",
        "  - starts a third one, whose job asks for more memory than the machines have, and reads why it waits.",
        f"It takes at most {minutes:.0f} minutes, and costs at most "
        f"{usd_text(most_usd(spec, deployment))} USD by the stack's price. Sweeps that start meanwhile may wait.",
        "At the end nothing of it runs, and its records are removed; the metrics of the one trial are kept.",
    ]


def heading(deployment: Deployment, now: datetime) -> list[str]:
    """Returns the first lines of the record."""
    job = deployment.job
    is_aws = ".amazonaws.com" in str(deployment.s3.meta.endpoint_url)
    return [
        f"{SELFTEST}{now:%Y-%m-%d %H:%M} UTC",
        f"{tool_finding().found}, boto3 {version('boto3')}, {sys.platform}",
        f"Region {deployment.region}, {'AWS' if is_aws else 'NOT AWS: another endpoint answered'}",
        f"Machines {', '.join(deployment.instance_types)}, {job.capacity}; per trial {job.vcpus} vCPUs, "
        f"{job.memory_mib:,} MiB, {job.gpus} GPUs",
    ]


@dataclass(kw_only=True)
class SelfTest:
    """Three sweeps in a stack in which nothing else runs.

    Attributes:
        spec: whose first params are trained.
        name: how the names of the sweeps begin.
        begun: names of the sweeps that were started.
    """

    control: Control
    spec: SweepSpec
    name: str
    on_status: Callable[[str], None]
    begun: list[str] = field(default_factory=list)

    def run(self) -> list[Finding]:
        """Returns the findings. Leaves nothing running, whatever ends it.

        Raises:
            InvalidInput: sweeps run in the stack.
            CloudError: the cloud did not answer at the end, so that something may be left.
        """
        if running := self.control.executions():
            names = ", ".join(arn.rpartition(":")[2] for arn in running[:3])
            raise InvalidInput([f"sweeps run in this stack ({names}), and would wait; run this when they have ended"])
        findings: list[Finding] = []
        try:
            for check in (self._train, self._stop, self._ask_for_too_much):
                findings += check()
                self._end(self.begun[-1])
        except SweepError as error:
            findings.append(Finding(check="cloud", state=State.PROBLEM, found=f"the rest was not checked: {error}"))
        finally:
            findings += self._clean_up()
        return [*findings, *(seen.not_checked(check, why) for check, why in seen.NOT_CHECKED.items())]

    # --- the three sweeps

    def _train(self) -> list[Finding]:
        execution = self._start("train", self.spec)
        self.on_status("Training one trial for one epoch …")
        deadline = time.monotonic() + 60 * TRAIN_MINUTES
        for progress in execution.follow(poll_seconds=POLL_SECONDS["aws"]):
            if progress.status == RUNNING and time.monotonic() > deadline:
                break
        ending, name = execution.ending(), execution.spec.name
        records = Records(self._deployment.store)
        with explained():
            plan = records.plan(execution.spec)
        why = ": ".join(filter(None, (ending.error, ending.cause)))
        if plan is None:
            return [Finding(check="submission", state=State.PROBLEM, found=f"the sweep was not planned: {why}")]
        (trial,) = plan.trials.values()
        jobs = self._jobs(name, trial.trial_id)
        if not jobs:
            return [Finding(check="submission", state=State.PROBLEM, found=f"no job was submitted: {why}")]
        findings = [Finding(check="submission", state=State.OK, found="a job was submitted")]
        with explained():
            outcome = records.outcome(plan, trial.trial_id)
        if outcome is not None and outcome.attempts:
            told = (
                f"Step Functions was told of its job's end, and recorded {number_of(len(outcome.attempts), 'attempt')}"
            )
            findings.append(Finding(check="end of a job", state=State.OK, found=told))
        elif jobs[0]["status"] in ("SUCCEEDED", "FAILED"):
            told = f"its job is {jobs[0]['status']}, and no end of it with attempts was recorded: {why}"
            findings.append(Finding(check="end of a job", state=State.PROBLEM, found=told))
        with explained():
            metrics = records.files.metrics(trial)
        if ending.status == RUNNING:
            late = f"did not end within {TRAIN_MINUTES} minutes; its job is {jobs[0]['status']}"
            findings.append(Finding(check="trial", state=State.PROBLEM, found=late, remedy="`sweep doctor --on aws`"))
        elif metrics is None:
            findings.append(Finding(check="trial", state=State.PROBLEM, found=f"left no metrics: {why}"))
        else:
            attempts = number_of(len(jobs[0].get("attempts", [])), "attempt")
            took = f"trained {number_of(trial.epochs, 'epoch')} in {attempts}"
            findings.append(Finding(check="trial", state=State.OK, found=f"{took}, and wrote its metrics"))
        findings += [seen.region(jobs[0], self._deployment.region), seen.tried_again(jobs[0])]
        findings += self._asked("log", "logs", lambda: trained.log(self._deployment, jobs[0]))
        if metrics is not None:
            gpus = self.spec.resources.gpus
            findings += self._asked("GPU driver", "s3", lambda: [trained.driver(self._deployment, trial, gpus=gpus)])
            findings += self._asked("written metrics", "s3", lambda: trained.replaced(self._deployment, trial))
        return findings

    def _stop(self) -> list[Finding]:
        # Of all its epochs, so that it is still training when it is stopped.
        execution = self._start("stop", self.spec, epochs=self.spec.epochs)
        self.on_status("Starting a sweep, to stop it …")

        job = self._job_when(execution, lambda job: job["status"] not in WAITING, seconds=60 * STOP_MINUTES)
        if job is None:
            return [seen.not_checked("stop ends jobs", "its execution submitted no job")]
        name, before, began = execution.spec.name, job["status"], time.monotonic()
        execution.stop()

        while self._alive(name) and time.monotonic() < began + PATIENCE_SECONDS:
            time.sleep(1)
        seconds = time.monotonic() - began
        return [seen.stopped(before, self._jobs(name, job["jobName"]), seconds=seconds)]

    def _ask_for_too_much(self) -> list[Finding]:
        large = replace(self.spec.resources, memory_mib=MAX_MEMORY_MIB)
        execution = self._start("large", self.spec, resources=large)
        self.on_status("Starting a job that fits no machine, to read Batch's reason, which takes minutes …")

        began = time.monotonic()
        job = self._job_when(
            execution,
            lambda job: job["status"] not in WAITING or bool(job.get("statusReason")),
            seconds=60 * REASON_MINUTES,
        )
        return [seen.why_it_waits(job, minutes=(time.monotonic() - began) / 60)]

    # --- the end

    def _clean_up(self) -> list[Finding]:
        records = Records(self._deployment.store)
        removed = 0
        findings: list[Finding] = []
        for name in self.begun:
            try:
                self._end(name)
                with explained():
                    removed += records.remove(name)
                found = "a job is alive" if self._alive(name) else ""
            except CloudError as error:  # the others must end nevertheless
                found = str(error)
            if found:
                remedy = f"`sweep stop {name} --on aws`, then `sweep rm {name} --on aws`"
                findings.append(Finding(check="left", state=State.PROBLEM, found=f"{name}: {found}", remedy=remedy))
        if findings:
            return findings
        gone = f"{number_of(removed, 'record')} {verb(removed, 'was', 'were')} removed"
        found = f"no execution and no job of its {number_of(len(self.begun), 'sweep')}; {gone}"
        return [Finding(check="left", state=State.OK, found=found)]

    def _end(self, name: str) -> None:
        stop_sweep(self.control, name, poll_seconds=1.0, on_status=self.on_status)

    def _alive(self, name: str) -> list[str]:
        with explained():
            return jobs_alive(self._deployment.batch, self._deployment.job_queue, name)

    # --- parts

    @property
    def _deployment(self) -> Deployment:
        return self.control.deployment

    def _start(self, suffix: str, spec: SweepSpec, *, epochs: int = 1, resources: Resources | None = None) -> Execution:
        small = replace(
            calibration(spec),
            name=f"{self.name}-{suffix}",
            epochs=epochs,
            folds=None,
            rounds=True,
            stop=Stop(),
            max_concurrency=None,
            resources=resources or spec.resources,
            fresh=True,
        )
        self.begun.append(small.name)  # before: an interrupt may come between the request and its answer
        return self.control.start(small)

    def _job_when(
        self, execution: Execution, is_enough: "Callable[[JobDetailTypeDef], bool]", *, seconds: float
    ) -> "JobDetailTypeDef | None":
        """Returns the only job of an execution: when it is enough, or the execution has ended, or the time is over."""
        delay, deadline = FIRST_SLEEP_SECONDS, time.monotonic() + seconds
        while True:
            has_ended = execution.ending().status != RUNNING  # first, so that the job is its last
            with explained():
                plan = Records(self._deployment.store).plan(execution.spec)
            jobs = self._jobs(execution.spec.name, *plan.trials) if plan else []
            if has_ended or (jobs and is_enough(jobs[0])) or time.monotonic() > deadline:
                return jobs[0] if jobs else None
            time.sleep(delay)
            delay = min(1.5 * delay, POLL_SECONDS["aws"])

    def _jobs(self, sweep: str, *names: str) -> "list[JobDetailTypeDef]":
        """Returns a sweep's jobs of these names, described."""
        batch, queue = self._deployment.batch, self._deployment.job_queue
        with explained():
            pages = (
                page
                for name in names
                for page in batch.get_paginator("list_jobs").paginate(
                    jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [name]}]
                )
            )
            return list(jobs_of(batch, sweep, [job["jobId"] for page in pages for job in page["jobSummaryList"]]))

    def _asked(self, check: str, service: str, question: Callable[[], list[Finding]]) -> list[Finding]:
        return asked(check, question, service=service, unanswered=State.UNKNOWN, profile=None)
