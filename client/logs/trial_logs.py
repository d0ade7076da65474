"""The logs of trials: reads the output of their jobs' attempts."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from stepsweep.bucket.plans import Plan
from stepsweep.bucket.sweep_jobs import ALIVE
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.deployment import Deployment, explained
from stepsweep.client.running.control import Control

Line = tuple[int, str]
"""The number of an attempt, from 1, and a line of its output."""

MAX_EVENTS = 10_000
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html"""
EVENT_BYTES = 64
"""About the length of a line."""
TAIL_BYTES = 1_048_576
"""Most that is read of a log whose last lines are asked for. A line has no limit."""

_LOG = re.compile(r"(?P<job>.+)-(?P<attempt>[1-9][0-9]{0,3})\.log", re.ASCII)


class Log(Protocol):
    """A trial's log.

    Attributes:
        is_there: whether the last call of `news` found a log, which may be empty.
    """

    is_there: bool

    def news(self, *, is_over: bool, at_most: int | None = None) -> Iterator[Line]:
        """Yields the lines printed since the last call.

        Args:
            is_over: the result of `is_over()` just before; if true, the last line need not be complete.
            at_most: leaves out the first of these lines if there are more bytes than that of an attempt.
        """

    def is_over(self) -> bool:
        """Whether the trial will print nothing more."""

    def tail(self, limit: int) -> list[str]:
        """Returns the last lines of the last attempt."""


def attempts_by_job(logs: Path, trial_id: str) -> dict[str, dict[int, Path]]:
    """Returns the log files of a trial in an embedded cloud, by job and attempt; the last written job comes last."""
    found: dict[str, dict[int, Path]] = {}
    # A trial may leave anything beside its logs: another name, a folder, a pipe that nobody ever writes to.
    files = [file for file in (logs / trial_id).glob("*-*.log") if file.is_file()]
    for file in sorted(files, key=lambda file: file.stat().st_mtime_ns):
        if match := _LOG.fullmatch(file.name):
            found[match["job"]] = {**found.pop(match["job"], {}), int(match["attempt"]): file}
    return found


class LocalLog:
    """A trial's log in an embedded cloud: reads files, whether or not the cloud is up.

    Args:
        recorded: log streams in the trial's outcome. They end in the job's id and the attempt, as the files do.
    """

    def __init__(self, logs: Path, trial_id: str, control: Control | None, recorded: Sequence[str]) -> None:
        self._recorded = [stream.rpartition("/")[2].rpartition("-")[0] for stream in recorded]
        self._logs = logs
        self._trial_id = trial_id
        self._control = control
        self._read: dict[Path, int] = {}
        self.is_there = False

    def news(self, *, is_over: bool, at_most: int | None = None) -> Iterator[Line]:
        for attempt, file in sorted(self._attempts().items()):
            self.is_there = True
            with file.open("rb") as stream:
                began = self._read.get(file, 0)
                size = stream.seek(0, os.SEEK_END)
                if at_most is not None and size - began > at_most:
                    stream.seek(size - at_most)
                    stream.readline(at_most)  # the rest of a line
                    began = stream.tell()
                stream.seek(began)
                data = stream.read(size - began)
            whole = len(data) if is_over else data.rfind(b"\n") + 1
            self._read[file] = began + whole
            for line in data[:whole].decode(errors="replace").splitlines():
                yield attempt, line

    def tail(self, limit: int) -> list[str]:
        files = self._attempts()
        if not files:
            return []
        with files[max(files)].open("rb") as stream:
            began = max(0, stream.seek(0, os.SEEK_END) - TAIL_BYTES)
            stream.seek(began)
            data = stream.read(TAIL_BYTES)
        lines = data.decode(errors="replace").splitlines()
        return lines[1 if began and len(lines) > 1 else 0 :][-limit:]

    def _attempts(self) -> dict[int, Path]:
        """Returns the log files of the trial's last job, by attempt."""
        found = attempts_by_job(self._logs, self._trial_id)
        jobs = list(found)
        if len(found) > 1:  # copies of files have other times, so these come last
            known = _jobs_of(self._control.deployment, self._trial_id, alive=False) if self._control else []
            jobs = [*jobs, *self._recorded, *known]
        return next((found[job] for job in reversed(jobs) if job in found), {})

    def is_over(self) -> bool:
        return self._control is None or not _jobs_of(self._control.deployment, self._trial_id, alive=True)


