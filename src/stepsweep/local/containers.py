"""Attempts of jobs as containers of Docker or Podman (docs/decisions/025-jobs-as-containers.md)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from stepsweep.bucket.job_logs import last_lines
from stepsweep.local.attempts import HAS_EXITED, HOST_LOST, NOT_STARTED, OUT_OF_MEMORY, Attempt, Ending
from stepsweep.local.container_engine import CLOUD_LABEL, Engine, image_name, state_of
from stepsweep.local.machine import Machine, Process
from stepsweep.local.share import threads

KILLED = 137


class ContainerAttempts:
    """Runs each attempt as a container. The host watches the engine's program, which passes signals on, and asks the
    engine how the container ended before it removes it.

    Args:
        environment: returns the variables that AWS gives a job with a role: credentials, endpoint.
        directory: the cloud's folder.
        folders: folder for what the engine says of each container.
    """

    memory_is_limited: ClassVar[bool] = True

    def __init__(
        self,
        machine: Machine,
        engine: Engine,
        *,
        environment: Callable[[str], Mapping[str, str]],
        directory: Path,
        folders: Path,
    ) -> None:
        self._machine = machine
        self._engine = engine
        self._environment = environment
        self._directory = directory
        self._folders = folders
        engine.remove_what_is_left(directory)

    def start(self, attempt: Attempt) -> Process:
        engine, job, name = self._engine, attempt.job, f"stepsweep-{attempt.id}"
        self._folders.mkdir(parents=True, exist_ok=True)
        options = [
            *("--name", name, "--label", f"{CLOUD_LABEL}={self._directory}", "--log-driver", "none"),
            *engine.options_of(attempt.properties, memory_mib=job.memory_mib, vcpus=attempt.share.vcpus),
            *engine.gpu_options(attempt.share.gpus or ()),
        ]
        argv, env = engine.run_command(
            image_name(attempt.image.tag),
            job.command,
            options=options,
            # Its GPUs are the only ones that it sees, so their numbers start at 0 there.
            environment=attempt.environment(self._environment(attempt.role_arn), threads(attempt.share.vcpus)),
        )
        return self._machine.start(
            argv,
            cwd=self._folders,
            env=env,
            output=attempt.log,
            after=[
                [engine.program, "container", "inspect", "--format", "{{json .State}}", name],
                [engine.program, "rm", "--force", "--volumes", name],
            ],
            said=self._said(attempt),
        )

    def ending(self, attempt: Attempt, process: Process) -> Ending:
        if process.is_lost:
            return Ending(status_reason=HOST_LOST, container={})
        state = state_of(self._said(attempt))
        if process.exit_code is None or not _has_run(state):
            why = process.error or [*last_lines(attempt.log)[-1:], "the engine does not say why"][0]
            error = "CannotStartContainerError" if state else "CannotCreateContainerError"
            return Ending(status_reason=NOT_STARTED, container={"reason": f"{error}: {state.get('Error') or why}"})
        # The engine's program was killed before its container, which was removed then.
        code = KILLED if state.get("Running") else int(state["ExitCode"])
        is_out_of_memory = code != 0 and bool(state.get("OOMKilled"))
        return Ending(status_reason=HAS_EXITED, container=OUT_OF_MEMORY if is_out_of_memory else {"exitCode": code})

    def _said(self, attempt: Attempt) -> Path:
        return self._folders / f"{attempt.id}.json"


def _has_run(state: Mapping[str, Any]) -> bool:
    """Whether a container started at all: an engine keeps the time as year 1 for one that did not."""
    return not str(state.get("StartedAt", "0001")).startswith("0001")
