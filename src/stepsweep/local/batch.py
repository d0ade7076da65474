"""Batch jobs as local processes: the queue, attempts and their retry rules, timeouts, logs."""

import fnmatch
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from stepsweep.bucket.disk import told
from stepsweep.local.held_secrets import HeldSecrets
from stepsweep.local.images import Image
from stepsweep.local.job_logs import JobLogs
from stepsweep.local.machine import Machine, Process
from stepsweep.local.memory import MemoryWatch
from stepsweep.local.patches.batch import ProcessJob
from stepsweep.local.share import VISIBLE, Share, Shares

STOP_GRACE_SECONDS = 30.0
"""Time between SIGTERM and SIGKILL, as on ECS."""

HOST_LOST = "Host EC2 (of the embedded cloud) terminated."
"""How Batch says it, which tries the job again on another machine."""

DISABLED_SECONDS = 0.5
"""How often a job looks whether its queue has machines again."""

OUT_OF_MEMORY = {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}
"""How ECS says it."""


class JobQueue:
    """Runs jobs in the order of their submission, in parallel as far as vCPUs are free.

    A job has as many threads as vCPUs. Its submission decides their number, not its definition
    (docs/decisions/013-vcpus-on-a-laptop.md).

    Args:
        images: the images by tag.
        environment: returns the variables that AWS and an image add to a job with a role: credentials, endpoint, PATH.
        secrets: the values that a job may ask for.
        folders: parent of the attempts' working folders.
        logs: folder of the logs `<trial>/<job id>-<attempt>.log`.
        shares: the machine's cores and GPUs.
        job_vcpus: vCPUs of a job whose submission asks for none.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        images: Mapping[str, Image],
        environment: Callable[[str], Mapping[str, str]],
        secrets: HeldSecrets,
        folders: Path,
        logs: Path,
        shares: Shares,
        job_vcpus: int,
    ) -> None:
        self._machine = machine
        self._images = images
        self._environment = environment
        self._secrets = secrets
        self._folders = folders
        self._logs = logs
        self._waiting: SimpleQueue[ProcessJob | None] = SimpleQueue()
        self._processes: dict[str, Process] = {}
        self._job_logs = JobLogs()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._memory = MemoryWatch(end=lambda process: machine.end(process, grace_seconds=0))
        self._shares, self._job_vcpus = shares, job_vcpus
        threading.Thread(target=self._dispatch, name="job-queue", daemon=True).start()

    def submit(self, job: ProcessJob) -> None:
        self._waiting.put(job)

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

    def close(self) -> None:
        """Starts no further job. The machine ends the running ones."""
        self._closing.set()
        self._shares.close()
        self._waiting.put(None)

    def _dispatch(self) -> None:
        while (job := self._waiting.get()) is not None:
            while not job.has_machines:
                if self._closing.wait(DISABLED_SECONDS):
                    return
            # A person who names the GPUs in the environment assigns them.
            gpus = 0 if VISIBLE in job.environment else job.gpus
            share = self._shares.take(vcpus=job.asked_vcpus or self._job_vcpus, gpus=gpus)
            if share is None:
                return
            threading.Thread(target=self._work, args=(job, share), name=f"job-{job.job_id}", daemon=True).start()

    def _work(self, job: ProcessJob, share: Share) -> None:
        try:
            if not job.ended.done():
                self._run(job, share)
        except Exception as error:
            # Any error: without this, the job and everything that waits for it would wait forever.
            logging.getLogger("moto").exception("job %s", job.job_id)
            why = told(error, self._folders) if isinstance(error, OSError) else str(error)
            job.job_stopped_reason = f"The embedded cloud could not run it: {why}"
            self._finish(job, succeeded=False)
        finally:
            self._shares.give_back(share)

    def _run(self, job: ProcessJob, share: Share) -> None:
        strategy = job.retry_strategy
        for number in range(1, int(strategy.get("attempts", 1)) + 1):
            attempt = self._attempt(job, number, share)
            if attempt["container"].get("exitCode") == 0 and not job.stop:
                self._finish(job, succeeded=True)
                return
            if job.stop or self._closing.is_set() or not retries(strategy, attempt):
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
            attempt["statusReason"] = "Task failed to start"
            attempt["container"]["reason"] = reason
            job.attempts = [*job.attempts, attempt]
            return attempt
        with self._lock:
            if job.stop:
                attempt["statusReason"] = job.job_stopped_reason
                return attempt
            root = self._folders / f"{job.job_id}-{number}"
            process = self._machine.start(
                image.argv(job.command, root),
                cwd=image.folder_in(root),
                env={
                    **image.environment_in(root, self._environment(properties.get("jobRoleArn", ""))),
                    **job.defined_environment,
                    **share.environment(),  # a laptop's threads are not those of the job definition's machine
                    **job.submitted_environment,
                    **given,
                    "AWS_BATCH_JOB_ID": job.job_id,
                    "AWS_BATCH_JOB_ATTEMPT": str(number),
                    "AWS_BATCH_JQ_NAME": job.job_queue.name,
                },
                output=log,
                # A fork has already imported these modules, and many read their variables at import.
                preload=None if job.has_variables_of_its_own or given else image.preload,
                copy_of=image.folder,
                copy=root,
            )
            self._processes[job.job_id] = process
            job.status = "RUNNING"
        started = datetime.now()
        if number == 1:
            job.job_started_at = started
        attempt["startedAt"] = _milliseconds(started)
        job.log_stream_name = stream
        job.attempts = [*job.attempts, attempt]

        limit = (job.timeout or job.job_definition.timeout or {}).get("attemptDurationSeconds")
        with self._memory.limited(process, job.memory_mib) as used_too_much:
            if not process.ended.wait(limit):
                job.job_stopped_reason = "Job attempt duration exceeded timeout"
                job.stop = True
                self._machine.end(process, grace_seconds=STOP_GRACE_SECONDS)
                process.ended.wait()
        with self._lock:
            del self._processes[job.job_id]
        ended = dict(attempt["container"], **(OUT_OF_MEMORY if used_too_much.is_set() else _ending(process, root)))
        attempt.update(
            container=ended,
            stoppedAt=_milliseconds(datetime.now()),
            statusReason=_why_ended(process),
        )
        if group := options.get("awslogs-group"):
            self._job_logs.publish(job.backend.logs_backend, group, stream, log, now_ms=_milliseconds(datetime.now()))
        return attempt

    def _finish(self, job: ProcessJob, *, succeeded: bool) -> None:
        with self._lock:
            if job.ended.done():
                return
            job.job_stopped_at = datetime.now()
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


def _why_ended(process: Process) -> str:
    if process.is_lost:
        return HOST_LOST
    return "Task failed to start" if process.exit_code is None else "Essential container in task exited"


def _ending(process: Process, root: Path) -> dict[str, Any]:
    if process.is_lost:
        return {}
    if process.exit_code is None:
        return {"reason": f"CannotStartContainerError: {process.error.replace(str(root), '')}"}
    return {"exitCode": process.exit_code}


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
