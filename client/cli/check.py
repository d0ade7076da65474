"""Commands that examine a machine, an account or a shell."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.cli.options import json_option, place_options
from stepsweep.client.clouds.cloud import Cloud

if TYPE_CHECKING:
    from stepsweep.client.checks.findings import Finding

Examiner = TypeVar("Examiner")

DOCTOR_EXIT_CODES = (
    "Exit codes: 0 no problem found (warnings do not count) · 1 a problem, such as a missing extra · 2 wrong options."
)
TEARDOWN_EXIT_CODES = (
    "Exit codes: 0 nothing is left that costs money · 1 something is, or it could not be seen · 2 wrong options."
)
COMPLETION_EXIT_CODES = "Exit codes: 0 printed · 2 wrong options."

SHELLS = ("bash", "zsh", "fish")
COMPLETE_VARIABLE = "_SWEEP_COMPLETE"
"""The variable through which a shell asks for completions; click derives it from the command's name."""


@click.command(epilog=DOCTOR_EXIT_CODES)
@place_options
@json_option("A JSON list of {check, state, found, remedy} on stdout.")
def doctor(cloud: Cloud, as_json: bool) -> int:
    """Check whether a sweep would run, and say how to fix what is wrong.

    On AWS: credentials, region, stack, queue, image, quotas, waiting jobs, bucket. Changes nothing.

    \b
    sweep doctor
    sweep doctor --on aws --profile work --region us-east-1
    """
    from stepsweep.client.checks.aws import AwsDoctor
    from stepsweep.client.checks.machine import examine_machine
    from stepsweep.client.deployment import explained

    if cloud.is_local:
        findings = examine_machine(cloud.directory)
    else:
        with explained(profile=cloud.profile):
            findings = _examiner(AwsDoctor, cloud).examine()
    return _found(findings, as_json=as_json)


@click.command(epilog=TEARDOWN_EXIT_CODES)
@place_options
@click.option("--check", is_flag=True, help="Required: the command only checks, and deletes nothing.")
@json_option("A JSON list of {check, state, found, remedy} on stdout.")
def teardown(cloud: Cloud, check: bool, as_json: bool) -> int:
    """Show what is left of stepsweep in an account, and what of it costs money.

    After `sweep destroy`, or before it. Names the command that deletes each thing, and deletes nothing itself.

    \b
    sweep teardown --check --on aws
    sweep teardown --check --on aws --region us-east-1 --stack Mine
    """
    from stepsweep.client.checks.leftovers import Leftovers
    from stepsweep.client.deployment import explained

    context = click.get_current_context()
    if not check:
        raise click.UsageError(
            "`sweep destroy` destroys the stack; this command checks what is left: add --check", context
        )
    if cloud.is_local:
        raise click.UsageError(
            f"--check goes with --on aws; of the embedded cloud nothing is left once {cloud.directory} is deleted",
            context,
        )
    with explained(profile=cloud.profile):
        findings = _examiner(Leftovers, cloud).look()
    return _found(findings, as_json=as_json)


@click.command(epilog=COMPLETION_EXIT_CODES)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print the setup for a shell to complete commands and options.

    \b
    eval "$(sweep completion bash)"          in ~/.bashrc
    eval "$(sweep completion zsh)"           in ~/.zshrc
    sweep completion fish > ~/.config/fish/completions/sweep.fish
    """
    from click.shell_completion import get_completion_class

    of_shell = get_completion_class(shell)
    if of_shell is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(of_shell(click.get_current_context().find_root().command, {}, "sweep", COMPLETE_VARIABLE).source())
    return ExitCode.OK


def _found(findings: "Sequence[Finding]", *, as_json: bool) -> int:
    """Prints the findings of a check, and returns the exit code."""
    from stepsweep.client.checks.findings import is_a_problem
    from stepsweep.client.terminal.view import View

    if as_json:
        click.echo(json.dumps([finding.to_json() for finding in findings], indent=2))
    else:
        View().findings(findings)
    return ExitCode.FAILED if is_a_problem(findings) else ExitCode.OK


def _examiner(kind: Callable[..., Examiner], cloud: Cloud) -> Examiner:
    """Returns an `AwsDoctor` or `Leftovers` for the account that the options name."""
    from stepsweep.client.deployment import DEFAULT_STACK, clients_of

    return kind(
        clients=clients_of(profile=cloud.profile, region=cloud.region),
        stack=cloud.stack or DEFAULT_STACK,
        profile=cloud.profile,
        options=cloud.options("profile", "region"),
    )