class CloudLog:
    """A trial's log in CloudWatch Logs.

    Args:
        recorded: log streams in the trial's outcome, needed because Batch forgets a job some days after its end.
    """

    def __init__(self, deployment: Deployment, trial_id: str, recorded: Sequence[str]) -> None:
        self._deployment = deployment
        self._trial_id = trial_id
        self._recorded = recorded
        self._tokens: dict[str, str] = {}
        self.is_there = False

    def news(self, *, is_over: bool, at_most: int | None = None) -> Iterator[Line]:  # noqa: ARG002  events are whole lines
        with explained():
            for attempt, stream in enumerate(self._streams(), start=1):
                for line in self._lines(stream, at_most):
                    yield attempt, line

    def tail(self, limit: int) -> list[str]:
        with explained():
            for stream in (self._recorded or self._streams())[-1:]:
                answer = self._deployment.logs.get_log_events(
                    logGroupName=self._deployment.log_group, logStreamName=stream, limit=limit, startFromHead=False
                )
                return [line for event in answer["events"] for line in event["message"].splitlines()][-limit:]
        return []

    def is_over(self) -> bool:
        return not _jobs_of(self._deployment, self._trial_id, alive=True)

    def _streams(self) -> list[str]:
        jobs = _jobs_of(self._deployment, self._trial_id, alive=False)
        if not jobs:
            return list(self._recorded)
        (job,) = self._deployment.batch.describe_jobs(jobs=jobs[-1:])["jobs"]
        containers = [attempt.get("container", {}) for attempt in job.get("attempts", [])]
        names = [container.get("logStreamName") for container in [*containers, job.get("container", {})]]
        return list(dict.fromkeys(name for name in names if name))

    def _lines(self, stream: str, at_most: int | None) -> Iterator[str]:
        while True:
            token = self._tokens.get(stream)
            is_tail = token is None and at_most is not None
            more: dict[str, Any] = {"nextToken": token} if token else {}
            if is_tail:
                more["limit"] = min(MAX_EVENTS, 1 + (at_most or 0) // EVENT_BYTES)
            try:
                answer = self._deployment.logs.get_log_events(
                    logGroupName=self._deployment.log_group,
                    logStreamName=stream,
                    startFromHead=not is_tail,
                    **more,
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                return  # it has printed nothing yet
            self.is_there = True
            for event in answer["events"]:
                yield from event["message"].splitlines()
            self._tokens[stream] = answer["nextForwardToken"]
            if self._tokens[stream] == token:
                return


def recorded_streams(archive: Archive, plan: Plan, trial_id: str) -> list[str]:
    """Returns the log streams of the attempts of a trial's job, from its outcome."""
    with explained():
        outcome = archive.records.outcome(plan, trial_id)
    return outcome.log_streams if outcome else []


def _jobs_of(deployment: Deployment, trial_id: str, *, alive: bool) -> list[str]:
    """Returns the ids of a trial's jobs that Batch still knows, oldest first."""
    with explained():
        pages = deployment.batch.get_paginator("list_jobs").paginate(
            jobQueue=deployment.job_queue, filters=[{"name": "JOB_NAME", "values": [trial_id]}]
        )
        jobs = [
            job
            for page in pages
            for job in page["jobSummaryList"]
            # The filter ignores case.
            if job["jobName"] == trial_id and (not alive or job.get("status") in ALIVE)
        ]
    return [job["jobId"] for job in sorted(jobs, key=lambda job: job.get("createdAt", 0))]
