"""Jobs of Batch, where moto differs from AWS."""

import copy
import json
import math
import re
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Protocol

from moto.batch import urls as batch_urls
from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend, Job, JobQueue
from moto.batch.responses import BatchResponse

from stepsweep.contract.keys import SECRETS, THREADS
from stepsweep.local.patches.patching import add, add_path, patch
from stepsweep.local.turns import LEAST_REMEMBERED_SECONDS, Place

_asked: ContextVar[dict[str, Any]] = ContextVar("asked")
"""What the submission has that this thread answers, and moto does not hand on to its backend."""

SHARE = re.compile(r"[A-Za-z0-9]{1,255}\*?")
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html"""

MAX_TERMINATED = 50

OF_STEP_FUNCTIONS = {"MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS"}
"""What Step Functions adds to the variables of every job that it submits, on AWS and in moto."""


class JobRunner(Protocol):
    """Runs Batch jobs. moto keeps the records, and the runner updates them."""

    def submit(self, job: "ProcessJob") -> None: ...

    def terminate(self, job: "ProcessJob", reason: str) -> None: ...


class ProcessJob(Job):
    """moto's job without its thread and without Docker; the runner sets the state that it describes.

    Attributes:
        ended: done once the job has succeeded or failed.
        retry_strategy: the submission's, or else the job definition's.
        place: where it waits.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._submitted_overrides = copy.deepcopy(self.container_overrides)
        self.status = "RUNNABLE"
        self.ended: Future[None] = Future()
        self.retry_strategy: dict[str, Any] = {}
        self.place = Place(queue=self.job_queue.arn, queue_priority=int(self.job_queue.priority))

    @property
    def command(self) -> list[str]:
        properties = self.job_definition.container_properties
        command = self._submitted_overrides.get("command") or properties.get("command") or []
        return [str(word) for word in self._add_parameters_to_command(list(command))]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the definition and the submission, without those that AWS adds."""
        return {**self.defined_environment, **self.submitted_environment}

    @property
    def defined_environment(self) -> dict[str, str]:
        return _variables(self.job_definition.container_properties)

    @property
    def submitted_environment(self) -> dict[str, str]:
        return _variables(self._submitted_overrides)

    @property
    def secrets(self) -> list[str]:
        """The variables whose values it is given beside these."""
        return [str(name) for name in json.loads(self.environment.get(SECRETS, "[]"))]

    @property
    def has_variables_of_its_own(self) -> bool:
        """Whether the submission gives it variables beside those that every trial of a sweep has."""
        of_any = {THREADS: str(self.asked_vcpus), **OF_STEP_FUNCTIONS}
        return any(
            not name.startswith("STEPSWEEP_") and of_any.get(name) != value
            for name, value in self.submitted_environment.items()
        )

    @property
    def asked_vcpus(self) -> int | None:
        """The vCPUs that the submission asks for; None where it leaves them to the job definition."""
        asked = _requirements(self._submitted_overrides).get("VCPU") or self._submitted_overrides.get("vcpus")
        return math.ceil(float(asked)) if asked else None

    @property
    def has_machines(self) -> bool:
        """Whether a compute environment of its queue is enabled; it waits while none is.

        https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable.html
        """
        return any(environment.state != "DISABLED" for environment in self.job_queue.environments)

    @property
    def gpus(self) -> int:
        """The GPUs that the submission asks for, or else the job definition."""
        return int(self._requirements.get("GPU", 0))

    @property
    def memory_mib(self) -> int | None:
        """The memory that the submission asks for, or else the job definition."""
        asked = self._requirements.get("MEMORY")
        return int(asked) if asked else None

    @property
    def _requirements(self) -> dict[str, str]:
        return _requirements(self.job_definition.container_properties) | _requirements(self._submitted_overrides)

    def _container_details(self) -> dict[str, Any]:
        # moto's own method appends to the request's list on each call, so every description is longer than the last.
        properties = copy.deepcopy(self.job_definition.container_properties)
        details = {
            **properties,
            "command": self.command,
            "environment": [{"name": name, "value": value} for name, value in self.environment.items()],
            "resourceRequirements": [{"type": kind, "value": value} for kind, value in self._requirements.items()],
        }
        if self.attempts:
            details.update({key: value for key, value in self.attempts[-1]["container"].items() if value is not None})
        return details

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = super().describe()
        described["attempts"] = copy.deepcopy(self.attempts)
        if self.place.share:
            described |= {"shareIdentifier": self.place.share, "schedulingPriority": self.place.priority}
        return described


def _variables(properties: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in properties.get("environment") or [] if "value" in each}


def _requirements(properties: dict[str, Any]) -> dict[str, str]:
    return {each["type"]: str(each["value"]) for each in properties.get("resourceRequirements") or []}


def jobs_run(runner: JobRunner) -> None:
    """AWS Batch runs jobs and retries them as retryStrategy says. moto runs them in Docker, or marks them SUCCEEDED
    without running them, and ignores retryStrategy. Here `runner` runs them.

    moto ignores the share and the priority of a submission, too. Batch refuses a job without them in a queue with a
    fair-share policy, and with a share in any other queue. (The priority of a job definition is not known here.)

    moto has no TerminateJobs, and its ListJobs ignores the filter AFTER_CREATED_AT. Its describe_jobs also walks over
    all jobs, and fails when another one is submitted meanwhile.
    """

    def submit_job(
        self: BatchBackend,
        job_name: str,
        job_def_id: str,
        job_queue: str,
        array_properties: dict[str, Any],
        depends_on: list[dict[str, str]] | None = None,
        container_overrides: dict[str, Any] | None = None,
        eks_properties_override: dict[str, Any] | None = None,
        timeout: dict[str, int] | None = None,
        parameters: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> tuple[str, str, str]:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", job_name):
            raise ClientException("Job name should match valid pattern")
        definition = self.get_job_definition(job_def_id)
        queue = self.get_job_queue(job_queue)
        if definition is None or queue is None:
            raise ClientException(f"{job_def_id if definition is None else job_queue} does not exist")
        if array_properties or depends_on or eks_properties_override:
            raise ClientException("The embedded cloud runs single container jobs only")
        asked = _asked.get()
        place = _place(queue, asked)
        job = ProcessJob(
            job_name,
            definition,
            queue,
            self,
            log_backend=self.logs_backend,
            container_overrides=container_overrides,
            eks_properties_override=None,
            depends_on=None,
            all_jobs=self._jobs,
            timeout=timeout,
            array_properties={},
            parameters=parameters,
            tags=tags,
        )
        job.retry_strategy = asked.get("retryStrategy") or definition.retry_strategy or {}
        job.place = place
        self._jobs[job.job_id] = job
        runner.submit(job)
        return job_name, job.job_id, job.arn

    def describe_jobs(self: BatchBackend, jobs: list[str] | None) -> list[dict[str, Any]]:
        ids = [name.rsplit("/", 1)[-1] for name in jobs or []]
        return [self._jobs[job_id].describe() for job_id in ids if job_id in self._jobs]

    def list_jobs(
        original: Callable[..., list[Job]], self: BatchBackend, *args: Any, filters: Any = None, **kwargs: Any
    ) -> list[Job]:
        after = next((int(each["values"][0]) for each in filters or [] if each["name"] == "AFTER_CREATED_AT"), None)
        found = original(self, *args, filters=filters, **kwargs)
        return found if after is None else [job for job in found if job.job_created_at.timestamp() * 1000 > after]

    def terminate_job(self: BatchBackend, job_id: str, reason: str) -> None:
        job = self._jobs.get(job_id)
        if isinstance(job, ProcessJob):
            runner.terminate(job, reason)

    def cancel_job(self: BatchBackend, job_id: str, reason: str) -> None:
        job = self._jobs.get(job_id)
        if isinstance(job, ProcessJob) and job.status in ("SUBMITTED", "PENDING", "RUNNABLE"):
            runner.terminate(job, reason)

    def submitjob(original: Callable[[BatchResponse], str], self: BatchResponse) -> str:
        names = ("retryStrategy", "shareIdentifier", "schedulingPriorityOverride")
        token = _asked.set({name: self._get_param(name) for name in names})
        try:
            return original(self)
        finally:
            _asked.reset(token)

    def terminatejobs(self: BatchResponse) -> str:
        # Jobs that can't be found are treated as successfully processed:
        # https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJobs.html
        jobs = self._get_param("jobs")
        if len(jobs) > MAX_TERMINATED:
            raise ClientException(f"jobs: at most {MAX_TERMINATED}, got {len(jobs)}")
        for job_id in jobs:
            self.batch_backend.terminate_job(job_id, self._get_param("reason"))
        return json.dumps({"successful": jobs, "errors": []})

    add(BatchResponse, "terminatejobs", terminatejobs)
    add_path(batch_urls, "{0}/v1/terminatejobs$", BatchResponse.dispatch)
    patch(BatchResponse, "submitjob", submitjob, with_original=True)
    patch(BatchBackend, "submit_job", submit_job)
    patch(BatchBackend, "describe_jobs", describe_jobs)
    patch(BatchBackend, "list_jobs", list_jobs, with_original=True)
    patch(BatchBackend, "terminate_job", terminate_job)
    patch(BatchBackend, "cancel_job", cancel_job)


def _place(queue: JobQueue, asked: dict[str, Any]) -> Place:
    """Returns where a submitted job waits.

    Raises ClientException where its share does not fit the queue; the first two texts are Batch's own.
    """
    place = Place(queue=queue.arn, queue_priority=int(queue.priority))
    share, priority = asked["shareIdentifier"], asked["schedulingPriorityOverride"]
    if queue.schedule_policy is None:
        if share:
            raise ClientException("shareIdentifier: the job queue has no fair-share policy")
        return place
    if not share:
        raise ClientException("shareIdentifier must be specified.")
    if priority is None:
        raise ClientException(
            "Either schedulingPriority in job definition or schedulingPriorityOverride should be specified."
        )
    if not SHARE.fullmatch(share):
        raise ClientException(f"shareIdentifier: at most 255 letters and digits, got {share}")
    (policy,) = queue.backend.describe_scheduling_policies([queue.schedule_policy])
    fair: dict[str, Any] = policy.fairshare_policy
    weights = {each["shareIdentifier"]: each.get("weightFactor", 1) for each in fair.get("shareDistribution") or []}
    return replace(
        place,
        share=share,
        weight=float(next((weight for name, weight in weights.items() if _is_of(share, name)), 1)),
        remembered_seconds=fair.get("shareDecaySeconds") or LEAST_REMEMBERED_SECONDS,
        priority=priority,
    )


def _is_of(share: str, name: str) -> bool:
    """Whether a share is the one of this name in a policy, or one of those that begin so."""
    return share.startswith(name[:-1]) if name.endswith("*") else share == name
