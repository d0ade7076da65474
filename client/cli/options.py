"""Options that several commands share."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from stepsweep.client.clouds.cloud import DEFAULT_DIRECTORY, SPEC_FILE, Cloud, job_vcpus_fault
from stepsweep.client.extras import need
from stepsweep.client.specs.asked import Asked
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.priority import Priority


def cloud_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds `place_options`, for a command that cannot work on this machine without the embedded cloud's packages."""

    @functools.wraps(command)
    def installed(*, cloud: Cloud, **others: Any) -> int:
        if cloud.is_local:
            need("local", f"`{click.get_current_context().command_path}` on this machine")
        return command(cloud=cloud, **others)

    return place_options(installed)


def place_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the options that choose the cloud, and passes it to the command as `cloud`."""

    @click.option(
        "--on",
        type=click.Choice(["local", "aws"]),
        default="local",
        show_default=True,
        is_eager=True,  # known before --job-vcpus is checked, which depends on it
        help="Where trials run: in the embedded cloud on this machine, or on your AWS account.",
    )
    @directory_option
    @machine_options
    @click.option("--profile", metavar="NAME", help="AWS profile (--on aws).")
    @click.option("--region", metavar="NAME", help="AWS region (--on aws).")
    @click.option("--stack", metavar="NAME", help="The deployed stack (--on aws).  [default: Stepsweep]")
    @functools.wraps(command)
    def with_cloud(
        *, on: str, directory: Path, trainer: Path | None, job_vcpus: int | None, container: bool,
        profile: str | None, region: str | None, stack: str | None, **others: Any,
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
                container=container,
                profile=profile,
                region=region,
                stack=stack,
            ),
            **others,
        )

    return with_cloud


def of_an_execution_too(command: Callable[..., int]) -> Callable[..., int]:
    """Passes the name of a sweep to the command as `name`, also where NAME is the name or ARN of an execution.

    A command looks for the sweep before it does or prints anything, so it can be called again.
    """

    @functools.wraps(command)
    def with_name(*, name: str, cloud: Cloud, **others: Any) -> int:
        from stepsweep.client.operations.naming import sweep_of_execution

        if name.startswith("arn:"):
            name = sweep_of_execution(cloud, name) or name.rpartition(":")[2]
        try:
            return command(name=name, cloud=cloud, **others)
        except InvalidInput as fault:
            try:
                other = sweep_of_execution(cloud, name)
            except SweepError:  # the fault need not be the name
                raise fault from None
            if other in (None, name):
                raise
        return command(name=other, cloud=cloud, **others)

    return with_name


def directory_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--dir", "directory", type=click.Path(file_okay=False, path_type=Path), default=DEFAULT_DIRECTORY,
        envvar="STEPSWEEP_DIR", show_default=True, show_envvar=True, help="Folder of the embedded cloud.",
    )(command)  # fmt: skip


def machine_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the options for the embedded cloud's trainer, its cores and its containers."""
    vcpus = click.option(
        "--job-vcpus", type=int, callback=_checked_vcpus, metavar="N", envvar="STEPSWEEP_JOB_VCPUS",
        show_envvar=True, help="Cores, and so threads, of each trial (embedded cloud).  [default: 1]",
    )  # fmt: skip
    trainer = click.option(
        "--trainer", type=click.Path(exists=True, path_type=Path), envvar="STEPSWEEP_TRAINER",
        show_envvar=True, help="Folder with the Dockerfile of your own trainer (embedded cloud).",
    )  # fmt: skip
    container = click.option(
        "--container", is_flag=True, envvar="STEPSWEEP_CONTAINER", show_envvar=True,
        help="Run each trial in a container of Docker or Podman, as on AWS (embedded cloud).",
    )  # fmt: skip
    return trainer(vcpus(container(command)))


def _checked_vcpus(context: click.Context, _option: click.Parameter, value: int | None) -> int | None:
    if value is None or context.params.get("on") == "aws":
        return value
    need("local", "--job-vcpus")
    if fault := job_vcpus_fault(value):
        raise click.BadParameter(fault)
    return value


NO_SPEC = (
    f"there is no {SPEC_FILE} in this folder; name a spec file, give its fields as options such as --set, or let "
    "`sweep init SCRIPT` propose one"
)
"""Stands above the faults of an input without a file and without parameters."""


PRIORITY = "Its share of the machines when several sweeps compete.  [default: the spec's, or normal]"


