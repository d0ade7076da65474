"""Options that several commands have, and what they make of them."""

import functools
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from client.spec_input import Asked

if TYPE_CHECKING:
    from client.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Where a command works, as the options said it."""

    on: str
    directory: Path
    profile: str | None
    region: str | None
    stack: str | None

    @property
    def is_local(self) -> bool:
        return self.on == "local"

    @contextmanager
    def opened(self, on_status: Callable[[str], None]) -> Iterator["Deployment"]:
        """Finds the deployed stack, or runs the embedded cloud while the context lasts."""
        from client.deployment import DEFAULT_STACK, on_aws, on_endpoint

        if self.is_local:
            from local.cloud import embedded_cloud

            with embedded_cloud(self.directory, on_status=on_status) as endpoint:
                yield on_endpoint(endpoint.environment(), folder=self.directory / "s3")
        else:
            yield on_aws(stack=self.stack or DEFAULT_STACK, profile=self.profile, region=self.region)

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
    @click.option("--profile", metavar="NAME", help="AWS profile (--on aws).")
    @click.option("--region", metavar="NAME", help="AWS region (--on aws).")
    @click.option("--stack", metavar="NAME", help="The deployed stack (--on aws).  [default: Stepsweep]")
    @functools.wraps(command)
    def with_cloud(
        *, on: str, directory: Path, profile: str | None, region: str | None, stack: str | None, **others: Any
    ) -> int:
        for name, value in (("profile", profile), ("region", region), ("stack", stack)):
            if value is not None and on != "aws":
                raise click.UsageError(f"--{name} goes with --on aws", click.get_current_context())
        return command(
            cloud=Cloud(on=on, directory=directory, profile=profile, region=region, stack=stack), **others
        )  # fmt: skip

    return with_cloud


def directory_option(command: Callable[..., int]) -> Callable[..., int]:
    return click.option(
        "--dir", "directory", type=click.Path(file_okay=False, path_type=Path), default=".stepsweep",
        envvar="STEPSWEEP_DIR", show_default=True, show_envvar=True, help="Folder of the embedded cloud.",
    )(command)  # fmt: skip


def spec_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the spec file and the options that override its fields, and gives them to the command as `asked`."""

    @click.argument("file", metavar="[SPEC.json]", required=False)
    @click.option(
        "--set",
        "parameters",
        metavar="NAME=A,B,…",
        multiple=True,
        help="A parameter and its choices. Numbers are numbers, anything else is a text.",
    )
    @click.option("--fixed", metavar="NAME=VALUE", multiple=True, help="An option given to every trial unchanged.")
    @click.option("--epochs", type=int, metavar="N", help="The most epochs a trial trains.")
    @click.option("--name", metavar="NAME", help="The sweep's name.  [default: the file's, and the time]")
    @click.option(
        "--objective", metavar="METRIC:DIRECTION", help="Such as val_loss:minimize.  [default: val_accuracy:maximize]"
    )
    @click.option("--seed", type=int, metavar="N", help="Of the training.  [default: 0]")
    @click.option("--budget-usd", type=float, metavar="USD", help="Refuse a plan that is estimated above it.")
    @click.option("--max-concurrency", type=int, metavar="N", help="Trials at once.  [default: the stack's]")
    @click.option("--fresh", is_flag=True, help="Train again what is already there.")
    @functools.wraps(command)
    def with_asked(
        *, file: str | None, parameters: tuple[str, ...], fixed: tuple[str, ...], epochs: int | None, name: str | None,
        objective: str | None, seed: int | None, max_concurrency: int | None, budget_usd: float | None,
        fresh: bool, **others: Any,
    ) -> int:  # fmt: skip
        asked = Asked(
            file=file, parameters=parameters, fixed=fixed, epochs=epochs, name=name, objective=objective, seed=seed,
            max_concurrency=max_concurrency, budget_usd=budget_usd, fresh=fresh,
        )  # fmt: skip
        return command(asked=asked, **others)

    return with_asked
