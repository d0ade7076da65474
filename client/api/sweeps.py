"""All sweeps of this machine or of a deployed stack."""

import os
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stepsweep.client.api.showing import shown_here
from stepsweep.client.api.sweep import Sweep
from stepsweep.client.archive.entries import Entry
from stepsweep.client.clouds.cloud import DEFAULT_DIRECTORY, Cloud, job_vcpus_fault
from stepsweep.client.clouds.which_trainer import with_script
from stepsweep.client.extras import need
from stepsweep.client.operations.events import Doing, Show
from stepsweep.client.operations.follow import start
from stepsweep.client.specs.asked import Asked, checked, default_name
from stepsweep.client.specs.caveats import caveats
from stepsweep.client.specs.plain_values import plain
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec

if TYPE_CHECKING:
    from pandas import DataFrame

    from stepsweep.trainer_script import Script

CLOUDS = ("local", "aws")


class Sweeps:
    """The sweeps of this machine, or of a deployed stack.

    Args:
        on: `local` for the embedded cloud on this machine, or `aws` for the stack that `sweep deploy` created.
        directory: the embedded cloud's folder; by default STEPSWEEP_DIR or `.stepsweep`, as on the command line.
        trainer: folder with your own trainer's Dockerfile, for the embedded cloud; by default STEPSWEEP_TRAINER.
        job_vcpus: number of cores and threads of each trial in the embedded cloud; by default one.
        container: whether each trial in the embedded cloud runs in a container of Docker or Podman, as on AWS.
        profile, region: AWS profile and region; by default the AWS CLI's.
        stack: name of the stack on AWS; by default `Stepsweep`.

    As a context manager, it stops the sweeps that it has started on this machine and that still run.

    Raises:
        InvalidInput: arguments break rules; lists every fault.
    """

    def __init__(
        self,
        on: str = "local",
        *,
        directory: str | Path | None = None,
        trainer: str | Path | None = None,
        job_vcpus: int | None = None,
        container: bool = False,
        profile: str | None = None,
        region: str | None = None,
        stack: str | None = None,
    ) -> None:
        faults = [] if on in CLOUDS else [f'on: must be "local" or "aws", got {shown(on)}']
        elsewhere: dict[str, dict[str, object]] = {
            "local": {"profile": profile, "region": region, "stack": stack},
            "aws": {"directory": directory, "trainer": trainer, "job_vcpus": job_vcpus, "container": container or None},
        }
        faults += [
            f'{name}: does not go with on="{on}"; leave it out'
            for name, value in elsewhere.get(on, {}).items()
            if value is not None
        ]
        if on == "local":
            need("local", 'Sweeps(on="local")')
        if on == "local" and job_vcpus is not None and (fault := job_vcpus_fault(job_vcpus)):
            faults.append(f"job_vcpus: {fault}")
        if faults:
            raise InvalidInput(faults)
        # Absolute, since a notebook may change its working directory.
        folder = Path(directory or os.environ.get("STEPSWEEP_DIR") or DEFAULT_DIRECTORY).resolve()
        own = trainer or os.environ.get("STEPSWEEP_TRAINER")
        self.cloud = Cloud(
            on=on,
            directory=folder,
            trainer=Path(own).resolve() if own and on == "local" else None,
            job_vcpus=job_vcpus,
            container=container,
            profile=profile,
            region=region,
            stack=stack,
        )
        self._started: list[Sweep] = []

    def run(
        self,
        asked: "Mapping[str, Any] | SweepSpec | str | Path",
        *,
        name: str | None = None,
        quiet: bool = False,
        keep_going: bool = False,
        keep_results: bool = False,
    ) -> Sweep:
        """Runs a sweep, and returns it when it has a winner. Finished trials are not trained again.

        An interrupt (Ctrl-C, or a notebook's stop button) ends a sweep on this machine and leaves nothing of it
        running. A sweep on AWS continues, and `get(name).wait()` waits for it again.

        Args:
            asked: the input of a sweep as a mapping, or the path of a spec file.
            name: the sweep's name; the same name with the same input continues the sweep.
            quiet: shows no progress.
            keep_going: trains all trials, even if the first three to end fail for the same reason. That stops the sweep
                otherwise.
            keep_results: counts finished trials of the trainer as it was before it changed, with a note in S3 beside
                each. Without it, a line says how many do not count.

        Raises:
            InvalidInput: the input breaks rules; lists every fault, and nothing has started. Or the sweep is already
                running.
            SweepFailed: the sweep ended without a winner.
            CloudError: the cloud failed.
        """
        spec, script = self._checked(asked, name=name)
        cloud = with_script(self.cloud, script)
        sweep = None
        try:
            with shown_here(spec, quiet=quiet) as show:
                _warn(spec, script, show)
                sweep = self._started_one(spec, cloud, show, keep_results=keep_results)
                return sweep.followed(show, keep_going=keep_going)
        except KeyboardInterrupt:
            if sweep is not None and self.cloud.is_local:
                sweep.stop()
            raise

    def start(
        self,
        asked: "Mapping[str, Any] | SweepSpec | str | Path",
        *,
        name: str | None = None,
        quiet: bool = False,
        keep_results: bool = False,
    ) -> Sweep:
        """Starts a sweep that continues without this process, and returns at once. Arguments and errors are `run`'s."""
        spec, script = self._checked(asked, name=name)
        cloud = with_script(self.cloud, script)
        with shown_here(spec, quiet=quiet) as show:
            _warn(spec, script, show)
            sweep = self._started_one(spec, cloud, show, keep_results=keep_results)
            show(Doing(f"Started {spec.name}."))
            return sweep

    def _started_one(self, spec: SweepSpec, cloud: Cloud, show: Show, *, keep_results: bool) -> Sweep:
        sweep = Sweep(cloud, spec, execution=start(spec, cloud, show, keep_results=keep_results))
        self._started.append(sweep)
        return sweep

    def get(self, name: str) -> Sweep:
        """Returns an existing sweep, whoever started it.

        Raises:
            InvalidInput: there is no sweep with this name; the message suggests similar names.
        """
        if not isinstance(name, str):
            raise InvalidInput([f"name: must be the name of a sweep, got {shown(name)}"])

        def found() -> Sweep:
            looked_at = self.cloud.looked_at()
            execution = looked_at.execution(name)
            spec = execution.spec if execution else looked_at.archive.spec(name)
            return Sweep(self.cloud, spec, execution=execution)

        return self.cloud.settled(found)

    def list(self) -> "DataFrame":
        """Returns all sweeps, newest first: one row per sweep, with the columns of `sweep list --json`."""
        need("report", "Sweeps.list()", ["pandas"])
        import pandas as pd

        is_there = not self.cloud.is_local or self.cloud.directory.exists()
        entries = self.cloud.settled(lambda: self.cloud.looked_at().entries()) if is_there else []
        names = [field.name for field in fields(Entry)]
        table = pd.DataFrame([[getattr(entry, name) for name in names] for entry in entries], columns=names)
        return table.astype({**dict.fromkeys(("planned", "ended", "failed", "front"), "Int64"), "value": "float64"})

    def spec(self, asked: "Mapping[str, Any] | SweepSpec | str | Path", *, name: str | None = None) -> SweepSpec:
        """Returns the validated spec that `run` would run. Raises InvalidInput, which lists every fault."""
        return self._checked(asked, name=name)[0]

    def _checked(
        self, asked: "Mapping[str, Any] | SweepSpec | str | Path", *, name: str | None
    ) -> "tuple[SweepSpec, Script | None]":
        now = datetime.now(UTC)
        if isinstance(asked, str | Path):
            return Asked(file=str(asked), name=name).checked(now=now)
        document = asked.to_json() if isinstance(asked, SweepSpec) else plain(asked)
        if isinstance(document, dict) and name is not None:
            document = document | {"name": name}
        return checked(document, default_name=default_name(None, now), folder=Path.cwd())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.cloud.is_local:
            for sweep in self._started:
                if sweep.status == "RUNNING":
                    sweep.stop()


def _warn(spec: SweepSpec, script: "Script | None", show: Show) -> None:
    if caveat := caveats(spec, script):
        show(Doing(caveat))
