"""The command that writes a sweep's trials into another tool."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.cli.given import Given
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.cli.options import cloud_options, json_option, of_an_execution_too
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.extras import need

if TYPE_CHECKING:
    from stepsweep.client.export.folders import Written
    from stepsweep.client.export.mlflow import Exported

EXPORT_EXIT_CODES = (
    "Exit codes: 0 exported · 1 MLflow or the cloud failed · 2 wrong options, no such sweep, or it is not finished · "
    "130 interrupted."
)


@click.command(epilog=EXPORT_EXIT_CODES)
@click.argument("name")
@click.option("--mlflow", "uri", type=Given(), metavar="URI", help="MLflow's tracking URI.")
@click.option(
    "--experiment",
    type=Given(),
    metavar="NAME",
    help="MLflow experiment; created if missing.  [default: stepsweep]",
)
@click.option(
    "--tensorboard",
    "folder",
    metavar="DIR",
    type=Given(click.Path(file_okay=False, path_type=Path)),
    help="Folder for TensorBoard's event files, below the sweep's name; created if missing.",
)
@click.option(
    "--wandb",
    "runs",
    metavar="DIR",
    type=Given(click.Path(file_okay=False, path_type=Path)),
    help="Folder for offline runs of Weights & Biases, below the sweep's name; created if missing.",
)
@click.option("--project", type=Given(), metavar="NAME", help="W&B project of the runs.  [default: stepsweep]")
@cloud_options
@json_option(
    "One JSON document on stdout: {sweep, written, unchanged, removed}, with {experiment, run_id} of MLflow, or the "
    "{folder} for the others."
)
@of_an_execution_too
def export(
    name: str,
    uri: str | None,
    experiment: str | None,
    folder: Path | None,
    runs: Path | None,
    project: str | None,
    cloud: Cloud,
    as_json: bool,
) -> int:
    """Export a finished sweep to MLflow, TensorBoard or Weights & Biases, with one run per trial.

    A second export keeps the runs that are up to date, and rewrites the others.

    \b
    sweep export first --mlflow sqlite:///mlflow.db
    sweep export first --mlflow http://localhost:5000 --experiment digits
    sweep export first --tensorboard runs
    sweep export first --wandb runs --project digits
    """
    context = click.get_current_context()
    if sum(each is not None for each in (uri, folder, runs)) != 1:
        raise click.UsageError("give one of --mlflow URI, --tensorboard DIR and --wandb DIR", context)
    if experiment is not None and uri is None:
        raise click.UsageError("--experiment goes with --mlflow", context)
    if project is not None and runs is None:
        raise click.UsageError("--project goes with --wandb", context)
    if runs is not None:
        return _to_wandb(name, runs, project, cloud, as_json=as_json)
    if folder is not None:
        return _to_tensorboard(name, folder, cloud, as_json=as_json)
    return _to_mlflow(name, str(uri), experiment, cloud, as_json=as_json)


def _to_mlflow(name: str, uri: str, experiment: str | None, cloud: Cloud, *, as_json: bool) -> int:
    from stepsweep.client.export.mlflow import DEFAULT_EXPERIMENT, report_page
    from stepsweep.client.export.mlflow import export as exported_to
    from stepsweep.client.terminal.view import View
    from stepsweep.contract.described import number_of

    need("mlflow", "`sweep export --mlflow`")
    experiment = DEFAULT_EXPERIMENT if experiment is None else experiment

    def export_it() -> "Exported":
        found = cloud.looked_at()
        found.archive.spec(name)
        report = report_page(cloud, found, name)
        return exported_to(found, name, uri=uri, experiment=experiment, report=report)

    with signals_interrupt():
        exported = cloud.settled(export_it)
    if as_json:
        click.echo(json.dumps(asdict(exported), indent=2))
    else:
        View().line(
            f"{name} is in MLflow's experiment {experiment}, run {exported.run_id}: "
            f"{number_of(exported.written, 'trial')} written, {exported.unchanged:,} there already, "
            f"{exported.removed:,} removed."
        )
    return ExitCode.OK


def _to_wandb(name: str, folder: Path, project: str | None, cloud: Cloud, *, as_json: bool) -> int:
    from stepsweep.client.export.wandb import DEFAULT_PROJECT
    from stepsweep.client.export.wandb import export as exported_to

    need("wandb", "`sweep export --wandb`")
    with signals_interrupt():
        exported = cloud.settled(
            lambda: exported_to(
                cloud.looked_at(), name, folder=folder, project=DEFAULT_PROJECT if project is None else project
            )
        )
    # The shell finds the runs: their names have the time of the export.
    return _tell(exported, f"wandb sync {shlex.quote(str(exported.folder))}/*/wandb/offline-run-*", as_json=as_json)


def _to_tensorboard(name: str, folder: Path, cloud: Cloud, *, as_json: bool) -> int:
    from stepsweep.client.export.tensorboard import export as exported_to

    need("tensorboard", "`sweep export --tensorboard`")
    with signals_interrupt():
        exported = cloud.settled(lambda: exported_to(cloud.looked_at(), name, folder=folder))
    return _tell(exported, f"tensorboard --logdir {shlex.quote(str(folder))}", as_json=as_json)


def _tell(exported: "Written", command: str, *, as_json: bool) -> int:
    """Prints where the runs are, and the command that shows or sends them."""
    from stepsweep.client.terminal.view import View
    from stepsweep.contract.described import number_of

    if as_json:
        click.echo(json.dumps(exported.to_json(), indent=2))
    else:
        view = View()
        view.line(
            f"{exported.sweep} is in {exported.folder}: {number_of(exported.written, 'trial')} written, "
            f"{exported.unchanged:,} there already, {exported.removed:,} removed."
        )
        view.copyable(f"  {command}")
    return ExitCode.OK
