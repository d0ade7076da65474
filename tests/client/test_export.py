"""`sweep export`: into a real MLflow store, read back by MLflow's own client."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stepsweep.client.export.mlflow import Exported, ExportFailed, export
from stepsweep.client.running.control import Found
from stepsweep.contract.errors import InvalidInput
from tests.support.command import Sweep
from tests.support.mlflow_store import new_store
from tests.support.specs import as_number
from tests.support.stack import Stack

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what MLflow calls of SQLAlchemy

DOCUMENT: dict[str, Any] = {
    "name": "mine", "parameters": {"lr": [0.1, 0.01], "momentum": [0.5, 0.9]}, "epochs": 2, "fixed": {"act": "train"},
}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store in a file; where it keeps artifacts is the current folder's."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield new_store(tmp_path_factory, folder)


@pytest.fixture
def finished(stack: Stack) -> Stack:
    """A sweep with two trials that succeeded, one that failed, one that diverged."""
    first, second, third, fourth = stack.planned(**DOCUMENT)
    stack.failed("mine", first, "ValueError: out of paper")
    stack.succeeded("mine", second, [0.4, float("nan")])
    stack.succeeded("mine", third, [0.9, 0.8])
    for name, body in (("best.pt", b"model"), ("out/loss.json", b"{}")):
        stack.bucket.put(third.new_artifacts + name, body, "application/octet-stream")
    stack.bucket.put(fourth.new_artifacts + "best.pt", b"of the second", "application/octet-stream")
    stack.succeeded("mine", fourth, [0.7, 0.8])
    stack.reduced("mine")
    return stack


def exported(stack: Stack, store: str) -> Exported:
    """Exports into an experiment of the stack's own."""
    return export(Found.of(stack.deployment), "mine", uri=store, experiment=stack.name)


def tracking(store: str) -> "MlflowClient":
    from mlflow.tracking import MlflowClient  # it imports for seconds, which each collection would take

    return MlflowClient(store)


def runs(stack: Stack, store: str) -> "tuple[Run, dict[str, Run]]":
    """Returns the sweep's run and its children by their names."""
    from mlflow.entities import ViewType

    client = tracking(store)
    experiment = client.get_experiment_by_name(stack.name)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], run_view_type=ViewType.ACTIVE_ONLY)
    (parent,) = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(found) == 1 + len(children)
    by_name = {str(run.info.run_name): run for run in children}
    assert len(by_name) == len(children)
    return parent, by_name


def history(store: str, run: "Run", metric: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in tracking(store).get_metric_history(run.info.run_id, metric)]


def test_a_search_in_rounds_has_each_trial_once_as_its_last_round_left_it(stack: Stack, store: str) -> None:
    halving = {
        "name": "mine",
        "parameters": {"lr": [4, 3, 2, 1]},
        "epochs": 2,
        "halving": {"min_epochs": 1, "factor": 2},
    }
    for trial in stack.planned(**halving):
        stack.succeeded("mine", trial, [as_number(trial.params["lr"]) / 10])
    stack.reduced("mine")
    promoted = stack.planned_again("mine", 1)
    for trial in promoted:
        stack.succeeded("mine", trial, [as_number(trial.params["lr"]) / 10, as_number(trial.params["lr"]) / 5])
    stack.reduced("mine", round_number=1)

    assert exported(stack, store).written == 4
    parent, children = runs(stack, store)
    assert {name: run.data.params["epochs"] for name, run in children.items()} == {
        "lr=4": "2", "lr=3": "2", "lr=2": "1", "lr=1": "1",
    }  # fmt: skip
    assert history(store, children["lr=4"], "val_accuracy") == [(1, 0.4), (2, 0.8)]
    assert history(store, children["lr=1"], "val_accuracy") == [(1, 0.1)]
    assert (children["lr=3"].data.metrics["stepsweep.value"], parent.data.metrics["stepsweep.value"]) == (0.6, 0.8)


def test_a_curve_is_longer_than_mlflow_takes_at_once(stack: Stack, store: str) -> None:
    (trial,) = stack.planned(name="mine", parameters={"lr": [0.1]}, epochs=1_100)
    stack.succeeded("mine", trial, [epoch / 2_000 for epoch in range(1_100)])
    stack.reduced("mine")
    exported(stack, store)
    points = history(store, runs(stack, store)[1]["lr=0.1"], "val_accuracy")
    assert sorted(points) == [(epoch + 1, epoch / 2_000) for epoch in range(1_100)]


def test_what_cannot_be_exported_is_said(stack: Stack, store: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match='there is no sweep "mine"'):
        exported(stack, store)
    (trial,) = stack.planned(name="mine", parameters={"lr": [0.1]}, epochs=1)
    with pytest.raises(InvalidInput, match=r"mine is not finished \(INTERRUPTED\); export it when it is"):
        exported(stack, store)
    stack.succeeded("mine", trial, [0.5])
    stack.reduced("mine")
    with pytest.raises(ExportFailed, match="MLflow: The filesystem tracking backend"):
        exported(stack, str(tmp_path / "runs"))
    client = tracking(store)
    client.delete_experiment(client.create_experiment(stack.name))
    with pytest.raises(InvalidInput, match=f"--experiment: {stack.name} is deleted in MLflow"):
        exported(stack, store)


def test_the_command_line_prints_what_was_done(
    sweep: Sweep, finished: Stack, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = ("mine", "--mlflow", new_store(tmp_path_factory, tmp_path), "--experiment", "theirs", "--json")
    # A library's own warnings are not this command's.
    ended = sweep(
        "export", *words, "--on", "aws", "--stack", finished.name,
        environment={**finished.environment, "PYTHONWARNINGS": "default"},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    (report,) = tmp_path.glob("mlruns/*/*/artifacts/report.html")
    assert "<title>" in report.read_text()
    assert report.parent.parent.name == document.pop("run_id")
    assert document == {"sweep": "mine", "experiment": "theirs", "written": 4, "unchanged": 0, "removed": 0}
