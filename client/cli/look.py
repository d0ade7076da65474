"""Commands that read records, and change nothing in the cloud."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.cli.given import Given
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.cli.options import cloud_options, json_option, of_an_execution_too
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.contract.errors import InvalidInput

if TYPE_CHECKING:
    from stepsweep.bucket.plans import Plan
    from stepsweep.client.archive.comparison import Comparison
    from stepsweep.client.archive.entries import Entry
    from stepsweep.client.running.control import Found
    from stepsweep.contract.metrics import Metrics
    from stepsweep.contract.note import Note
    from stepsweep.contract.standing import Standing

SHOW_EXIT_CODES = (
    "Exit codes: 0 shown, however the sweep went · 1 the cloud failed · 2 no such sweep · 130 interrupted."
)
LIST_EXIT_CODES = "Exit codes: 0 listed · 1 the cloud failed · 2 wrong options · 130 interrupted."
LOGS_EXIT_CODES = "Exit codes: 0 shown · 1 there is no log, or the cloud failed · 2 no such trial · 130 interrupted."
DOWNLOAD_EXIT_CODES = (
    "Exit codes: 0 downloaded · 1 the cloud failed · 2 no such trial, no artifacts, or files are there · "
    "130 interrupted."
)
SILENT = "The trial printed nothing."
REPORT_EXIT_CODES = (
    "Exit codes: 0 written · 1 the cloud failed · 2 no such sweep, or no place to write · 130 interrupted."
)


@click.command("list", epilog=LIST_EXIT_CODES)
@cloud_options
@json_option("A JSON list on stdout, the newest sweep first.")
def list_(cloud: Cloud, as_json: bool) -> int:
    """List the sweeps, newest first: running, finished and interrupted ones.

    \b
    sweep list
    sweep list --json | jq -r '.[] | select(.status == "INTERRUPTED").sweep'
    """
    from stepsweep.client.terminal.sweeps import show_sweeps
    from stepsweep.client.terminal.view import View

    def look() -> "tuple[Found, list[Entry]]":
        found = cloud.looked_at()
        return found, found.entries()

    with signals_interrupt():
        found, entries = cloud.settled(look)
    if as_json:
        click.echo(json.dumps([entry.to_json() for entry in entries], indent=2))
    else:
        show_sweeps(View(), entries, objects=found.archive.objects, where=cloud.where)
    return ExitCode.OK


@click.command(epilog=SHOW_EXIT_CODES)
@click.argument("name")
@cloud_options
@json_option("One JSON document on stdout.")
@of_an_execution_too
def show(name: str, cloud: Cloud, as_json: bool) -> int:
    """Show a sweep: its leaderboard and winner or front, or the progress so far.

    \b
    sweep show tutorial-20261123-053012-250731
    sweep show tutorial-20261123-053012-250731 --on aws --region us-east-1
    """
    from stepsweep.client.clouds.hints import hint_of
    from stepsweep.client.clouds.own_command import own_command
    from stepsweep.client.terminal.result import show_note, show_standing
    from stepsweep.client.terminal.view import View

    def look() -> "tuple[Found, Standing, Plan | None, Metrics | None, Note]":
        found = cloud.looked_at()
        standing = found.standing(name)
        plan = found.archive.plan(standing.spec) if standing.is_finished else None
        return found, standing, plan, found.archive.winner_s_curve(plan, standing.rows), found.archive.note(name)

    with signals_interrupt():
        found, standing, plan, curve, note = cloud.settled(look)
    hint = hint_of(cloud, name, standing.rows)
    winner = plan.winner(standing.rows) if plan else None
    command = own_command(cloud, standing.spec, winner, found.trainer_command)
    if as_json:
        more = {"command": " ".join(command) or None, "hint": hint or None, "note": note.text or None}
        click.echo(json.dumps({**standing.to_json(), **more}, indent=2))
    else:
        view = View()
        show_standing(
            view,
            standing,
            objects=found.archive.objects,
            where=cloud.where,
            is_on_aws=not cloud.is_local,
            curve=curve,
            command=command,
            hint=hint,
        )
        show_note(view, note)
    return ExitCode.OK


@click.command(epilog=LOGS_EXIT_CODES)
@click.argument("name")
@click.argument("trial", nargs=-1, required=True)
@click.option("-f", "--follow", is_flag=True, help="Follow the log until the trial has ended.")
@cloud_options
@json_option("One JSON document on stdout: {sweep, trial_id, attempts: [{number, lines}]}.")
@of_an_execution_too
def logs(name: str, trial: tuple[str, ...], follow: bool, cloud: Cloud, as_json: bool) -> int:
    """Show the output of a trial.

    TRIAL is its rank on the leaderboard, its params, or the beginning of its id. If Batch has retried the job, the
    output of all attempts is shown.

    \b
    sweep logs first 1
    sweep logs first lr=0.1 momentum=0.5 -f
    """
    from stepsweep.client.logs.reading import as_lines, follow_log, read_log
    from stepsweep.contract.described import printable

    if follow and as_json:
        raise click.UsageError("--json prints one document; use it without --follow", click.get_current_context())
    with signals_interrupt():
        if follow:
            if not follow_log(cloud, name, trial, on_line=lambda line: click.echo(printable(line))):
                click.echo(SILENT, err=True)
            return ExitCode.OK
        document = cloud.settled(lambda: read_log(cloud, name, trial))
    if as_json:
        click.echo(json.dumps(document, indent=2))
    elif not document["attempts"]:
        click.echo(SILENT, err=True)
    else:
        for line in as_lines(document["attempts"]):
            click.echo(printable(line))
    return ExitCode.OK


@click.command(epilog=REPORT_EXIT_CODES)
@click.argument("name")
@click.option(
    "-o",
    "--output",
    "file",
    type=Given(click.Path(dir_okay=False, path_type=Path)),
    metavar="FILE",
    help="The HTML file.  [default: NAME.html]",
)
@click.option(
    "--figures",
    type=Given(click.Path(file_okay=False, path_type=Path)),
    metavar="DIR",
    help="Also write each figure to this folder, as PNG and SVG.",
)
@cloud_options
@json_option("One JSON document on stdout: {sweep, file, bytes, figures}.")
@of_an_execution_too
def report(name: str, file: Path | None, figures: Path | None, cloud: Cloud, as_json: bool) -> int:
    """Write a report of a sweep: one HTML file that opens offline.

    It shows the winner, a leaderboard to sort and filter, the values over the parameters, learning curves, failures
    with their reasons, a timeline of the jobs, time and cost. It also works for running and interrupted sweeps.

    \b
    sweep report first
    sweep report first -o report.html --figures pictures --on aws
    """
    from stepsweep.client.report.making import make_report
    from stepsweep.client.terminal.view import View

    with signals_interrupt():
        made = cloud.settled(lambda: make_report(cloud, name, file=file, figures=figures))
    if as_json:
        click.echo(json.dumps(made.to_json(), indent=2))
    else:
        view = View()
        view.copyable(f"Report   {made.file}  ({made.bytes / 1e6:.1f} MB)")
        for picture in made.figures:
            view.copyable(f"Picture  {picture}")
    return ExitCode.OK


@click.command(epilog=DOWNLOAD_EXIT_CODES)
@click.argument("name", required=False)
@click.argument("trial", nargs=-1)
@click.option(
    "-o",
    "--output",
    "folder",
    type=Given(click.Path(file_okay=False, path_type=Path)),
    metavar="DIR",
    help="The folder, created if missing.  [default: NAME]",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@cloud_options
@json_option("One JSON document on stdout: {sweep, folder, trials, files, bytes}.")
def download(
    name: str | None, trial: tuple[str, ...], folder: Path | None, force: bool, cloud: Cloud, as_json: bool
) -> int:
    """Download the artifacts of the winner or the front, such as a model, or those of another trial.

    NAME is the sweep, by default the newest. TRIAL is its rank on the leaderboard, its params, or the beginning of its
    id. Either all files arrive, or none does. Files that are there are not replaced.

    \b
    sweep download
    sweep download first -o models
    sweep download first lr=0.1 momentum=0.5 --on aws
    """
    from rich.filesize import decimal

    from stepsweep.client.operations.download import download as downloaded_to
    from stepsweep.client.terminal.view import View
    from stepsweep.contract.described import number_of

    view = View(to_stderr=as_json)

    def begin(files: int, size: int, where: Path) -> None:
        view.copyable(f"Downloading {number_of(files, 'file')}, {decimal(size)}, to {where} …", "dim")

    with signals_interrupt():
        sweep = cloud.settled(lambda: _newest(cloud)) if name is None else name
        made = cloud.settled(lambda: downloaded_to(cloud, sweep, trial, folder=folder, force=force, on_start=begin))
    if as_json:
        click.echo(json.dumps(made.to_json(), indent=2))
        return ExitCode.OK
    for file in made.files:
        view.copyable(str(made.folder / file))
    if made.expiring:
        view.line("The bucket will delete these: the sweep does not keep this trial's artifacts (keep_artifacts).")
    return ExitCode.OK


def _newest(cloud: Cloud) -> str:
    entries = cloud.looked_at().entries()
    if not entries:
        raise InvalidInput(["there is no sweep yet"])
    click.echo(f"Taking {entries[0].sweep}, the newest sweep.", err=True)
    return entries[0].sweep


@click.command(epilog=SHOW_EXIT_CODES)
@click.argument("names", nargs=-1, required=True, metavar="A B [...]")
@cloud_options
@json_option("One JSON document on stdout.")
def compare(names: tuple[str, ...], cloud: Cloud, as_json: bool) -> int:
    """Compare sweeps: winners, time and cost, params in common, and differences in the input.

    Differences are relative to the first sweep, and positive if a sweep is better. If the objectives differ, no
    values are compared.

    \b
    sweep compare first second
    sweep compare first second third --on aws --json
    """
    from stepsweep.client.archive.comparison import compare as compare_sweeps
    from stepsweep.client.terminal.comparison import show as show_comparison
    from stepsweep.client.terminal.view import View

    def look() -> "Comparison":
        found = cloud.looked_at()
        return compare_sweeps(found.archive, names, running=found.executions(), is_on_aws=not cloud.is_local)

    with signals_interrupt():
        compared = cloud.settled(look)
    if as_json:
        click.echo(json.dumps(compared.to_json(), indent=2))
    else:
        show_comparison(View(), compared)
    return ExitCode.OK
