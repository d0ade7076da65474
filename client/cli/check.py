"""Commands that examine a machine, an account or a shell."""

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from stepsweep.client.cli.exit_code import ExitCode, said
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.cli.options import checked_first, json_option, place_options
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
SELFTEST_EXIT_CODES = (
    "Exit codes: 0 no problem found (unknown is none) · 1 a problem, or you said no · 2 wrong input · 130 interrupted."
)
COMPLETION_EXIT_CODES = "Exit codes: 0 printed · 2 wrong options."

TUTORIAL_TRIAL = {"parameters": {"lr": [0.1], "momentum": [0.5]}, "fixed": {"dataset": "mnist"}, "epochs": 20}
"""What is trained where nobody names a spec; of 20 epochs, so that its second sweep still trains when it is stopped."""

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
    from stepsweep.spec_files import spec_files

    if cloud.is_local:
        has_own_script = cloud.trainer is not None or bool(spec_files(Path()))
        findings = examine_machine(cloud.directory, has_own_script=has_own_script)
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


@click.command(epilog=SELFTEST_EXIT_CODES)
@click.argument("file", metavar="[SPEC]", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@place_options
@json_option("A JSON list of {check, state, found, remedy} on stdout; all else goes to stderr.")
@checked_first
def selftest(file: str | None, yes: bool, cloud: Cloud, as_json: bool) -> int:
    """Check on a deployed stack what could not be tested without AWS, and write the results to a file.

    Trains one trial of SPEC for one epoch, stops a second one, and asks for a machine that does not exist. Says first
    what it costs at most, and asks. Leaves nothing running; selftest-DATE.txt names no account, ARN or bucket.

    SPEC is that of your trainer. Without it, the trial is one of the tutorial's.

    \b
    sweep selftest --on aws
    sweep selftest sweep.yaml --on aws --yes
    """
    from stepsweep.client.checks.seen import text_of
    from stepsweep.client.clouds.which_trainer import with_script
    from stepsweep.client.operations.selftest import SelfTest, announced, heading
    from stepsweep.client.running.control import Control
    from stepsweep.client.specs.asked import checked
    from stepsweep.client.specs.document import read_spec
    from stepsweep.client.terminal.view import View

    context = click.get_current_context()
    if cloud.is_local:
        raise click.UsageError("it shows what only an account can: add --on aws", context)
    now = datetime.now(UTC)
    folder = Path(file).absolute().parent if file else Path.cwd()
    document = read_spec(file) if file else TUTORIAL_TRIAL
    spec, script = checked(document, default_name=f"selftest-{now:%Y%m%d-%H%M%S}", folder=folder, file=file)
    cloud = with_script(cloud, script)
    found = cloud.looked_at()
    if found.control is None:
        raise click.UsageError("there is no stack", context)
    deployment = found.control.deployment
    view = View(to_stderr=True)
    for line in announced(spec, deployment):
        view.line(line)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("cannot ask for confirmation here; add --yes", context)
        if not click.confirm("Begin?", err=True):
            return said(["nothing was started"], ExitCode.FAILED)
    test = SelfTest(control=Control(deployment), spec=spec, name=f"selftest-{now:%Y%m%d-%H%M%S}", on_status=view.status)
    with signals_interrupt():
        findings = test.run()
    record = Path(f"selftest-{now:%Y%m%d-%H%M%S}.txt")
    record.write_text(text_of(heading(deployment, now), findings, bucket=deployment.bucket), encoding="utf-8")
    code = _found(findings, as_json=as_json)
    view.copyable(f"Wrote {record}. Read it before you attach it to an issue.")
    return code


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
