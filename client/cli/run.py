"""Commands that start a sweep or follow one."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepsweep.client.cli.exit_code import EXIT_CODES, ExitCode, said
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.cli.options import (
    accept_trainer_option,
    checked_first,
    cloud_options,
    directory_option,
    json_option,
    keep_going_option,
    keep_results_option,
    machine_options,
    of_an_execution_too,
    place_options,
    priority_option,
    spec_options,
)
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.extras import need
from stepsweep.client.specs.asked import Asked
from stepsweep.client.specs.caveats import caveats
from stepsweep.contract.priority import Priority

if TYPE_CHECKING:
    from stepsweep.client.cli.running import Ran
    from stepsweep.contract.spec import SweepSpec

START_EXIT_CODES = "Exit codes: 0 it runs, or has a winner · 1 sweep or cloud failed · 2 wrong input · 130 interrupted."
PLAN_EXIT_CODES = "Exit codes: 0 it could be run · 2 wrong input."
SERVE_EXIT_CODES = "Exit codes: 0 ended by Ctrl-C or SIGTERM · 1 the cloud failed · 2 wrong options."


@click.command(epilog=EXIT_CODES)
@spec_options
@cloud_options
@keep_going_option
@keep_results_option
@json_option("One JSON document on stdout; progress goes to stderr.")
@checked_first
def run(asked: Asked, cloud: Cloud, keep_going: bool, keep_results: bool, as_json: bool) -> int:
    """Run a sweep, show its progress, and name the winner.

    SPEC is a JSON or YAML file (- reads standard input), by default the folder's sweep.yaml. Options override its
    fields. Finished trials are not trained again, so an interrupted sweep continues.

    Ctrl-C ends a sweep on this machine; on AWS it ends only the display, and the sweep continues.

    \b
    sweep run examples/tutorial.json --epochs 5
    sweep run --set lr=0.1,0.01 --set momentum=0.5,0.9 --epochs 3 \\
        --fixed dataset=fashion-mnist
    """
    from stepsweep.client.clouds.ahead import working_ahead
    from stepsweep.client.clouds.which_trainer import with_script

    spec, script = asked.checked(now=datetime.now(UTC))
    caveat, cloud = caveats(spec, script), with_script(cloud, script)
    with working_ahead(cloud, spec) as ahead:
        from stepsweep.client.cli.running import run_sweep
        from stepsweep.client.terminal.view import View

        view = View(to_stderr=as_json)
        if caveat:
            view.line(caveat, "yellow")
        ran = run_sweep(spec, cloud, view, ahead, keep_going=keep_going, keep_results=keep_results)
    return _shown(ran, as_json=as_json)


@click.command(epilog=START_EXIT_CODES)
@spec_options
@cloud_options
@keep_results_option
@json_option("One JSON document on stdout; all else goes to stderr.")
@checked_first
def start(asked: Asked, cloud: Cloud, keep_results: bool, as_json: bool) -> int:
    """Start a sweep and leave it running.

    Takes the options of `sweep run`, and returns once the trials are planned. On this machine a background process runs
    the sweep, and ends with it.

    \b
    sweep start examples/quick.json --name first
    sweep watch first
    """
    from stepsweep.client.cli.running import start_sweep
    from stepsweep.client.clouds.which_trainer import with_script
    from stepsweep.client.terminal.view import View

    spec, script = asked.checked(now=datetime.now(UTC))
    view = View(to_stderr=as_json)
    if caveat := caveats(spec, script):
        view.line(caveat, "yellow")
    return _shown(start_sweep(spec, with_script(cloud, script), view, keep_results=keep_results), as_json=as_json)


@click.command(epilog=EXIT_CODES)
@click.argument("name")
@cloud_options
@json_option("One JSON document on stdout; progress goes to stderr.")
@of_an_execution_too
def watch(name: str, cloud: Cloud, as_json: bool) -> int:
    """Show a sweep's progress until it ends, and name the winner.

    Ctrl-C ends the display, and the sweep continues. For a sweep that has ended, it shows the results.

    \b
    sweep watch tutorial-20261123-053012-250731
    sweep watch tutorial-20261123-053012-250731 --on aws --region us-east-1
    """
    from stepsweep.client.cli.running import watch_sweep
    from stepsweep.client.terminal.view import View

    return _shown(watch_sweep(name, cloud, View(to_stderr=as_json)), as_json=as_json)


@click.command(epilog=START_EXIT_CODES)
@click.argument("name")
@click.option("-d", "--detach", is_flag=True, help="Leave it running, as `sweep start` does.")
@accept_trainer_option
@priority_option
@keep_results_option
@keep_going_option
@cloud_options
@json_option("One JSON document on stdout; progress goes to stderr.")
@checked_first
@of_an_execution_too
def resume(
    name: str, detach: bool, accept_trainer: bool, priority: str | None, keep_results: bool, keep_going: bool,
    cloud: Cloud, as_json: bool,
) -> int:  # fmt: skip
    """Continue a sweep that was interrupted, stopped, or had failed trials.

    Starts the same sweep again, on this machine with its original trainer. Finished trials are not repeated; others
    continue from their checkpoints.

    \b
    sweep resume first
    sweep resume first --detach --on aws --priority high
    """
    from stepsweep.client.cli.running import run_sweep, start_sweep
    from stepsweep.client.clouds.ahead import working_ahead
    from stepsweep.client.clouds.which_trainer import with_trainer_of
    from stepsweep.client.operations.prioritizing import priority_of
    from stepsweep.client.terminal.view import View

    view = View(to_stderr=as_json)
    # From the option only: accepting a trainer once must not accept it forever.
    found = cloud.looked_at()
    spec = replace(
        found.archive.spec(name),
        accept_trainer=accept_trainer,
        priority=Priority(priority) if priority is not None else priority_of(found, name),
    )
    cloud = with_trainer_of(cloud, name)
    if detach:
        return _shown(start_sweep(spec, cloud, view, keep_results=keep_results), as_json=as_json)
    with working_ahead(cloud, spec) as ahead:
        ran = run_sweep(spec, cloud, view, ahead, keep_going=keep_going, keep_results=keep_results)
    return _shown(ran, as_json=as_json)


@click.command(epilog=PLAN_EXIT_CODES)
@spec_options
@place_options
@click.option("--calibrate", is_flag=True, help="Train one trial for one epoch first, and measure its time.")
@json_option("One JSON document on stdout: the spec, the trials' params and the estimate.")
def plan(asked: Asked, cloud: Cloud, calibrate: bool, as_json: bool) -> int:
    """Show what a sweep would run, how long and at what price, and start nothing.

    Takes the options of `sweep run`, and checks them by the same rules. Time and cost come from finished trials of the
    same trainer; without any they are unknown. Needs no cloud, unless it calibrates.

    \b
    sweep plan examples/tutorial.json
    sweep plan --set lr=0.1,0.01 --epochs 3
    sweep plan sweep.yaml --calibrate
    """
    from stepsweep.client.clouds.which_trainer import with_script
    from stepsweep.client.operations.estimating import calibration, estimated
    from stepsweep.client.operations.startable import check_start
    from stepsweep.client.terminal.planned import plan_document, show_plan
    from stepsweep.client.terminal.view import View

    spec, script = asked.checked(now=datetime.now(UTC))
    caveat = caveats(spec, script)
    if calibrate or not cloud.is_local:
        cloud, script = with_script(cloud, script), None
    check_start(spec, cloud, script)
    if calibrate:
        if cloud.is_local:
            need("local", "`sweep plan --calibrate` on this machine")
        ran = _calibrated(calibration(spec), cloud)
        if ran.code is not ExitCode.OK:
            return _shown(ran, as_json=False)
    estimate = estimated(replace(spec, seconds_per_epoch=None) if calibrate else spec, cloud, script)
    if as_json:
        click.echo(json.dumps(plan_document(spec, estimate), indent=2))
    else:
        show_plan(View(), spec, estimate, was_calibrated=calibrate, caveat=caveat)
    return ExitCode.OK


def _calibrated(spec: "SweepSpec", cloud: Cloud) -> "Ran":
    """Trains what a calibration needs. Its progress goes to stderr: stdout is the plan's."""
    from stepsweep.client.cli.running import run_sweep
    from stepsweep.client.clouds.ahead import working_ahead
    from stepsweep.client.terminal.view import View

    view = View(to_stderr=True)
    each = "one trial" if spec.trials_each == 1 else f"one trial per fold, {spec.trials_each} trials,"
    where = "the embedded cloud on this machine" if cloud.is_local else "AWS, which costs its time"
    view.line(f"Training {each} for one epoch, in {where} …")
    with working_ahead(cloud, spec) as ahead:
        return run_sweep(spec, cloud, view, ahead, keep_going=True)


