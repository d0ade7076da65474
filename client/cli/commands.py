"""The command line. Commands only: each reads its options, calls the Python API and shows what came back."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from stepsweep.client.cli.deploy import deploy, destroy, diff
from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.cli.options import (
    accept_trainer_option,
    cloud_options,
    directory_option,
    json_option,
    machine_options,
    place_options,
    spec_options,
)
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.extras import need
from stepsweep.client.specs.asked import Asked
from stepsweep.contract.errors import InvalidInput, SweepError

if TYPE_CHECKING:
    from stepsweep.client.checks.findings import Finding
    from stepsweep.client.cli.running import Ran

Examiner = TypeVar("Examiner")

# boto3, rich and the embedded cloud are imported by the commands that need them: `sweep --help` answers at once.

EXIT_CODES = "Exit codes: 0 there is a winner · 1 the sweep or the cloud failed · 2 wrong input · 130 interrupted."
START_EXIT_CODES = "Exit codes: 0 it runs, or has a winner already · 1 the sweep or the cloud failed · 2 wrong input."
PLAN_EXIT_CODES = "Exit codes: 0 it could be run · 2 wrong input."
SHOW_EXIT_CODES = (
    "Exit codes: 0 shown, however the sweep went · 1 the cloud failed · 2 no such sweep · 130 interrupted."
)
LOGS_EXIT_CODES = "Exit codes: 0 shown · 1 there is no log, or the cloud failed · 2 no such trial · 130 interrupted."
REPORT_EXIT_CODES = (
    "Exit codes: 0 written · 1 the cloud failed · 2 no such sweep, or no place to write · 130 interrupted."
)
STOP_EXIT_CODES = "Exit codes: 0 nothing of it runs · 1 a job is left, or the cloud failed · 2 no such sweep."
RM_EXIT_CODES = "Exit codes: 0 removed · 1 the cloud failed, or you said no · 2 no such sweep, or it runs."
DOCTOR_EXIT_CODES = (
    "Exit codes: 0 nothing is in the way, warnings apart · 1 a problem, such as a missing extra · 2 wrong options."
)
TEARDOWN_EXIT_CODES = (
    "Exit codes: 0 nothing is left that costs money · 1 something is, or it could not be seen · 2 wrong options."
)
EXPORT_EXIT_CODES = (
    "Exit codes: 0 exported · 1 MLflow or the cloud failed · 2 no such sweep, or it is not finished · 130 interrupted."
)
SERVE_EXIT_CODES = "Exit codes: 0 ended by Ctrl-C or SIGTERM · 1 the cloud failed · 2 wrong options."
COMPLETION_EXIT_CODES = "Exit codes: 0 printed · 2 wrong options."

SHELLS = ("bash", "zsh", "fish")
COMPLETE_VARIABLE = "_SWEEP_COMPLETE"
"""By which a shell asks for what may follow; click's name for the command `sweep`."""


