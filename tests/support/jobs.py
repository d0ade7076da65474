"""Batch jobs one by one, on an embedded cloud: submitted, followed, read."""

import time
from typing import Any

from tests.support.embedded import Cloud, eventually
from tests.support.tiny import SHELL_IMAGE


def submitted(
    cloud: Cloud,
    *command: str,
    image: str = SHELL_IMAGE,
    overrides: dict[str, Any] | None = None,
    parameters: dict[str, str] | None = None,
    **definition: Any,
) -> str:
    """Submits a job with a definition of its own; returns its id."""
    batch = cloud.client("batch")
    name = f"job-{time.time_ns()}"
    batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={
            "image": image,
            "command": list(command),
            "environment": [{"name": "FROM", "value": "definition"}, {"name": "OTHER", "value": "definition"}],
            "vcpus": 1,
            "memory": 128,
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "jobs"}},
        },
        **definition,
    )
    answer = batch.submit_job(
        jobName=name,
        jobQueue=cloud.outputs["JobQueue"],
        jobDefinition=name,
        containerOverrides=overrides or {},
        parameters=parameters or {},
    )
    return str(answer["jobId"])


def described(cloud: Cloud, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = cloud.client("batch").describe_jobs(jobs=[job_id])["jobs"][0]
    return job


def ended(cloud: Cloud, job_id: str) -> dict[str, Any]:
    eventually(lambda: described(cloud, job_id)["status"] in ("SUCCEEDED", "FAILED"))
    return described(cloud, job_id)


def running(cloud: Cloud, job_id: str) -> None:
    eventually(lambda: described(cloud, job_id)["status"] == "RUNNING")


def printed(cloud: Cloud, job: dict[str, Any]) -> str:
    """Returns what a job of one attempt has printed. A job runs a moment before it has a log."""
    return "".join(log.read_text() for log in (cloud.directory / "logs" / job["jobName"]).glob("*"))