@click.command(epilog=SERVE_EXIT_CODES)
@directory_option
@machine_options
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Port to listen on.  [default: a free one]")
@click.option("--until-idle", is_flag=True, hidden=True, help="End when nothing runs; what `sweep start` starts.")
@json_option("One JSON document on stdout once it is up: {endpoint, environment, state_machine_arn, bucket, objects}.")
def serve(
    directory: Path, trainer: Path | None, job_vcpus: int | None, container: bool, port: int | None, until_idle: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Keep the embedded cloud up, for other tools and commands.

    The AWS CLI can use it, and so do all commands with the same --dir. It has stepsweep's own trainer, or that of
    --trainer: `sweep run` refuses a spec with a `command`, which needs a cloud of its own.

    Ctrl-C or SIGTERM ends it, and everything that runs in it.

    \b
    sweep serve
    sweep serve --port 4566 --dir /tmp/cloud
    """
    need("local", "`sweep serve`")
    from stepsweep.local.cloud import embedded_cloud
    from stepsweep.local.preparing import machines_ahead

    is_up = False
    try:
        with signals_interrupt(), machines_ahead(directory, trainer=trainer, container=container) as machines:
            from stepsweep.client.clouds.background import keep_up
            from stepsweep.client.clouds.cloud import trainer_of
            from stepsweep.client.deployment import on_endpoint
            from stepsweep.client.terminal.serving import serving_document, show_serving
            from stepsweep.client.terminal.view import View

            status = View(to_stderr=True).status
            if until_idle:
                keep_up(directory, status, trainer=trainer, job_vcpus=job_vcpus, container=container, machines=machines)
                return ExitCode.OK
            with embedded_cloud(
                directory,
                on_status=status,
                trainer=trainer,
                job_vcpus=job_vcpus,
                container=container,
                port=port or 0,
                machines=machines,
            ) as endpoint:
                deployment = on_endpoint(endpoint.environment(), folder=directory / "s3")
                if as_json:
                    click.echo(json.dumps(serving_document(deployment, endpoint.environment()), indent=2))
                else:
                    show_serving(
                        View(),
                        deployment,
                        endpoint.environment(),
                        trainer=trainer_of(endpoint),
                        has_tutorial=not endpoint.trainer,
                        is_ours=endpoint.started_here,
                        ends_when_idle=endpoint.ends_when_idle,
                    )
                is_up = True
                while endpoint.started_here:
                    time.sleep(1)  # a signal ends it, at the latest after this second
    except KeyboardInterrupt:
        if not is_up:
            raise
    return ExitCode.OK


def _shown(ran: "Ran", *, as_json: bool) -> int:
    """Prints the document with `--json`, prints the faults, and returns the exit code."""
    if as_json:
        click.echo(json.dumps(ran.document, indent=2))
    return said(ran.faults, ran.code)
