"""Options that several commands have, and what they make of them."""

import functools
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stepsweep.client.specs.asked import Asked
from stepsweep.contract.errors import InvalidInput

if TYPE_CHECKING:
    from stepsweep.client.clouds.deployment import Deployment
    from stepsweep.client.running.control import Recorded
    from stepsweep.contract.space import Value
    from stepsweep.contract.spec import SweepSpec
    from stepsweep.local.endpoint import Endpoint
    from stepsweep.local.machine import Machines

DEFAULT_DIRECTORY = ".stepsweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Where a command works, as the options said it."""

    on: str
    directory: Path
    trainer: Path | None
    job_vcpus: int | None
    profile: str | None
    region: str | None
    stack: str | None

    @property
    def is_local(self) -> bool:
        return self.on == "local"

    @contextmanager
    def opened(self, on_status: Callable[[str], None], machines: "Machines | None") -> Iterator["Deployment"]:
        """Finds the deployed stack, or runs the embedded cloud while the context lasts, on the machines if any."""
        from stepsweep.client.clouds.deployment import on_endpoint

        if self.is_local:
            from stepsweep.local.cloud import embedded_cloud

            with embedded_cloud(
                self.directory,
                on_status=on_status,
                trainer=self.trainer,
                job_vcpus=self.job_vcpus,
                machines=machines,
            ) as endpoint:
                self._check_it_is_as_asked(endpoint)
                yield on_endpoint(endpoint.environment(), folder=self.objects, is_ours=endpoint.started_here)
        else:
            yield self._on_aws()

    def kept_up(self, on_status: Callable[[str], None]) -> "Deployment":
        """Finds the deployed stack, or an embedded cloud that is up without us; starts one in the background if not.

        The caller holds `starting` until it has started an execution.
        """
        from stepsweep.client.clouds.deployment import on_endpoint

        if self.is_local:
            from stepsweep.client.clouds.background import up

            endpoint = up(self.directory, on_status, trainer=self.trainer, job_vcpus=self.job_vcpus)
            self._check_it_is_as_asked(endpoint)
            return on_endpoint(endpoint.environment(), folder=self.objects)
        return self._on_aws()

    def looked_at(self) -> "Recorded":
        """Finds the sweeps without starting a cloud: `Sweeps` of one that is up, records of one that is not.

        Raises:
            InvalidInput: there is no embedded cloud in the folder.
        """
        from stepsweep.client.clouds.deployment import on_endpoint
        from stepsweep.client.running.control import Sweeps

        if not self.is_local:
            return Sweeps(self._on_aws())
        from stepsweep.local.cloud import joined

        self.check_it_is_there()
        if (endpoint := joined(self.directory)) is not None:
            return Sweeps(on_endpoint(endpoint.environment(), folder=self.objects))
        return self.recorded()

    def check_it_is_there(self) -> None:
        """Raises InvalidInput where there is no embedded cloud in the folder."""
        if self.is_local and not self.directory.exists():
            raise InvalidInput(
                [f"there is no embedded cloud in {self.directory}; say where it is with --dir, or --on aws"]
            )

    def recorded(self) -> "Recorded":
        """Finds the records of sweeps: of an embedded cloud in its folder, whether it is up or not."""
        from stepsweep.bucket.stores import FolderStore
        from stepsweep.client.running.control import Recorded

        if not self.is_local:
            return self.looked_at()
        # There is one, since its name is the stack's and does not change; none before the first sweep.
        buckets = sorted(self.objects.glob("*/sweeps"), key=lambda sweeps: sweeps.stat().st_mtime)
        folder = buckets[-1].parent if buckets else self.objects
        return Recorded(FolderStore(folder), objects=str(folder))

    def check(self, spec: "SweepSpec", on_status: Callable[[str], None]) -> None:
        """Asks the trainer whether it could run these trials; on AWS it is asked by the first job.

        Raises:
            InvalidInput: it could not, for want of a data set, say; with every fault.
        """
        if not self.is_local:
            return
        from stepsweep.contract.rounds import first_round, trials_at_the_ends
        from stepsweep.local.checks import faults_of

        if self.trainer is not None and not (self.trainer / "Dockerfile").is_file():
            raise InvalidInput([f"--trainer: there is no Dockerfile in {self.trainer}; name the folder that has it"])
        commands: list[list[str]] = []
        seen: set[tuple[str, Value]] = set()
        for trial in [*first_round(spec, trainer_version=""), *trials_at_the_ends(spec)]:
            # Rules are of one option each, so that each choice has to stand in one command.
            if new := set(trial.options.items()) - seen:
                seen |= new
                commands.append(trial.command())
        if faults := faults_of(self.directory, commands, trainer=self.trainer, on_status=on_status):
            raise InvalidInput(faults)

    @property
    def objects(self) -> Path:
        """Where an embedded cloud keeps the objects of its buckets."""
        return self.directory / "s3"

    @property
    def logs(self) -> Path:
        """Where an embedded cloud keeps what trials print."""
        return self.directory / "logs"

    @property
    def is_gone(self) -> bool:
        """Whether it is an embedded cloud that no process keeps up."""
        from stepsweep.local.cloud import is_up

        return self.is_local and not is_up(self.directory)

    @contextmanager
    def starting(self, on_status: Callable[[str], None]) -> Iterator[Callable[[], None]]:
        """Keeps embedded clouds from ending by themselves until what it yields is called, or the context ends."""
        if not self.is_local:
            yield lambda: None
            return
        from filelock import Timeout

        from stepsweep.local.cloud import starting

        lock = starting(self.directory)
        try:
            lock.acquire(timeout=2)
        except Timeout:
            on_status("Waiting for another command that starts or ends this cloud …")
            lock.acquire()
        try:
            yield lock.release
        finally:
            lock.release()

    def _check_it_is_as_asked(self, endpoint: "Endpoint") -> None:
        faults = []
        if self.trainer is not None and endpoint.trainer != str(self.trainer.resolve()):
            faults.append(("--trainer", endpoint.trainer or "stepsweep's own trainer"))
        if self.job_vcpus is not None and endpoint.job_vcpus != self.job_vcpus:
            faults.append(("--job-vcpus", f"{endpoint.job_vcpus} a job"))
        if faults:
            otherwise = f"the cloud in {self.directory} is up with {{}}; end it first, or use another --dir"
            raise InvalidInput([f"{option}: {otherwise.format(there)}" for option, there in faults])

    def _on_aws(self) -> "Deployment":
        from stepsweep.client.clouds.deployment import DEFAULT_STACK, on_aws

        return on_aws(stack=self.stack or DEFAULT_STACK, profile=self.profile, region=self.region)

    @property
    def where(self) -> str:
        """The options that lead here, to put behind a `sweep …` that a person can paste."""
        if not self.is_local:
            return " --on aws" + self.options("profile", "region", "stack")
        is_default = self.directory == Path(os.environ.get("STEPSWEEP_DIR") or DEFAULT_DIRECTORY)
        return "" if is_default else f" {shlex.join(['--dir', str(self.directory)])}"

    def options(self, *names: str) -> str:
        """Returns those options that were given, to put behind a command that a person can paste."""
        words = [word for name in names if (value := getattr(self, name)) for word in (f"--{name}", value)]
        return f" {shlex.join(words)}" if words else ""


