"""Finds the jobs of a sweep in Batch, by their tag: jobs of two sweeps that share a trial have the same name."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.literals import JobStatusType
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

ON_MACHINES: tuple["JobStatusType", ...] = ("STARTING", "RUNNING")
ALIVE: tuple["JobStatusType", ...] = ("SUBMITTED", "PENDING", "RUNNABLE", *ON_MACHINES)

DESCRIBED_AT_ONCE = 100
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html"""


def jobs_of(batch: "BatchClient", sweep: str, ids: Sequence[str]) -> Iterator["JobDetailTypeDef"]:
    """Yields those of the jobs that are the sweep's, described. Raises botocore's errors."""
    for first in range(0, len(ids), DESCRIBED_AT_ONCE):
        for job in batch.describe_jobs(jobs=ids[first : first + DESCRIBED_AT_ONCE])["jobs"]:
            if job.get("tags", {}).get("sweep") == sweep:
                yield job


def jobs_alive(batch: "BatchClient", queue: str, sweep: str) -> list[str]:
    """Returns the ids of a sweep's jobs that wait or run. Raises botocore's errors."""
    pages = (
        page for status in ALIVE for page in batch.get_paginator("list_jobs").paginate(jobQueue=queue, jobStatus=status)
    )
    ids = list(dict.fromkeys(job["jobId"] for page in pages for job in page["jobSummaryList"]))
    return [job["jobId"] for job in jobs_of(batch, sweep, ids) if job["status"] in ALIVE]
