"""Reads the last line that each running trial printed, which shows that it lives before it has metrics."""

import re
from collections.abc import Mapping
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from stepsweep.bucket.job_logs import THREADS
from stepsweep.bucket.s3 import for_all
from stepsweep.client.deployment import Deployment
from stepsweep.contract.trial import one_line

MAX_BYTES = 8192
"""Of the end of a log file; a progress bar may write a long line."""
MAX_EVENTS = 5
MAX_JOBS = 100
"""Limit of DescribeJobs: https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html"""

_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def last_printed(deployment: Deployment, jobs: Mapping[str, str]) -> dict[str, str]:
    """Returns the last line of each trial that has printed one; no line if its log cannot be read.

    Args:
        jobs: trial id → id of its running job.
    """
    if not jobs:
        return {}
    if (folder := deployment.log_files) is not None:
        return {name: line for name, job_id in jobs.items() if (line := _of_files(folder / name, job_id))}
    ids = list(jobs.values())[:MAX_JOBS]
    try:
        described = deployment.batch.describe_jobs(jobs=ids)["jobs"]
    except (BotoCoreError, ClientError):
        return {}
    streams = {job["jobId"]: job.get("container", {}).get("logStreamName", "") for job in described}
    known = [name for name, job_id in jobs.items() if streams.get(job_id)]
    lines = for_all(lambda name: _of_stream(deployment, streams[jobs[name]]), known, threads=THREADS)
    return {name: line for name, line in zip(known, lines, strict=True) if line}


def last_line(text: str) -> str:
    """Returns the last line that is not empty, without colours; of a progress bar its latest state."""
    lines = (one_line(line) for line in reversed(re.split(r"[\r\n]", _ESCAPE.sub("", text))))
    return next(filter(None, lines), "")


def _of_files(folder: Path, job_id: str) -> str:
    files = list(folder.glob(f"{job_id}-*.log"))
    if not files:
        return ""
    try:
        with max(files, key=lambda file: int(file.stem.rpartition("-")[2])).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - MAX_BYTES))
            return last_line(file.read().decode(errors="replace"))
    except OSError:
        return ""


def _of_stream(deployment: Deployment, stream: str) -> str:
    try:
        answer = deployment.logs.get_log_events(
            logGroupName=deployment.log_group, logStreamName=stream, limit=MAX_EVENTS, startFromHead=False
        )
    except (BotoCoreError, ClientError):
        return ""
    return last_line("\n".join(event["message"] for event in answer["events"]))