def cloud_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the options that say where a command works, and gives them to it as `cloud`."""

    @click.option(
        "--on",
        type=click.Choice(["local", "aws"]),
        default="local",
        show_default=True,
        help="Where trials run: in the embedded cloud on this machine, or on your AWS account.",
    )
    @directory_option
    @machine_options
    @click.option("--profile", metavar="NAME", help="AWS profile (--on aws).")
    @click.option("--region", metavar="NAME", help="AWS region (--on aws).")
    @click.option("--stack", metavar="NAME", help="The deployed stack (--on aws).  [default: Stepsweep]")
    @functools.wraps(command)
    def with_cloud(
        *, on: str, directory: Path, trainer: Path | None, job_vcpus: int | None, profile: str | None,
        region: str | None, stack: str | None, **others: Any,
    ) -> int:  # fmt: skip
        for name, value in (("profile", profile), ("region", region), ("stack", stack)):
            if value is not None and on != "aws":
                raise click.UsageError(f"--{name} goes with --on aws", click.get_current_context())
        return command(
            cloud=Cloud(
                on=on,
                directory=directory,
                trainer=trainer,
                job_vcpus=job_vcpus,
                profile=profile,
                region=region,
                stack=stack,
            ),
            **others,
        )

    return with_cloud


def directory_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--dir", "directory", type=click.Path(file_okay=False, path_type=Path), default=DEFAULT_DIRECTORY,
        envvar="STEPSWEEP_DIR", show_default=True, show_envvar=True, help="Folder of the embedded cloud.",
    )(command)  # fmt: skip


def machine_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the options that say what runs in the embedded cloud, and on how much of this machine."""
    vcpus = click.option(
        "--job-vcpus", type=int, callback=_checked_vcpus, metavar="N", envvar="STEPSWEEP_JOB_VCPUS",
        show_envvar=True, help="Cores, and so threads, of each trial (embedded cloud).  [default: 1]",
    )  # fmt: skip
    trainer = click.option(
        "--trainer", type=click.Path(file_okay=False, exists=True, path_type=Path), envvar="STEPSWEEP_TRAINER",
        show_envvar=True, help="Folder with the Dockerfile of your own trainer (embedded cloud).",
    )  # fmt: skip
    return trainer(vcpus(command))


