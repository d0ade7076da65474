"""Commands that end a sweep or remove its records."""

import json
import sys
from dataclasses import asdict

import click

from stepsweep.client.cli.exit_code import ExitCode, said
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.cli.options import cloud_options, json_option, of_an_execution_too
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.contract.priority import Priority

STOP_EXIT_CODES = "Exit codes: 0 nothing of it runs · 1 a job is left, or the cloud failed · 2 no such sweep."
PRIORITY_EXIT_CODES = (
    "Exit codes: 0 shown, or it goes on with the priority · 1 it was stopped and did not start again, or the cloud "
    "failed · 2 no such sweep, or it does not run."
)
RM_EXIT_CODES = "Exit codes: 0 removed · 1 the cloud failed, or you said no · 2 no such sweep, or it runs."


@click.command(epilog=STOP_EXIT_CODES)
@click.argument("name")
@cloud_options
@json_option("One JSON document on stdout: {sweep, executions, jobs, left}.")
@of_an_execution_too
def stop(name: str, cloud: Cloud, as_json: bool) -> int:
    """Stop a sweep, and make sure that none of its jobs is left.

    Jobs get SIGTERM, and SIGKILL 30 seconds later. Finished trials are kept, and `sweep resume` continues the sweep.

    \b
    sweep stop first
    sweep stop first --on aws
    """
    from stepsweep.client.operations.stop import stop_and_wait
    from stepsweep.client.terminal.result import show_stopped
    from stepsweep.client.terminal.showing import OnTerminal
    from stepsweep.client.terminal.view import View

    view = View(to_stderr=as_json)
    with signals_interrupt():
        stopped = stop_and_wait(cloud, name, OnTerminal(view))
    show_stopped(view, stopped, name, where=cloud.where)
    if as_json:
        click.echo(json.dumps({"sweep": name, **asdict(stopped)}, indent=2))
    left = [f"job {job} is still alive; look at it in AWS Batch, and run this again" for job in stopped.left]
    return said(left, ExitCode.FAILED if left else ExitCode.OK)


@click.command(epilog=PRIORITY_EXIT_CODES)
@click.argument("name")
@click.argument(
    "level", metavar="[high|normal|low]", required=False, type=click.Choice([each.value for each in Priority])
)
@cloud_options
@json_option("One JSON document on stdout: {sweep, priority, execution_arn}.")
@of_an_execution_too
def priority(name: str, level: str | None, cloud: Cloud, as_json: bool) -> int:
    """Show the priority of a sweep, or change it while it runs.

    Jobs keep the priority that they were submitted with, so a change stops the sweep and starts it again, in the
    background. Finished trials are kept; running ones continue from their checkpoints, or begin again without any. A
    `sweep run` or `sweep watch` that follows it shows it no longer. If this command is ended half way, `sweep resume`
    continues the sweep.

    \b
    sweep priority first
    sweep priority first high --on aws
    """
    from stepsweep.client.operations.prioritizing import prioritize, priority_of
    from stepsweep.client.terminal.showing import OnTerminal
    from stepsweep.client.terminal.view import View

    view, execution = View(to_stderr=as_json), None
    with signals_interrupt():
        if level is None:
            level = priority_of(cloud.looked_at(), name)
        else:
            execution = prioritize(cloud, name, Priority(level), OnTerminal(view))
    if as_json:
        arn = execution.arn if execution else None
        click.echo(json.dumps({"sweep": name, "priority": level, "execution_arn": arn}, indent=2))
    else:
        view.line(f"{name} goes on with {level} priority." if execution else level)
    return ExitCode.OK


@click.command(epilog=RM_EXIT_CODES)
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@cloud_options
@json_option("One JSON document on stdout: {sweep, removed, left}.")
@of_an_execution_too
def rm(name: str, yes: bool, cloud: Cloud, as_json: bool) -> int:
    """Remove the records of a sweep: spec, plan, outcomes, leaderboard.

    The trials' own results stay, since other sweeps may share them: a sweep with the same trials finds them. Asks
    first.

    \b
    sweep rm first
    sweep rm first --yes --on aws
    """
    from stepsweep.client.operations.stop import removal, remove
    from stepsweep.client.terminal.showing import OnTerminal
    from stepsweep.client.terminal.view import View
    from stepsweep.contract.described import number_of

    view = View(to_stderr=as_json)
    with signals_interrupt():
        found = removal(cloud, name)
        for line in found.lines():
            view.line(line)
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("cannot ask for confirmation here; add --yes", click.get_current_context())
            if not click.confirm(f"Remove {name}?", err=True):
                return said(["nothing was removed"], ExitCode.FAILED)
        removed = remove(cloud, name, OnTerminal(view))
    if as_json:
        click.echo(json.dumps({"sweep": name, "removed": removed, "left": found.left}, indent=2))
    else:
        view.line(f"Removed {number_of(removed, 'object')}.")
    return ExitCode.OK
