"""Attempts of jobs: as processes of this machine, in copies of their images' files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from stepsweep.local.images import Image
from stepsweep.local.machine import Machine, Process
from stepsweep.local.patches.batch import ProcessJob
from stepsweep.local.share import Share

HOST_LOST = "Host EC2 (of the embedded cloud) terminated."
"""How Batch says it, which tries the job again on another machine."""

NOT_STARTED = "Task failed to start"

HAS_EXITED = "Essential container in task exited"

OUT_OF_MEMORY = {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}
"""How ECS says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a job.

    Attributes:
        image: the job's image.
        secrets: the values that the job asks for, by variable.
        log: the file of its output.
    """

    job: ProcessJob
    number: int
    image: Image
    share: Share
    secrets: Mapping[str, str]
    log: Path

    @property
    def id(self) -> str:
        return f"{self.job.job_id}-{self.number}"

    @property
    def properties(self) -> Mapping[str, Any]:
        """What the job definition says of the container."""
        properties: Mapping[str, Any] = self.job.job_definition.container_properties
        return properties

    @property
    def role_arn(self) -> str:
        return str(self.properties.get("jobRoleArn", ""))

    def environment(self, around: Mapping[str, str], of_share: Mapping[str, str]) -> dict[str, str]:
        """Returns all variables of the attempt.

        Args:
            around: those of AWS and the image; all others win.
            of_share: those of this machine's share, which is not that of the job definition's machine.
        """
        return {
            **around,
            **self.job.defined_environment,
            **of_share,
            **self.job.submitted_environment,
            **self.secrets,
            "AWS_BATCH_JOB_ID": self.job.job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(self.number),
            "AWS_BATCH_JQ_NAME": self.job.job_queue.name,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended, in the words of DescribeJobs."""

    status_reason: str
    container: Mapping[str, Any]


class Attempts(Protocol):
    """Runs attempts of jobs on this machine.

    Attributes:
        memory_is_limited: whether the kernel ends an attempt that uses more memory than its job may.
    """

    memory_is_limited: ClassVar[bool]

    def start(self, attempt: Attempt) -> Process: ...

    def ending(self, attempt: Attempt, process: Process) -> Ending: ...


class ProcessAttempts:
    """Runs each attempt as a process, in a copy of its image's files.

    Args:
        environment: returns the variables that AWS and an image add to a job with a role: credentials, endpoint, PATH.
        folders: parent of the attempts' copies.
    """

    memory_is_limited: ClassVar[bool] = False

    def __init__(self, machine: Machine, *, environment: Callable[[str], Mapping[str, str]], folders: Path) -> None:
        self._machine = machine
        self._environment = environment
        self._folders = folders

    def start(self, attempt: Attempt) -> Process:
        job, image, root = attempt.job, attempt.image, self._root(attempt)
        return self._machine.start(
            image.argv(job.command, root),
            cwd=image.folder_in(root),
            env=attempt.environment(
                image.environment_in(root, self._environment(attempt.role_arn)), attempt.share.environment()
            ),
            output=attempt.log,
            # A fork has already imported these modules, and many read their variables at import.
            preload=None if job.has_variables_of_its_own or attempt.secrets else image.preload,
            copy_of=image.folder,
            copy=root,
        )

    def ending(self, attempt: Attempt, process: Process) -> Ending:
        if process.is_lost:
            return Ending(status_reason=HOST_LOST, container={})
        if process.exit_code is None:
            said = process.error.replace(str(self._root(attempt)), "")
            return Ending(status_reason=NOT_STARTED, container={"reason": f"CannotStartContainerError: {said}"})
        return Ending(status_reason=HAS_EXITED, container={"exitCode": process.exit_code})

    def _root(self, attempt: Attempt) -> Path:
        return self._folders / attempt.id
