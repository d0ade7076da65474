"""Commands that run the CDK CLI on this package's stack."""

import functools
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.clouds.cloud import DEFAULT_DIRECTORY
from stepsweep.client.deploying.choices import chosen, help_table
from stepsweep.client.extras import need
from stepsweep.client.specs.asked import Asked
from stepsweep.contract.errors import InvalidInput
from stepsweep.stack_config import StackConfig

if TYPE_CHECKING:
    from stepsweep.client.deploying.cdk import Cdk
    from stepsweep.client.deploying.target import Target

EXIT_CODES = "Exit codes: 0 done · 1 AWS or the CDK CLI failed, or you said no · 2 wrong input · 130 interrupted."
DESTROY_EXIT_CODES = (
    "Exit codes: 0 nothing is left that costs money · 1 something is, it failed, or you said no · 2 wrong input, or a "
    "sweep runs · 130 interrupted."
)
TABLE = f"""
    Choices (-c NAME=VALUE, or the table [deploy] of stepsweep.toml, or [tool.stepsweep.deploy] of pyproject.toml), with
    their defaults:

    \b
    {"    ".join(line + chr(10) for line in help_table().splitlines())}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The choices of a person, checked before any request to AWS."""

    choices: dict[str, Any]
    profile: str | None
    region: str | None

    @property
    def config(self) -> StackConfig:
        return StackConfig.from_context(self.choices)

    def look(self) -> "Target":
        from stepsweep.client.deploying.target import target
        from stepsweep.client.deployment import explained

        with explained(profile=self.profile):
            return target(stack=self.config.stack_name, profile=self.profile, region=self.region)

    def in_zones(self, found: "Target") -> tuple["Place", str]:
        """Returns the place with the zones of its network, and what to say of them."""
        from stepsweep.client.deploying.zones import zones_of
        from stepsweep.client.deployment import clients_of, explained

        with explained(profile=self.profile):
            ec2 = clients_of(profile=self.profile, region=found.region)("ec2")
            zones = zones_of(ec2, self.config, found)
        named = {"zones": ",".join(zones.names)} if zones.names else {}
        return replace(self, choices={**self.choices, **named}), zones.line

    def cdk(self, region: str, *, to_destroy: bool = False) -> "AbstractContextManager[Cdk]":
        """Synthesizes the stack, and yields the CLI over it.

        Args:
            to_destroy: whether only its name counts. No other choice, and no fault of the stack, can be in the way.
        """
        from stepsweep.client.deploying.cdk import cdk
        from stepsweep.local.template import cache_folder

        return cdk(
            {"stack_name": self.config.stack_name} if to_destroy else self.choices,
            profile=self.profile,
            region=region,
            cache=cache_folder(),
            validates=not to_destroy,
            on_status=_say,
        )


def deploy_options(command: Callable[..., int]) -> Callable[..., int]:
    """Adds the options of a deployment, and passes them to the command as `place`."""

    @click.argument("file", metavar="[SPEC]", required=False)
    @click.option(
        "-c", "given", metavar="NAME=VALUE", multiple=True, help="A choice from the table in `sweep deploy --help`."
    )
    @click.option("--profile", metavar="NAME", help="AWS profile.")
    @click.option("--region", metavar="NAME", help="AWS region.")
    @click.option("--stack", metavar="NAME", help="The stack's name.  [default: Stepsweep]")
    @functools.wraps(command)
    def with_place(
        *,
        file: str | None,
        given: tuple[str, ...],
        profile: str | None,
        region: str | None,
        stack: str | None,
        **others: Any,
    ) -> int:
        trainer = [f"trainer={trainer_of(file)}"] if file else []
        choices = chosen(Path(), [*given, *trainer], stack=stack)
        need("deploy", f"`{click.get_current_context().command_path}`")
        return command(place=Place(choices=choices, profile=profile, region=region), **others)

    return with_place


def trainer_of(file: str) -> Path:
    """Returns the trainer of a spec file, as the stack takes it.

    Raises:
        InvalidInput: it has no command, or no Dockerfile lies beside it.
    """
    _, script = Asked(file=file).checked(now=datetime.now(UTC))
    if script is None:
        raise InvalidInput([f"{file}: has no `command`; a trainer with a Dockerfile goes with -c trainer=FOLDER"])
    if not script.has_dockerfile:
        raise InvalidInput([f"{file}: there is no Dockerfile in {script.folder}, and AWS needs one"])
    return replace(script, python=None, data=()).written(Path(DEFAULT_DIRECTORY) / "scripts")


yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


DEPLOY_HELP = f"""Deploy the stack to your AWS account, or update it.

    SPEC is a spec file with a `command`: the stack is then for that script, beside which a Dockerfile lies.

    Says what it creates and what costs money, and asks first. Builds the trainer's image with Docker, unless `image`
    names one.

    \b
    sweep deploy
    sweep deploy -c max_vcpus=16 -c capacity=spot --region us-east-1
{TABLE}"""


@click.command(epilog=EXIT_CODES, help=DEPLOY_HELP)
@deploy_options
@yes_option
def deploy(place: Place, yes: bool) -> int:
    from stepsweep.client.deploying.target import BY_TAG, COSTS, check_docker

    check_docker(place.choices)
    found = place.look()
    place, zones = place.in_zones(found)
    config = place.config
    about = {"instance_types": ", ".join(config.instance_types), "max_vcpus": config.max_vcpus}
    for line in (*found.lines(), zones, *(line.format(**about, capacity=config.capacity) for line in COSTS)):
        _say(line)
    if (image := place.choices.get("image")) and "@" not in image:
        _say(BY_TAG.format(image=image))
    if not found.is_bootstrapped:
        _say("CDK is new to this account: `cdk bootstrap` first creates the stack CDKToolkit (bucket, images, roles).")
    if not _agreed(f"Deploy {found.stack}?", yes=yes):
        return ExitCode.FAILED
    with place.cdk(found.region) as cdk:
        if not found.is_bootstrapped:
            cdk.run("bootstrap", f"aws://{found.account}/{found.region}")
        cdk.run("deploy", "--require-approval", "never")
    return ExitCode.OK


@click.command(epilog=EXIT_CODES)
@deploy_options
def diff(place: Place) -> int:
    """Show what `sweep deploy` would change, and change nothing.

    \b
    sweep diff
    sweep diff -c max_vcpus=16 --region us-east-1
    """
    found = place.look()
    place, _ = place.in_zones(found)
    with place.cdk(found.region) as cdk:
        cdk.run("diff")
    return ExitCode.OK


@click.command(epilog=DESTROY_EXIT_CODES)
@deploy_options
@yes_option
@click.option("--force", is_flag=True, help="Stop running sweeps first, then destroy the stack.")
def destroy(place: Place, yes: bool, force: bool) -> int:
    """Destroy the stack, with all results in its bucket, and show what is left in the account.

    Asks first, and refuses while a sweep runs.

    \b
    sweep destroy
    sweep destroy --stack Mine --region us-east-1
    """
    from stepsweep.client.checks.findings import is_a_problem
    from stepsweep.client.checks.leftovers import Leftovers
    from stepsweep.client.deploying.target import check_destroyable, stop_sweeps
    from stepsweep.client.deployment import clients_of, explained
    from stepsweep.client.terminal.view import View

    found = place.look()
    check_destroyable(found, force=force)
    for line in found.lines():
        _say(line)
    _say("This deletes all results in its bucket. Copy what you want to keep first.")
    if not _agreed(f"Destroy {found.stack}?", yes=yes):
        return ExitCode.FAILED
    with place.cdk(found.region, to_destroy=True) as cdk:
        # Otherwise the state machine would stay until its executions end, and their jobs would keep running.
        with explained(profile=place.profile):
            stop_sweeps(found, profile=place.profile)
        cdk.run("destroy", "--force")
    options = "".join(
        f" --{name} {value}" for name, value in (("profile", place.profile), ("region", place.region)) if value
    )
    clients = clients_of(profile=place.profile, region=place.region)
    with explained(profile=place.profile):
        findings = Leftovers(clients=clients, stack=found.stack, profile=place.profile, options=options).look()
    View().findings(findings)
    return ExitCode.FAILED if is_a_problem(findings) else ExitCode.OK


def _agreed(question: str, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("cannot ask for confirmation here; add --yes", click.get_current_context())
    if click.confirm(question, err=True):
        return True
    click.echo("sweep: nothing was changed", err=True)
    return False


def _say(line: str) -> None:
    click.echo(line, err=True)
