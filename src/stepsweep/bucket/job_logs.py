"""Reads the last line of a job's log, which usually says why the trainer failed."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from stepsweep.bucket.folder import opened
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.trials import Read
from stepsweep.contract.results import Result
from stepsweep.contract.trial import MAX_REASON, one_line

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

THREADS = 4
"""CloudWatch Logs allows 25 requests per second."""

MAX_BYTES = 64 * 2**10
MAX_LINES = 1_000
"""Most that is read of a log's end in a file."""

MAX_FILES = 1_000

_FILE = re.compile(r"[0-9a-f-]+-[1-9][0-9]{0,3}", re.ASCII)
"""The end of a log stream's name, a job's id and the number of an attempt, which is the name of its file too."""


class LastLines(Protocol):
    """Reads the last lines of jobs' logs.

    Attributes:
        at_most: how many logs may be read for one sweep.
    """

    @property
    def at_most(self) -> int: ...

    def of(self, read: Read, /) -> str:
        """Returns the last line that a trial's job printed; empty if there is none.

        An unreadable log must not fail the sweep.
        """


class CloudLastLines:
    """Reads them in CloudWatch Logs."""

    def __init__(self, client: "CloudWatchLogsClient", log_group: str, *, at_most: int) -> None:
        self._logs = client
        self._log_group = log_group
        self.at_most = at_most

    def of(self, read: Read, /) -> str:
        if read.log_stream is None:
            return ""
        try:
            answer = self._logs.get_log_events(
                logGroupName=self._log_group, logStreamName=read.log_stream, limit=20, startFromHead=False
            )
        except ClientError as error:
            return f"(its log could not be read: {error.response['Error']['Code']})"
        except BotoCoreError as error:
            return f"(its log could not be read: {type(error).__name__})"
        return _last(event["message"] for event in answer["events"])


class FileLastLines:
    """Reads them in an embedded cloud's files, whether or not it is up.

    Args:
        logs: has a folder per trial, with a file per attempt.
    """

    at_most = MAX_FILES

    def __init__(self, logs: Path) -> None:
        self._logs = logs

    def of(self, read: Read, /) -> str:
        name = (read.log_stream or "").rpartition("/")[2]
        file = self._logs / read.result.trial.trial_id / f"{name}.log"
        return _last(last_lines(file)) if _FILE.fullmatch(name) else ""


class NoLastLines:
    """Reads none."""

    at_most = 0

    def of(self, _read: Read, /) -> str:
        return ""


def with_last_lines(read: Sequence[Read], last_lines: LastLines) -> list[Result]:
    """Returns the results. The reason of a failed job ends in the last line that it printed."""
    failed = [each for each in read if each.log_stream][: last_lines.at_most]
    found = for_all(last_lines.of, failed, threads=THREADS)
    lines = {each.log_stream: line for each, line in zip(failed, found, strict=True)}
    return [with_line(each.result, lines.get(each.log_stream, "")) for each in read]


def with_line(result: Result, line: str) -> Result:
    """Returns a result with a line at the end of its reason, unless the line is empty."""
    if not line:
        return result
    reason = f"{result.outcome.reason}: {line}"[:MAX_REASON]
    return replace(result, outcome=replace(result.outcome, reason=reason))


def last_lines(log: Path) -> list[str]:
    """Returns the last lines of a file that are not empty, of at most `MAX_BYTES` together."""
    try:
        with opened(log, log.parent) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_BYTES))
            data = file.read(MAX_BYTES)
    except OSError:
        return []
    return [line for line in data.decode(errors="replace").splitlines() if line.strip()][-MAX_LINES:]


def _last(messages: Iterable[str]) -> str:
    lines = [line for message in messages if (line := one_line(message))]
    return lines[-1] if lines else ""
