"""Where a command works: the embedded cloud of a folder, or a deployed stack on AWS."""

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stepsweep.client.clouds import trainers
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_script import script_of

if TYPE_CHECKING:
    from stepsweep.client.archive.recorded import Archive
    from stepsweep.client.deployment import Deployment
    from stepsweep.client.running.control import Found
    from stepsweep.client.running.execution import Execution
    from stepsweep.local.endpoint import Endpoint
    from stepsweep.local.machine import Machines

T = TypeVar("T")

DEFAULT_DIRECTORY = ".stepsweep"

IDLE_LOOKS, IDLE_LOOK_SECONDS = 20, 0.25
"""For so long a command waits for an idle background cloud to end, which lingers for two seconds."""

SPEC_FILE = "sweep.yaml"
"""What `sweep run` takes where it is in the current folder and no spec is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The cloud that a command uses, from its options.

    Attributes:
        container: whether trials on this machine run in containers.
    """

    on: str
    directory: Path
    trainer: Path | None
    job_vcpus: int | None
    container: bool = False
    profile: str | None
    region: str | None
    stack: str | None

    @property
    def is_local(self) -> bool:
        return self.on == "local"

    @contextmanager
    def opened(self, on_status: Callable[[str], None], machines: "Machines | None") -> Iterator["Deployment"]:
        """Finds the deployed stack, or runs the embedded cloud during the context, with the given machines if any."""
        from stepsweep.client.deployment import on_endpoint

        if self.is_local:
            from stepsweep.local.cloud import embedded_cloud

            with embedded_cloud(
                self.directory,
                on_status=on_status,
                trainer=self.trainer,
                job_vcpus=self.job_vcpus,
                container=self.container,
                ends_when_idle=True,
                machines=machines,
            ) as endpoint:
                self.check_it_is_as_asked(endpoint)
                yield on_endpoint(endpoint.environment(), folder=self.objects, is_ours=endpoint.started_here)
        else:
            yield self.on_aws()

    def kept_up(self, on_status: Callable[[str], None]) -> "Deployment":
        """Finds the deployed stack, or an embedded cloud of another process; starts one in the background if necessary.

        The caller must hold `starting` until it has started an execution.
        """
        from stepsweep.client.deployment import on_endpoint

        if self.is_local:
            from stepsweep.client.clouds.background import up

            endpoint = up(
                self.directory,
                on_status,
                trainer=self.trainer,
                job_vcpus=self.job_vcpus,
                container=self.container,
            )
            self.check_it_is_as_asked(endpoint)
            return on_endpoint(endpoint.environment(), folder=self.objects)
        return self.on_aws()

    def looked_at(self) -> "Found":
        """Finds the sweeps without starting a cloud. If the cloud is not up, there are only records.

        Raises:
            InvalidInput: there is no embedded cloud in the folder.
        """
        from stepsweep.client.running.control import Found

        self.check_it_is_there()
        deployment = self.deployed()
        return Found(self.recorded(), None) if deployment is None else Found.of(deployment)

    def deployed(self) -> "Deployment | None":
        """Finds the deployed stack, or an embedded cloud that is up; None if none is up."""
        from stepsweep.client.deployment import on_endpoint

        if not self.is_local:
            return self.on_aws()
        from stepsweep.local.joining import joined

        endpoint = joined(self.directory)
        return None if endpoint is None else on_endpoint(endpoint.environment(), folder=self.objects)

    def check_it_is_there(self) -> None:
        """Raises InvalidInput if there is no embedded cloud in the folder."""
        if self.is_local and not self.directory.exists():
            raise InvalidInput(
                [f"there is no embedded cloud in {self.directory}; say where it is with --dir, or --on aws"]
            )

    def recorded(self) -> "Archive":
        """Finds the records of sweeps as they are now; for an embedded cloud in its folder, whether or not it is up."""
        from stepsweep.bucket.job_logs import FileLastLines
        from stepsweep.bucket.stores import FolderStore
        from stepsweep.client.archive.entries import began_at
        from stepsweep.client.archive.read_once import ReadOnce
        from stepsweep.client.archive.recorded import Archive

        if not self.is_local:
            return self.looked_at().archive
        # Usually there is one bucket, since its name does not change; before the first sweep there is none.
        folders = [sweeps.parent for sweeps in sorted(self.objects.glob("*/sweeps"))] or [self.objects]
        lines = FileLastLines(self.logs)
        found = [Archive(ReadOnce(FolderStore(folder)), objects=folder, last_lines=lines) for folder in folders]
        return found[0] if len(found) == 1 else max(found, key=began_at)

    @contextmanager
    def kept_from_others(self) -> Iterator["Archive"]:
        """Finds the records for a change of one.

        If no embedded cloud is up, none starts meanwhile, since it would not know of the change; and no other command
        changes one.

        Raises:
            InvalidInput: there is no embedded cloud in the folder.
        """
        if not self.is_local:
            yield self.looked_at().archive
            return
        from stepsweep.client.deployment import on_endpoint
        from stepsweep.client.running.control import Found
        from stepsweep.local.joining import held

        self.check_it_is_there()
        with held(self.directory) as endpoint:
            if endpoint is None:
                yield self.recorded()
            else:
                yield Found.of(on_endpoint(endpoint.environment(), folder=self.objects)).archive

    @property
    def objects(self) -> Path:
        """The folder of an embedded cloud's buckets."""
        return self.directory / "s3"

    @property
    def logs(self) -> Path:
        """The folder of an embedded cloud's trial logs."""
        return self.directory / "logs"

    def is_gone(self, execution: "Execution | None" = None) -> bool:
        """Whether it is an embedded cloud that no process keeps up; with an execution, the cloud that ran this one."""
        if not self.is_local:
            return False
        from stepsweep.local.joining import is_up

        return not is_up(self.directory, url=execution.endpoint_url if execution else None)

    def settled(self, ask: Callable[[], T]) -> T:
        """Returns `ask()`, which reads. Calls it once more if a background cloud ended during the first call."""
        from stepsweep.client.deployment import CloudError

        try:
            return ask()
        except CloudError:
            if not self.is_gone():
                raise
            return ask()

    @contextmanager
    def starting(self, on_status: Callable[[str], None]) -> Iterator[Callable[[], None]]:
        """Keeps idle embedded clouds from ending until the yielded function is called, or the context ends."""
        if not self.is_local:
            yield lambda: None
            return
        from filelock import Timeout

        from stepsweep.local.joining import starting

        lock = starting(self.directory)
        self._let_another_end()
        try:
            lock.acquire(timeout=2)
        except Timeout:
            on_status("Waiting for another command that starts or ends this cloud …")
            lock.acquire()
        try:
            yield lock.release
        finally:
            lock.release()

    def _let_another_end(self) -> None:
        """Waits for an idle background cloud that trains something else: it lingers after its last sweep."""
        from stepsweep.client.deployment import CloudError, on_endpoint
        from stepsweep.client.running.control import Control
        from stepsweep.local.joining import joined

        for _ in range(IDLE_LOOKS):
            endpoint = joined(self.directory)
            if endpoint is None or not endpoint.ends_when_idle or not self._other_than_asked(endpoint):
                return
            try:
                if Control(on_endpoint(endpoint.environment())).executions():
                    return
            except CloudError:  # it ends just now
                pass
            time.sleep(IDLE_LOOK_SECONDS)

    def check_it_is_as_asked(self, endpoint: "Endpoint") -> None:
        """Refuses a cloud that would train something else than this command names."""
        if not endpoint.started_here and (faults := self._other_than_asked(endpoint)):
            raise InvalidInput(faults)

    def _other_than_asked(self, endpoint: "Endpoint") -> list[str]:
        """Returns what a cloud has that is not as this command names it."""
        from stepsweep.local.preparing import code_of

        trained = trainer_of(endpoint)
        remedy = "wait until its sweeps have ended" if endpoint.ends_when_idle else "end its `sweep serve`"
        up = f"the cloud in {self.directory} is up with {{}}; {remedy}, or use another --dir"
        option = "command" if self.trainer is not None and script_of(self.trainer) else "--trainer"
        faults = []
        if endpoint.trainer != (str(self.trainer.resolve()) if self.trainer else ""):
            faults.append(f"{option}: {up.format(trained)}")
        elif endpoint.code != code_of(self.trainer):
            # The cloud runs what the latest sweep with this trainer was started with.
            latest = next(iter(trainers.sweeps_at(self.directory, trainers.home_of(self.trainer))), None)
            files = trainers.changed(self.directory, latest, self.trainer) if latest else ()
            since = f"which has changed since{f' ({trainers.named(files)})' if files else ''}"
            faults.append(f"{option}: {up.format(f'an earlier version of {trained}, {since}')}")
        if self.job_vcpus is not None and endpoint.job_vcpus != self.job_vcpus:
            faults.append(f"--job-vcpus: {up.format(f'{endpoint.job_vcpus} a job')}")
        if self.container and not endpoint.container:
            faults.append(f"--container: {up.format('trials as processes')}")
        return faults

    def on_aws(self) -> "Deployment":
        """Finds the deployed stack that the options name."""
        from stepsweep.client.deployment import DEFAULT_STACK, on_aws

        return on_aws(stack=self.stack or DEFAULT_STACK, profile=self.profile, region=self.region)

    @property
    def where(self) -> str:
        """The options of this cloud, to append to a `sweep …` command for people to paste."""
        if not self.is_local:
            return " --on aws" + self.options("profile", "region", "stack")
        is_default = self.directory == Path(os.environ.get("STEPSWEEP_DIR") or DEFAULT_DIRECTORY)
        return "" if is_default else f" {shlex.join(['--dir', str(self.directory)])}"

    def options(self, *names: str) -> str:
        """Returns the named options if given, to append to a command for people to paste."""
        words = [word for name in names if (value := getattr(self, name)) for word in (f"--{name}", value)]
        return f" {shlex.join(words)}" if words else ""


def trainer_of(endpoint: "Endpoint") -> str:
    """Returns what trains in an embedded cloud, for people."""
    script = script_of(Path(endpoint.trainer)) if endpoint.trainer else None
    return str(script or endpoint.trainer or "stepsweep's own trainer")


def job_vcpus_fault(value: int) -> str | None:
    from stepsweep.local.cloud import default_vcpus

    most = default_vcpus()
    if type(value) is int and 1 <= value <= most:  # from Python it may be anything
        return None
    return f"must be from 1 to {most}, which this machine has cores and memory for, got {value}"
