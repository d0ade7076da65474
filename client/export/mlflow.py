"""Exports a finished sweep into an experiment of MLflow through MLflow's own client, and translates its errors."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.export.finished import read_finished
from stepsweep.client.export.mlflow_runs import Writer
from stepsweep.client.extras import missing
from stepsweep.client.running.control import Found
from stepsweep.contract.errors import InvalidInput, SweepError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DEFAULT_EXPERIMENT = "stepsweep"


class ExportFailed(SweepError):
    """MLflow failed or refused a request; the message has its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The result of an export.

    Attributes:
        run_id: id of the sweep's run, the parent of its trials' runs.
        written: number of trials' runs that were created or rewritten.
        unchanged: number of trials' runs that were up to date.
        removed: number of runs that were deleted because the sweep no longer has their trial.
    """

    sweep: str
    experiment: str
    run_id: str
    written: int
    unchanged: int
    removed: int


def export(
    found: Found, name: str, *, uri: str, experiment: str = DEFAULT_EXPERIMENT, report: str | None = None
) -> Exported:
    """Writes a finished sweep to MLflow.

    Args:
        uri: MLflow's tracking URI, such as `sqlite:///mlflow.db` or `http://localhost:5000`.
        report: the sweep's report as HTML, for an artifact; None for none.

    Raises:
        InvalidInput: there is no such sweep, or it is not finished.
        ExportFailed: MLflow refused, or did not answer.
    """
    finished = read_finished(found, name)
    client = _client(uri)
    with _said_by_mlflow():
        writer = Writer(client, finished, _experiment_id(client, experiment), found.archive.records)
        run_id = writer.sweep()
        if report is not None:
            client.log_text(run_id, report, "report.html")
        written, unchanged = writer.trials(run_id)
        removed = writer.remove_others()
        client.set_terminated(run_id, "FINISHED" if finished.output else "FAILED", end_time=finished.ended_ms)
    return Exported(
        sweep=name, experiment=experiment, run_id=run_id, written=written, unchanged=unchanged, removed=removed
    )


def report_page(cloud: Cloud, found: Found, name: str) -> str | None:
    """Returns a sweep's report; None if the extra `report` is not installed."""
    if missing("report"):
        return None
    from stepsweep.client.report.gather import gathered
    from stepsweep.client.report.page import page

    return page(gathered(cloud, found, name))


def _client(uri: str) -> "MlflowClient":
    # No telemetry, and no minutes of retries with a wrong host, unless the person asks for them.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    from mlflow.tracking import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with _said_by_mlflow():
        return MlflowClient(tracking_uri=uri)


@contextmanager
def _said_by_mlflow() -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ExportFailed(f"MLflow: {first}") from error
    except ModuleNotFoundError as error:  # mlflow-skinny lacks the packages of some stores
        raise InvalidInput(
            [f"--mlflow: this kind of store needs the package {error.name}; `pip install mlflow` brings it"]
        ) from None


def _experiment_id(client: "MlflowClient", name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name))
    if found.lifecycle_stage != "active":
        raise InvalidInput([f"--experiment: {name} is deleted in MLflow; restore it there, or name another one"])
    return str(found.experiment_id)