def main() -> NoReturn:
    """The console script `sweep`."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what it has no sign for
    code = _exit_code()
    if "stepsweep.local.engine" in sys.modules:  # an embedded cloud was up in this process
        from stepsweep.local.host import leave

        leave(code, closes_its_files=True)
    sys.exit(code)


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


def _shown(ran: "Ran", *, as_json: bool) -> int:
    """Prints the document, if it was asked for, and what went wrong; returns the exit code."""
    if as_json:
        click.echo(json.dumps(ran.document, indent=2))
    return _said(ran.faults, ran.code)


def _found(findings: "Sequence[Finding]", *, as_json: bool) -> int:
    """Prints what a check found; returns the exit code."""
    from stepsweep.client.checks.findings import is_a_problem
    from stepsweep.client.terminal.view import View

    if as_json:
        click.echo(json.dumps([finding.to_json() for finding in findings], indent=2))
    else:
        View().findings(findings)
    return ExitCode.FAILED if is_a_problem(findings) else ExitCode.OK


def _examiner(kind: Callable[..., Examiner], cloud: Cloud) -> Examiner:
    """Returns what looks into the account that the options name: `AwsDoctor`, or `Leftovers`."""
    from stepsweep.client.deployment import DEFAULT_STACK, clients_of

    return kind(
        clients=clients_of(profile=cloud.profile, region=cloud.region),
        stack=cloud.stack or DEFAULT_STACK,
        profile=cloud.profile,
        options=cloud.options("profile", "region"),
    )


# --- commands ---------------------------------------------------------------------------------------------------------


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stepsweep", message="stepsweep %(version)s")
def cli() -> None:
    """Hyperparameter search on your own AWS account, or on this machine.

    \b
    sweep run examples/quick.json                  on this machine, no account needed
    sweep run examples/tutorial.json --on aws      on the stack that `sweep deploy` made
    """


for command in (deploy, diff, destroy):
    cli.add_command(command)


@cli.command(epilog=EXIT_CODES)
@spec_options
@cloud_options
@json_option("One JSON document on stdout; progress goes to stderr.")
def run(asked: Asked, cloud: Cloud, as_json: bool) -> int:
    """Run a sweep, show how it goes, and name the winner.

    SPEC says what to try: a JSON or YAML file (- reads standard input); options override its fields, or stand for
    all of it. Trials that are finished already are not trained again, so a sweep that was interrupted goes on.

    Ctrl-C ends a sweep on this machine; on AWS it ends the showing, and the sweep goes on.

    \b
    sweep run examples/tutorial.json --epochs 5
    sweep run --set lr=0.1,0.01 --set momentum=0.5,0.9 --epochs 3 \\
        --fixed dataset=fashion-mnist
    """
    from stepsweep.client.clouds.ahead import working_ahead

    spec = asked.spec(now=datetime.now(UTC))
    with working_ahead(cloud, spec) as ahead:
        from stepsweep.client.cli.running import run_sweep
        from stepsweep.client.terminal.view import View

        ran = run_sweep(spec, cloud, View(to_stderr=as_json), ahead)
    return _shown(ran, as_json=as_json)


@cli.command(epilog=START_EXIT_CODES)
@spec_options
@cloud_options
@json_option("One JSON document on stdout; all else goes to stderr.")
def start(asked: Asked, cloud: Cloud, as_json: bool) -> int:
    """Start a sweep and leave it running.

    Takes what `sweep run` takes, and returns once the trials are planned. On this machine a process in the background
    runs the sweep, and ends with it.

    \b
    sweep start examples/quick.json --name first
    sweep watch first
    """
    from stepsweep.client.cli.running import start_sweep
    from stepsweep.client.terminal.view import View

    return _shown(start_sweep(asked.spec(now=datetime.now(UTC)), cloud, View(to_stderr=as_json)), as_json=as_json)


@cli.command(epilog=EXIT_CODES)
@click.argument("name")
@cloud_options
@json_option("One JSON document on stdout; progress goes to stderr.")
def watch(name: str, cloud: Cloud, as_json: bool) -> int:
    """Show how a sweep goes until it has ended, and name the winner.

    Ctrl-C ends the showing; the sweep goes on. A sweep that has ended is shown as it is.

    \b
    sweep watch tutorial-20261123-053012
    sweep watch tutorial-20261123-053012 --on aws --region us-east-1
    """
    from stepsweep.client.cli.running import watch_sweep
    from stepsweep.client.terminal.view import View

    return _shown(watch_sweep(name, cloud, View(to_stderr=as_json)), as_json=as_json)


@cli.command(epilog=PLAN_EXIT_CODES)
@spec_options
@json_option("One JSON document on stdout: the spec, the trials' params and the estimate.")
def plan(asked: Asked, as_json: bool) -> int:
    """Show what a sweep would run, and start nothing.

    Takes what `sweep run` takes, and checks it by the same rules. Needs no cloud.

    \b
    sweep plan examples/tutorial.json
    sweep plan --set lr=0.1,0.01 --epochs 3
    """
    from stepsweep.client.terminal.view import View, plan_document

    spec = asked.spec(now=datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(plan_document(spec), indent=2))
    else:
        View().plan(spec)
    return ExitCode.OK


@cli.command(epilog=SHOW_EXIT_CODES)
@click.argument("name")
@cloud_options
@json_option("One JSON document on stdout.")
def show(name: str, cloud: Cloud, as_json: bool) -> int:
    """Show a sweep: its leaderboard and winner, or how far it is.

    \b
    sweep show tutorial-20261123-053012
    sweep show tutorial-20261123-053012 --on aws --region us-east-1
    """
    from stepsweep.client.terminal.view import View

    with signals_interrupt():
        sweeps = cloud.looked_at()
        standing = sweeps.standing(name)
        curve = sweeps.winner_s_curve(standing.spec, standing.rows) if standing.is_finished else None
    if as_json:
        click.echo(json.dumps(standing.to_json(), indent=2))
    else:
        View().standing(standing, objects=sweeps.objects, where=cloud.where, curve=curve)
    return ExitCode.OK


@cli.command("list", epilog=SHOW_EXIT_CODES)
@cloud_options
@json_option("A JSON list on stdout, the newest sweep first.")
def list_(cloud: Cloud, as_json: bool) -> int:
    """List the sweeps, the newest first: which run, which are finished, which were interrupted.

    \b
    sweep list
    sweep list --json | jq -r '.[] | select(.status == "INTERRUPTED").sweep'
    """
    from stepsweep.client.terminal.view import View

    with signals_interrupt():
        sweeps = cloud.looked_at()
        entries = sweeps.entries()
    if as_json:
        click.echo(json.dumps([entry.to_json() for entry in entries], indent=2))
    else:
        View().entries(entries, objects=sweeps.objects, where=cloud.where)
    return ExitCode.OK


@cli.command(epilog=LOGS_EXIT_CODES)
@click.argument("name")
@click.argument("trial", nargs=-1, required=True)
@click.option("-f", "--follow", is_flag=True, help="Go on until the trial has ended.")
@cloud_options
@json_option("One JSON document on stdout: {sweep, trial_id, attempts: [{number, lines}]}.")
def logs(name: str, trial: tuple[str, ...], follow: bool, cloud: Cloud, as_json: bool) -> int:
    """Show what a trial printed.

    TRIAL is its rank in the leaderboard, its params, or the beginning of its id. Of a job that was tried again, all
    attempts are shown.

    \b
    sweep logs first 1
    sweep logs first lr=0.1 momentum=0.5 -f
    """
    from stepsweep.client.logs.reading import follow_log, read_log

    if follow and as_json:
        raise click.UsageError("--json is one document; it does not go with --follow", click.get_current_context())
    with signals_interrupt():
        if follow:
            follow_log(cloud, name, trial, on_line=click.echo)
            return ExitCode.OK
        document = read_log(cloud, name, trial)
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        for attempt in document["attempts"]:
            if len(document["attempts"]) > 1:
                click.echo(f"--- attempt {attempt['number']}")
            for line in attempt["lines"]:
                click.echo(line)
    return ExitCode.OK


@cli.command(epilog=REPORT_EXIT_CODES)
@click.argument("name")
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The HTML file.  [default: NAME.html]",
)
@click.option(
    "--figures",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write each picture there too, as PNG and SVG.",
)
@cloud_options
@json_option("One JSON document on stdout: {sweep, file, bytes, figures}.")
def report(name: str, file: Path | None, figures: Path | None, cloud: Cloud, as_json: bool) -> int:
    """Write a report of a sweep: one HTML file, which needs no network.

    Winner, leaderboard to sort and filter, how the values lie over the parameters, learning curves, what failed and
    why, when the jobs ran and what they took. Of a sweep that runs or was interrupted it has what is there.

    \b
    sweep report first
    sweep report first -o report.html --figures pictures --on aws
    """
    from stepsweep.client.report.making import make_report
    from stepsweep.client.terminal.view import View

    with signals_interrupt():
        made = make_report(cloud, name, file=file, figures=figures)
    if as_json:
        click.echo(json.dumps(made.to_json(), indent=2))
    else:
        view = View()
        view.copyable(f"Report   {made.file}  ({made.bytes / 1e6:.1f} MB)")
        for picture in made.figures:
            view.copyable(f"Picture  {picture}")
    return ExitCode.OK


@cli.command(epilog=SHOW_EXIT_CODES)
@click.argument("names", nargs=-1, required=True, metavar="A B [...]")
@cloud_options
@json_option("One JSON document on stdout.")
def compare(names: tuple[str, ...], cloud: Cloud, as_json: bool) -> int:
    """Compare sweeps: winners, what they took, their trials in common, and what was asked differently.

    Differences are to the first one, and positive where a sweep is better. Where the objectives differ, values are
    not held against one another.

    \b
    sweep compare first second
    sweep compare first second third --on aws --json
    """
    from stepsweep.client.archive.comparison import compare as compare_sweeps
    from stepsweep.client.terminal.comparison import show as show_comparison
    from stepsweep.client.terminal.view import View

    with signals_interrupt():
        found = compare_sweeps(cloud.looked_at(), names)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    else:
        show_comparison(View(), found)
    return ExitCode.OK


@cli.command(epilog=STOP_EXIT_CODES)
@click.argument("name")
@cloud_options
@json_option("One JSON document on stdout: {sweep, executions, jobs, left}.")
def stop(name: str, cloud: Cloud, as_json: bool) -> int:
    """Stop a sweep, and make sure that no job of it is left.

    Jobs get SIGTERM, and SIGKILL 30 seconds later. Finished trials are kept; `sweep resume` goes on.

    \b
    sweep stop first
    sweep stop first --on aws
    """
    from stepsweep.client.operations.stop import stop_and_wait
    from stepsweep.client.terminal.view import View

    view = View(to_stderr=as_json)
    with signals_interrupt():
        stopped = stop_and_wait(cloud, name, view.status)
    view.stopped(stopped, name, where=cloud.where)
    if as_json:
        click.echo(json.dumps({"sweep": name, **asdict(stopped)}, indent=2))
    left = [f"job {job} is still alive; look at it in AWS Batch, and run this again" for job in stopped.left]
    return _said(left, ExitCode.FAILED if left else ExitCode.OK)


@cli.command(epilog=START_EXIT_CODES)
@click.argument("name")
@click.option("-d", "--detach", is_flag=True, help="Leave it running, as `sweep start` does.")
@accept_trainer_option
@cloud_options
@json_option("One JSON document on stdout; progress goes to stderr.")
def resume(name: str, detach: bool, accept_trainer: bool, cloud: Cloud, as_json: bool) -> int:
    """Go on with a sweep that was interrupted, stopped, or had trials that failed.

    Starts the same sweep again, on this machine with the trainer that it was started with: finished trials are not
    repeated, and others go on from their checkpoints.

    \b
    sweep resume first
    sweep resume first --detach --on aws
    """
    from stepsweep.client.cli.running import run_sweep, start_sweep
    from stepsweep.client.clouds.ahead import working_ahead
    from stepsweep.client.terminal.view import View

    view = View(to_stderr=as_json)
    # Said anew each time: what was accepted once is not accepted for ever.
    spec = replace(cloud.looked_at().spec(name), accept_trainer=accept_trainer)
    cloud = cloud.with_trainer_of(name)
    if detach:
        return _shown(start_sweep(spec, cloud, view), as_json=as_json)
    with working_ahead(cloud, spec) as ahead:
        ran = run_sweep(spec, cloud, view, ahead)
    return _shown(ran, as_json=as_json)


@cli.command(epilog=RM_EXIT_CODES)
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@cloud_options
@json_option("One JSON document on stdout: {sweep, removed, left}.")
def rm(name: str, yes: bool, cloud: Cloud, as_json: bool) -> int:
    """Remove what is recorded of a sweep: spec, plan, outcomes, leaderboard.

    The trials' own results stay, since other sweeps may count on them: a sweep that asks for the same trials finds
    them. Asks first.

    \b
    sweep rm first
    sweep rm first --yes --on aws
    """
    from stepsweep.client.operations.stop import removal, remove
    from stepsweep.client.terminal.view import View

    view = View(to_stderr=as_json)
    with signals_interrupt():
        found = removal(cloud, name)
        for line in found.lines():
            view.line(line)
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("nobody can be asked here; add --yes to remove it", click.get_current_context())
            if not click.confirm(f"Remove {name}?", err=True):
                return _said(["nothing was removed"], ExitCode.FAILED)
        removed = remove(cloud, name)
    if as_json:
        click.echo(json.dumps({"sweep": name, "removed": removed, "left": found.left}, indent=2))
    else:
        view.line(f"Removed {removed:,} objects.")
    return ExitCode.OK


@cli.command(epilog=EXPORT_EXIT_CODES)
@click.argument("name")
@click.option("--mlflow", "uri", required=True, metavar="URI", help="MLflow's tracking URI.")
@click.option(
    "--experiment",
    metavar="NAME",
    default="stepsweep",
    show_default=True,
    help="Of MLflow; made where it is not there.",
)
@cloud_options
@json_option("One JSON document on stdout: {sweep, experiment, run_id, written, unchanged, removed}.")
def export(name: str, uri: str, experiment: str, cloud: Cloud, as_json: bool) -> int:
    """Export a finished sweep to MLflow: a run of the sweep, and below it a run a trial.

    Exported again, it leaves the runs that are as they should be, and writes the others anew.

    \b
    sweep export first --mlflow sqlite:///mlflow.db
    sweep export first --mlflow http://localhost:5000 --experiment digits
    """
    from stepsweep.client.export.mlflow import export as exported_to
    from stepsweep.client.export.mlflow import report_page
    from stepsweep.client.terminal.view import View

    need("mlflow", "`sweep export --mlflow`")
    with signals_interrupt():
        sweeps = cloud.looked_at()
        sweeps.spec(name)
        report = report_page(cloud, name)
        exported = exported_to(sweeps, name, uri=uri, experiment=experiment, report=report)
    if as_json:
        click.echo(json.dumps(asdict(exported), indent=2))
    else:
        View().line(
            f"{name} is in MLflow's experiment {experiment}, run {exported.run_id}: {exported.written:,} trials "
            f"written, {exported.unchanged:,} there already, {exported.removed:,} removed."
        )
    return ExitCode.OK


@cli.command(epilog=SERVE_EXIT_CODES)
@directory_option
@machine_options
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="To listen on.  [default: a free one]")
@click.option("--until-idle", is_flag=True, hidden=True, help="End when nothing runs; what `sweep start` starts.")
@json_option("One JSON document on stdout once it is up: {endpoint, environment, state_machine_arn, bucket, objects}.")
def serve(
    directory: Path, trainer: Path | None, job_vcpus: int | None, port: int | None, until_idle: bool, as_json: bool
) -> int:
    """Keep the embedded cloud up, for other tools and commands.

    The AWS CLI can use it, and all commands do that are given the same --dir.

    Ends with Ctrl-C or SIGTERM, and with it everything that runs in it.

    \b
    sweep serve
    sweep serve --port 4566 --dir /tmp/cloud
    """
    need("local", "`sweep serve`")
    from stepsweep.local.cloud import embedded_cloud, machines_ahead

    is_up = False
    try:
        with signals_interrupt(), machines_ahead(directory, trainer=trainer) as machines:
            from stepsweep.client.clouds.background import keep_up
            from stepsweep.client.deployment import on_endpoint
            from stepsweep.client.terminal.view import View, serving_document

            status = View(to_stderr=True).status
            if until_idle:
                keep_up(directory, status, trainer=trainer, job_vcpus=job_vcpus, machines=machines)
                return ExitCode.OK
            with embedded_cloud(
                directory,
                on_status=status,
                trainer=trainer,
                job_vcpus=job_vcpus,
                port=port or 0,
                machines=machines,
            ) as endpoint:
                deployment = on_endpoint(endpoint.environment(), folder=directory / "s3")
                if as_json:
                    click.echo(json.dumps(serving_document(deployment, endpoint.environment()), indent=2))
                else:
                    View().serving(deployment, endpoint.environment(), is_ours=endpoint.started_here)
                is_up = True
                while endpoint.started_here:
                    time.sleep(3600)  # a signal ends it
    except KeyboardInterrupt:
        if not is_up:
            raise
    return ExitCode.OK


@cli.command(epilog=COMPLETION_EXIT_CODES)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print what makes a shell complete commands and options.

    \b
    eval "$(sweep completion bash)"          in ~/.bashrc
    eval "$(sweep completion zsh)"           in ~/.zshrc
    sweep completion fish > ~/.config/fish/completions/sweep.fish
    """
    from click.shell_completion import get_completion_class

    of_shell = get_completion_class(shell)
    if of_shell is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(of_shell(cli, {}, "sweep", COMPLETE_VARIABLE).source())
    return ExitCode.OK


@cli.command(epilog=DOCTOR_EXIT_CODES)
@place_options
@json_option("A JSON list of {check, state, found, remedy} on stdout.")
def doctor(cloud: Cloud, as_json: bool) -> int:
    """Say whether a sweep would run, and what to do where it would not.

    On AWS: credentials, region, stack, queue, image, quotas, jobs that wait, bucket. Changes nothing.

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


@cli.command(epilog=TEARDOWN_EXIT_CODES)
@place_options
@click.option("--check", is_flag=True, help="Needed: this command looks, and deletes nothing.")
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