class _Judged(click.Choice[str]):
    """Choices for the help and for completion. The spec's reader judges what is given, with all other fields."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        return value


def spec_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the spec file and the options that override its fields, and passes them to the command as `asked`."""

    @click.argument("file", metavar="[SPEC]", required=False)
    @click.option(
        "--set",
        "parameters",
        metavar="NAME=A,B,…",
        multiple=True,
        help="A parameter and its choices, or a range: lr=1e-4..1:log, n=16..256:int, m=0..0.9:step=0.1. Numbers, "
        "true, false, null and [64,64] are what they are in JSON, anything else is a text.",
    )
    @click.option(
        "--command",
        "script",
        metavar="COMMAND",
        help="Your script, such as 'python train.py {args}', run as it is; {args} stands for the trial's options.",
    )
    @click.option("--search", metavar="METHOD", help="grid, random or tpe.  [default: grid]")
    @click.option("--trials", metavar="N", help="How many params a random or tpe search tries.")
    @click.option(
        "--rounds/--no-rounds",
        default=None,
        help="Wait for all trials of a round before the next begins; or start the next trial when one ends.",
    )
    @click.option("--batch", metavar="N", help="New params per round of a tpe search, which then has rounds.")
    @click.option(
        "--halving",
        metavar="MIN:FACTOR",
        help="3:3: all train 3 epochs, the best third continues to 9, … Or auto, for the defaults.",
    )
    @click.option("--folds", metavar="N", help="Cross-validation: one trial per fold, N folds.")
    @click.option("--repeats", metavar="N", help="One trial per seed, N seeds.")
    @click.option("--fixed", metavar="NAME=VALUE", multiple=True, help="An option that every trial gets unchanged.")
    @click.option(
        "--env",
        "environment",
        metavar="NAME[=VALUE]",
        multiple=True,
        help="An environment variable of every trial; without a value it is the shell's. Not for secrets.",
    )
    @click.option(
        "--secret",
        "secrets",
        metavar="NAME",
        multiple=True,
        help="A secret variable of every trial: of the shell on this machine, of the stack on AWS. Its value is kept "
        "nowhere, unless the script prints it.",
    )
    @click.option(
        "--artifact",
        "artifacts",
        metavar="PATTERN",
        multiple=True,
        help="Files that your script leaves in its folder, such as best.pt; `sweep download` gets the winner's.",
    )
    @click.option("--epochs", metavar="N", help="The most epochs a trial trains.")
    @click.option("--name", metavar="NAME", help="The sweep's name.  [default: the file's, and the time]")
    @click.option(
        "--objective",
        "objectives",
        metavar="METRIC:DIRECTION",
        multiple=True,
        help="Such as val_loss, or gap:minimize; several find a Pareto front.  [default: val_accuracy]",
    )
    @click.option("--seed", metavar="N", help="Seed of random search and of the training.  [default: 0]")
    @click.option("--budget-usd", metavar="USD", help="Refuse a plan whose estimate exceeds it.")
    @click.option("--max-concurrency", metavar="N", help="Trials at once.  [default: the stack's]")
    @click.option("--priority", type=_Judged([each.value for each in Priority]), help=PRIORITY)
    @click.option("--fresh", is_flag=True, help="Train finished trials again.")
    @accept_trainer_option
    @functools.wraps(command)
    def with_asked(
        *, file: str | None, parameters: tuple[str, ...], script: str | None,
        search: str | None, trials: str | None, batch: str | None, rounds: bool | None,
        halving: str | None, folds: str | None, repeats: str | None,
        fixed: tuple[str, ...], environment: tuple[str, ...], secrets: tuple[str, ...], artifacts: tuple[str, ...],
        epochs: str | None, name: str | None, objectives: tuple[str, ...],
        seed: str | None, max_concurrency: str | None, priority: str | None, budget_usd: str | None,
        fresh: bool, accept_trainer: bool, **others: Any,
    ) -> int:  # fmt: skip
        asked = Asked(
            file=file or found_spec(), command=script, parameters=parameters,
            search=search, trials=trials, batch=batch, rounds=rounds, halving=halving,
            folds=folds, repeats=repeats, fixed=fixed, environment=environment, secrets=secrets, artifacts=artifacts,
            exported=os.environ, epochs=epochs, name=name, objectives=objectives, seed=seed,
            max_concurrency=max_concurrency, priority=priority, budget_usd=budget_usd, fresh=fresh,
            accept_trainer=accept_trainer,
        )  # fmt: skip
        try:
            return command(asked=asked, **others)
        except InvalidInput as error:
            if asked.file or parameters:
                raise
            raise InvalidInput([NO_SPEC, *error.faults]) from None

    return with_asked


def found_spec() -> str | None:
    """Returns the spec file of the current folder, which a person need not name."""
    if not Path(SPEC_FILE).is_file():
        return None
    click.echo(f"Taking {SPEC_FILE}.", err=True)
    return SPEC_FILE


def priority_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--priority", type=click.Choice([each.value for each in Priority]), help=PRIORITY
    )(command)  # fmt: skip


def accept_trainer_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--accept-trainer", is_flag=True,
        help="Continue with another trainer than the sweep was planned for; only trials that it has finished count.",
    )(command)  # fmt: skip


def checked_first(command: Callable[..., int]) -> Callable[..., int]:
    """Adds `--no-check`, without which a sweep on AWS is refused whose trials would never start."""

    @click.option("--no-check", is_flag=True, help="Start although no trial could, by the account's quota (--on aws).")
    @functools.wraps(command)
    def with_check(*, cloud: Cloud, no_check: bool, **others: Any) -> int:
        if not cloud.is_local and not no_check:
            from stepsweep.client.operations.capacity import check_capacity

            check_capacity(cloud)
        return command(cloud=cloud, **others)

    return with_check


def keep_results_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--keep-results", is_flag=True,
        help="Count finished trials of the trainer as it was before it changed: the change cannot matter to their "
        "numbers.",
    )(command)  # fmt: skip


def keep_going_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--keep-going", is_flag=True,
        help="Train all trials. By default the sweep stops if the first three to end fail for the same reason.",
    )(command)  # fmt: skip


def json_option(meaning: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Adds `--json`, and passes it to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=meaning)
