"""The command line. Commands only: each reads its options, calls the Python API and shows what came back."""

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click

from client.exit_code import ExitCode
from client.interrupts import signals_interrupt
from client.options import Cloud, cloud_options, directory_option, spec_options
from client.spec_input import Asked
from sweep.errors import InvalidInput, SweepError

# boto3, rich and the embedded cloud are imported by the commands that need them: `sweep --help` answers at once.

EXIT_CODES = "Exit codes: 0 there is a winner · 1 the sweep or the cloud failed · 2 wrong input · 130 interrupted."
PLAN_EXIT_CODES = "Exit codes: 0 it could be run · 2 wrong input."
SHOW_EXIT_CODES = (
    "Exit codes: 0 shown, however the sweep went · 1 the cloud failed · 2 no such sweep · 130 interrupted."
)
DOCTOR_EXIT_CODES = "Exit codes: 0 nothing is in the way, warnings apart · 1 a problem · 2 wrong options."
TEARDOWN_EXIT_CODES = (
    "Exit codes: 0 nothing is left that costs money · 1 something is, or it could not be seen · 2 wrong options."
)
SERVE_EXIT_CODES = "Exit codes: 0 ended by Ctrl-C or SIGTERM · 1 the cloud failed · 2 wrong options."


def main() -> NoReturn:
    """The console script `sweep`."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what it has no sign for
    sys.exit(_exit_code())


def _exit_code() -> int:
    """Runs the command; an error that was written for a person is shown as lines, never as a traceback."""
    try:
        return cli.main(prog_name="sweep", standalone_mode=False) or ExitCode.OK
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        hint = f" (try `{error.ctx.command_path} --help`)" if isinstance(error, click.UsageError) and error.ctx else ""
        return _said([f"{error.format_message().rstrip('.')}{hint}"], error.exit_code)
    except InvalidInput as error:
        return _said(error.faults, ExitCode.WRONG_INPUT)
    except SweepError as error:
        return _said(str(error).splitlines(), ExitCode.FAILED)
    except (click.Abort, KeyboardInterrupt):
        return _said(["interrupted"], ExitCode.INTERRUPTED)


def _said(lines: Sequence[str], code: int) -> int:
    for line in lines:
        click.echo(f"sweep: {line}", err=True)
    return code


# --- commands ---------------------------------------------------------------------------------------------------------


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stepsweep", message="stepsweep %(version)s")
def cli() -> None:
    """Hyperparameter search on your own AWS account, or on this machine.

    \b
    sweep run examples/quick.json                  on this machine, no account needed
    sweep run examples/tutorial.json --on aws      on the stack that `cdk deploy` made
    """


@cli.command(epilog=EXIT_CODES)
@spec_options
@cloud_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout; progress goes to stderr.")
def run(asked: Asked, cloud: Cloud, as_json: bool) -> int:
    """Run a sweep, show how it goes, and name the winner.

    SPEC.json says what to try (- reads standard input); options override its fields, or stand for all of it.
    Trials that are finished already are not trained again, so a sweep that was interrupted goes on.

    \b
    sweep run examples/tutorial.json --epochs 5
    sweep run --set lr=0.1,0.01 --set momentum=0.5,0.9 --epochs 3 \\
        --fixed dataset=fashion-mnist
    """
    from client.running import run_sweep
    from client.view import View

    spec = asked.spec(now=datetime.now(UTC))
    ran = run_sweep(spec, cloud, View(to_stderr=as_json))
    if as_json:
        click.echo(json.dumps(ran.document, indent=2))
    return _said(ran.faults, ran.code)


@cli.command(epilog=PLAN_EXIT_CODES)
@spec_options
def plan(asked: Asked) -> int:
    """Show what a sweep would run, and start nothing.

    Takes what `sweep run` takes, and checks it by the same rules. Needs no cloud.

    \b
    sweep plan examples/tutorial.json
    sweep plan --set lr=0.1,0.01 --epochs 3
    """
    from client.view import View

    View().plan(asked.spec(now=datetime.now(UTC)))
    return ExitCode.OK


@cli.command(epilog=SHOW_EXIT_CODES)
@click.argument("name")
@cloud_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(name: str, cloud: Cloud, as_json: bool) -> int:
    """Show a sweep: its leaderboard and winner, or how far it is.

    \b
    sweep show tutorial-20261123-053012
    sweep show tutorial-20261123-053012 --on aws --region us-east-1
    """
    from client.sweeps import Sweeps
    from client.view import View

    if cloud.is_local and not cloud.directory.exists():
        raise InvalidInput(
            [f"there is no embedded cloud in {cloud.directory}; say where it is with --dir, or --on aws"]
        )
    with signals_interrupt(), cloud.opened(View(to_stderr=True).status) as deployment:
        standing = Sweeps(deployment).standing(name)
    if as_json:
        click.echo(json.dumps(standing.to_json(), indent=2))
    else:
        View().standing(standing, objects=deployment.objects)
    return ExitCode.OK


@cli.command(epilog=SERVE_EXIT_CODES)
@directory_option
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="To listen on.  [default: a free one]")
def serve(directory: Path, port: int | None) -> int:
    """Keep the embedded cloud up, for other tools and commands.

    The AWS CLI can use it, and `sweep run` and `sweep show` do.

    Ends with Ctrl-C or SIGTERM, and with it everything that runs in it.

    \b
    sweep serve
    sweep serve --port 4566 --dir /tmp/cloud
    """
    from client.deployment import on_endpoint
    from client.view import View
    from local.cloud import embedded_cloud

    is_up = False
    try:
        with (
            signals_interrupt(),
            embedded_cloud(directory, on_status=View(to_stderr=True).status, port=port or 0) as endpoint,
        ):
            deployment = on_endpoint(endpoint.environment(), folder=directory / "s3")
            View().serving(deployment, endpoint.environment(), is_ours=endpoint.started_here)
            is_up = True
            while endpoint.started_here:
                time.sleep(3600)  # a signal ends it
    except KeyboardInterrupt:
        if not is_up:
            raise
    return ExitCode.OK


@cli.command(epilog=DOCTOR_EXIT_CODES)
@cloud_options
@click.option("--json", "as_json", is_flag=True, help="A JSON list of {check, state, found, remedy} on stdout.")
def doctor(cloud: Cloud, as_json: bool) -> int:
    """Say whether a sweep would run, and what to do where it would not.

    On AWS: credentials, region, stack, queue, image, quotas, jobs that wait, bucket. Changes nothing.

    \b
    sweep doctor
    sweep doctor --on aws --profile work --region us-east-1
    """
    from client.deployment import DEFAULT_STACK, clients_of, explained
    from client.doctor import AwsDoctor
    from client.doctor_local import examine_machine
    from client.view import View

    if cloud.is_local:
        findings = examine_machine(cloud.directory)
    else:
        with explained(profile=cloud.profile):
            clients = clients_of(profile=cloud.profile, region=cloud.region)
            findings = AwsDoctor(
                clients=clients,
                stack=cloud.stack or DEFAULT_STACK,
                profile=cloud.profile,
                options=cloud.options("profile", "region"),
            ).examine()
    return View().findings(findings, as_json=as_json)


@cli.command(epilog=TEARDOWN_EXIT_CODES)
@cloud_options
@click.option("--check", is_flag=True, help="Needed: this command looks, and deletes nothing.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list of {check, state, found, remedy} on stdout.")
def teardown(cloud: Cloud, check: bool, as_json: bool) -> int:
    """Show what is left of stepsweep in an account, and what of it costs money.

    After `cdk destroy`, or before it. Names the command that deletes each thing, and deletes nothing itself.

    \b
    sweep teardown --check --on aws
    sweep teardown --check --on aws --region us-east-1 --stack Mine
    """
    from client.deployment import DEFAULT_STACK, clients_of, explained
    from client.teardown import Leftovers
    from client.view import View

    context = click.get_current_context()
    if not check:
        raise click.UsageError(
            "`cdk destroy` destroys the stack; this command checks what is left: add --check", context
        )
    if cloud.is_local:
        raise click.UsageError(
            f"--check goes with --on aws; of the embedded cloud nothing is left once {cloud.directory} is deleted",
            context,
        )
    with explained(profile=cloud.profile):
        clients = clients_of(profile=cloud.profile, region=cloud.region)
        findings = Leftovers(
            clients=clients,
            stack=cloud.stack or DEFAULT_STACK,
            profile=cloud.profile,
            options=cloud.options("profile", "region"),
        ).look()
    return View().findings(findings, as_json=as_json)
