"""Batch jobs on this machine: the queue, attempts and their retry rules, timeouts, logs."""

import fnmatch
import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from stepsweep.bucket.disk import fullness, told
from stepsweep.local.attempts import NOT_STARTED, OUT_OF_MEMORY, Attempt, Attempts
from stepsweep.local.held_secrets import HeldSecrets
from stepsweep.local.images import Image
from stepsweep.local.job_logs import JobLogs
from stepsweep.local.machine import Machine, Process
from stepsweep.local.memory import MemoryWatch
from stepsweep.local.patches.batch import ProcessJob
from stepsweep.local.share import VISIBLE, Share, Shares
from stepsweep.local.turns import Turns

STOP_GRACE_SECONDS = 30.0
"""Time between SIGTERM and SIGKILL, as on ECS."""

DISABLED_SECONDS = 0.5
"""How often a job looks whether its queue has machines again."""


class JobQueue:
    """Runs jobs in parallel as far as vCPUs are free. They take turns as in Batch (`local.turns`): the job whose
    turn it is waits for its vCPUs, and all others wait for it.

    A job has as many threads as vCPUs. Its submission decides their number, not its definition
    (docs/decisions/013-vcpus-on-a-laptop.md).

    Args:
        attempts: how they run on the machine.
        images: the images by tag.
        secrets: the values that a job may ask for.
        logs: folder of the logs `<trial>/<job id>-<attempt>.log`.
        shares: the machine's cores and GPUs.
        job_vcpus: vCPUs of a job whose submission asks for none.
    """

    def __init__(
        self,
        machine: Machine,
        attempts: Attempts,
        *,
        images: Mapping[str, Image],
        secrets: HeldSecrets,
        logs: Path,
        shares: Shares,
        job_vcpus: int,
    ) -> None:
        self._machine = machine
        self._attempts = attempts
        self._images = images
        self._secrets = secrets
        self._logs = logs
        self._turns: Turns[ProcessJob] = Turns()
        self._processes: dict[str, Process] = {}
        self._job_logs = JobLogs()
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        """Locks the turns and the shares, and tells that another job may start."""
        self._closing = threading.Event()
        self._memory = MemoryWatch(end=lambda process: machine.end(process, grace_seconds=0))
        self._shares, self._job_vcpus = shares, job_vcpus
        threading.Thread(target=self._dispatch, name="job-queue", daemon=True).start()

    def submit(self, job: ProcessJob) -> None:
        with self._changed:
            self._turns.add(job)
            self._changed.notify()

    def terminate(self, job: ProcessJob, reason: str) -> None:
        """Ends a job in any state. It becomes FAILED with the reason, without a retry."""
        with self._lock:
            if job.ended.done():
                return
            job.job_stopped_reason = job.job_stopped_reason or reason
            job.stop = True
            process = self._processes.get(job.job_id)
        if process is not None:
            self._machine.end(process, grace_seconds=STOP_GRACE_SECONDS)
        elif job.status == "RUNNABLE":
            self._finish(job, succeeded=False)
            with self._changed:
                self._changed.notify()

    def close(self) -> None:
        """Starts no further job. The machine ends the running ones."""
        with self._changed:
            self._closing.set()
            self._changed.notify()

    def _dispatch(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing.is_set() or self._turns.first())
        self._shares.look()  # here, since nobody can submit a job while the shares are locked
        while found := self._next():
            job, share = found
            threading.Thread(target=self._work, args=(job, share), name=f"job-{job.job_id}", daemon=True).start()

    def _next(self) -> tuple[ProcessJob, Share] | None:
        """Waits for the next job that can start, and returns it with its share. Returns None after `close`."""
        with self._changed:
            while not self._closing.is_set():
                job = self._turns.first()
                if job and not job.has_machines:
                    self._changed.wait(DISABLED_SECONDS)
                elif job and (share := self._share_of(job)):
                    self._turns.begin(job, vcpus=share.vcpus)
                    return job, share
                else:
                    self._changed.wait()
        return None

    def _share_of(self, job: ProcessJob) -> Share | None:
        # A person who names the GPUs in the environment assigns them.
        gpus = 0 if VISIBLE in job.environment else job.gpus
        return self._shares.take(vcpus=job.asked_vcpus or self._job_vcpus, gpus=gpus)

    def _work(self, job: ProcessJob, share: Share) -> None:
        try:
            if not job.ended.done():
                self._run(job, share)
        except Exception as error:
            # Any error: without this, the job and everything that waits for it would wait forever.
            logging.getLogger("moto").exception("job %s", job.job_id)
            why = told(error, self._logs) if isinstance(error, OSError) else str(error)
            job.job_stopped_reason = f"The embedded cloud could not run it: {why}"
            self._finish(job, succeeded=False)
        finally:
            with self._changed:
                self._shares.give_back(share)
                self._turns.end(job)
                self._changed.notify()

    def _run(self, job: ProcessJob, share: Share) -> None:
        strategy = job.retry_strategy
        for number in range(1, int(strategy.get("attempts", 1)) + 1):
            attempt = self._attempt(job, number, share)
            if attempt["container"].get("exitCode") == 0 and not job.stop:
                self._finish(job, succeeded=True)
                return
            if self._closing.is_set():
                return  # It ended with its machine, which says nothing of its trial, and nobody is told.
            if job.stop or not retries(strategy, attempt):
                break
        job.job_stopped_reason = job.job_stopped_reason or attempt["statusReason"]
        self._finish(job, succeeded=False)

    def _attempt(self, job: ProcessJob, number: int, share: Share) -> dict[str, Any]:
        """Runs one attempt to its end, and returns it in the form of DescribeJobs."""
        properties = job.job_definition.container_properties
        options = properties.get("logConfiguration", {}).get("options", {})
        stream = f"{options.get('awslogs-stream-prefix', 'job')}/default/{job.job_id}-{number}"
        attempt: dict[str, Any] = {"container": {"logStreamName": stream}}
        log = self._logs / job.job_name / f"{job.job_id}-{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        image = self._images.get(job.job_definition.container_properties["image"].rsplit(":", 1)[-1])
        secrets = {name: self._secrets.get(name) for name in job.secrets}
        given = {name: value for name, value in secrets.items() if value is not None}
        reason = ""
        if image is None:
            name = job.job_definition.container_properties["image"]
            reason = f"CannotPullContainerError: the embedded cloud has no image {name}"
        elif missing := sorted(secrets.keys() - given.keys()):
            reason = f"ResourceInitializationError: the embedded cloud has no secret {', '.join(missing)}"
        if image is None or reason:
            attempt["statusReason"] = NOT_STARTED
            attempt["container"]["reason"] = reason
            job.attempts = [*job.attempts, attempt]
            return attempt
        with self._lock:
            if job.stop:
                attempt["statusReason"] = job.job_stopped_reason
                return attempt
            this = Attempt(job=job, number=number, image=image, share=share, secrets=given, log=log)
            process = self._attempts.start(this)
            self._processes[job.job_id] = process
            job.status = "RUNNING"
        started, began = datetime.now(), time.monotonic()
        if number == 1:
            job.job_started_at = started
        attempt["startedAt"] = _milliseconds(started)
        job.log_stream_name = stream
        job.attempts = [*job.attempts, attempt]

        limit = (job.timeout or job.job_definition.timeout or {}).get("attemptDurationSeconds")
        with self._memory.limited(
            process, None if self._attempts.memory_is_limited else job.memory_mib
        ) as used_too_much:
            if not process.ended.wait(limit):
                job.job_stopped_reason = "Job attempt duration exceeded timeout"
                job.stop = True
                self._machine.end(process, grace_seconds=STOP_GRACE_SECONDS)
                process.ended.wait()
        with self._lock:
            del self._processes[job.job_id]
        # Not the clock's time, which may be set meanwhile: jobs took hours then, or ended before they began.
        stopped = started + timedelta(seconds=time.monotonic() - began)
        ending = self._attempts.ending(this, process)
        container = dict(OUT_OF_MEMORY if used_too_much.is_set() else ending.container)
        # Its script, the trial kit and the log may each have failed for it, and their words differ, or are lost.
        if container.get("exitCode") and (full := fullness(self._logs)):
            container.setdefault("reason", full)
        attempt.update(
            container={**attempt["container"], **container},
            stoppedAt=_milliseconds(stopped),
            statusReason=ending.status_reason,
        )
        if group := options.get("awslogs-group"):
            self._job_logs.publish(job.backend.logs_backend, group, stream, log, now_ms=_milliseconds(datetime.now()))
        return attempt

    def _finish(self, job: ProcessJob, *, succeeded: bool) -> None:
        with self._lock:
            if job.ended.done():
                return
            stopped = job.attempts[-1].get("stoppedAt") if job.attempts else None
            job.job_stopped_at = datetime.fromtimestamp(stopped / 1000) if stopped else datetime.now()
            job.job_stopped = True
            if job.attempts:
                job.exit_code = job.attempts[-1]["container"].get("exitCode")
            job.status = "SUCCEEDED" if succeeded else "FAILED"
            job.ended.set_result(None)


def retries(strategy: Mapping[str, Any], attempt: Mapping[str, Any]) -> bool:
    """Whether Batch retries: the first matching rule decides; without a match it retries.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
    """
    container = attempt["container"]
    said = {
        "onStatusReason": attempt.get("statusReason"),
        "onReason": container.get("reason"),
        "onExitCode": container.get("exitCode"),
    }
    for rule in strategy.get("evaluateOnExit", []):
        patterns = {name: pattern for name, pattern in rule.items() if name != "action"}
        if all(_matches(name, said[name], pattern) for name, pattern in patterns.items()):
            return str(rule["action"]).upper() == "RETRY"
    return True


def _matches(name: str, value: object, pattern: str) -> bool:
    # A `*` matches a missing reason too. What Batch makes of a missing exit code is not documented.
    if value is None and name == "onExitCode":
        return False
    return fnmatch.fnmatchcase("" if value is None else str(value), _glob(pattern))


def _glob(pattern: str) -> str:
    """Converts a pattern of Batch, which allows only a `*` at the end."""
    stem, star = (pattern[:-1], "*") if pattern.endswith("*") else (pattern, "")
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem) + star


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