def _checked_vcpus(_context: click.Context, _option: click.Parameter, value: int | None) -> int | None:
    if value is not None and (fault := job_vcpus_fault(value)):
        raise click.BadParameter(fault)
    return value


def job_vcpus_fault(value: int) -> str | None:
    from stepsweep.local.cloud import default_vcpus

    most = default_vcpus()
    if 1 <= value <= most:
        return None
    return f"must be from 1 to {most}, which this machine has cores and memory for, got {value}"


def spec_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the spec file and the options that override its fields, and gives them to the command as `asked`."""

    @click.argument("file", metavar="[SPEC]", required=False)
    @click.option(
        "--set",
        "parameters",
        metavar="NAME=A,B,…",
        multiple=True,
        help="A parameter and its choices, or a range: lr=1e-4..1:log, n=16..256:int, m=0..0.9:step=0.1. Numbers are "
        "numbers, anything else is a text.",
    )
    @click.option("--search", metavar="METHOD", help="grid, random or tpe.  [default: grid]")
    @click.option("--trials", type=int, metavar="N", help="How many params a random or tpe search tries.")
    @click.option("--batch", type=int, metavar="N", help="Of a tpe search: how many of them a round begins with.")
    @click.option(
        "--halving",
        metavar="MIN:FACTOR",
        help="3:3: all train 3 epochs, the best third goes on to 9, … Or auto, for the defaults.",
    )
    @click.option("--folds", type=int, metavar="N", help="Cross-validation: a trial for each of N parts of the data.")
    @click.option("--repeats", type=int, metavar="N", help="Trials with N seeds each.")
    @click.option("--fixed", metavar="NAME=VALUE", multiple=True, help="An option given to every trial unchanged.")
    @click.option("--epochs", type=int, metavar="N", help="The most epochs a trial trains.")
    @click.option("--name", metavar="NAME", help="The sweep's name.  [default: the file's, and the time]")
    @click.option(
        "--objective", metavar="METRIC:DIRECTION", help="Such as val_loss:minimize.  [default: val_accuracy:maximize]"
    )
    @click.option("--seed", type=int, metavar="N", help="Of random search and of the training.  [default: 0]")
    @click.option("--budget-usd", type=float, metavar="USD", help="Refuse a plan that is estimated above it.")
    @click.option("--max-concurrency", type=int, metavar="N", help="Trials at once.  [default: the stack's]")
    @click.option("--fresh", is_flag=True, help="Train again what is already there.")
    @functools.wraps(command)
    def with_asked(
        *, file: str | None, parameters: tuple[str, ...], search: str | None, trials: int | None, batch: int | None,
        halving: str | None, folds: int | None, repeats: int | None,
        fixed: tuple[str, ...], epochs: int | None, name: str | None,
        objective: str | None, seed: int | None, max_concurrency: int | None, budget_usd: float | None,
        fresh: bool, **others: Any,
    ) -> int:  # fmt: skip
        asked = Asked(
            file=file, parameters=parameters, search=search, trials=trials, batch=batch, halving=halving,
            folds=folds, repeats=repeats, fixed=fixed, epochs=epochs, name=name, objective=objective, seed=seed,
            max_concurrency=max_concurrency, budget_usd=budget_usd, fresh=fresh,
        )  # fmt: skip
        return command(asked=asked, **others)

    return with_asked


def json_option(meaning: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Adds `--json`, and gives it to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=meaning)
