"""`sweep export`: into a real MLflow store, read back by MLflow's own client."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stepsweep.client.export.mlflow import Exported, ExportFailed, export
from stepsweep.client.running.control import Found
from stepsweep.contract import keys
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


def test_each_trial_is_a_run_below_the_sweeps(finished: Stack, store: str) -> None:
    done = exported(finished, store)
    assert (done.written, done.unchanged, done.removed) == (4, 0, 0)
    parent, children = runs(finished, store)
    assert (parent.info.run_id, parent.info.run_name, parent.info.status) == (done.run_id, "mine", "FINISHED")
    assert {name: run.info.status for name, run in children.items()} == {
        "lr=0.1 momentum=0.5": "FAILED",
        "lr=0.1 momentum=0.9": "FAILED",
        "lr=0.01 momentum=0.5": "FINISHED",
        "lr=0.01 momentum=0.9": "FINISHED",
    }
    best = children["lr=0.01 momentum=0.5"]
    assert best.data.params == {"lr": "0.01", "momentum": "0.5", "act": "train", "epochs": "2", "seed": "0"}
    assert history(store, best, "val_accuracy") == [(1, 0.9), (2, 0.8)]
    assert (best.data.metrics["stepsweep.value"], best.data.metrics["stepsweep.epoch"]) == (0.9, 1)
    assert best.data.tags["stepsweep.sweep"] == "mine"
    assert parent.data.tags["stepsweep.winner"] == best.data.tags["stepsweep.trial_id"]
    assert parent.data.metrics["stepsweep.value"] == 0.9
    assert parent.data.metrics["trials.FAILED"] == 1


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


def test_trials_that_did_not_succeed_say_why_and_show_what_they_have(finished: Stack, store: str) -> None:
    exported(finished, store)
    _, children = runs(finished, store)
    failed, diverged = children["lr=0.1 momentum=0.5"], children["lr=0.1 momentum=0.9"]
    assert failed.data.tags["stepsweep.status"] == "FAILED"
    assert failed.data.tags["stepsweep.reason"] == "exit code 1"
    assert failed.data.metrics == {}
    assert diverged.data.tags["stepsweep.status"] == "INVALID"
    assert diverged.data.tags["stepsweep.reason"] == "val_accuracy is nan at epoch 2: the trial diverged"
    (first, second) = history(store, diverged, "val_accuracy")
    assert (first, second[0], math.isnan(second[1])) == ((1, 0.4), 2, True)
    assert "stepsweep.value" not in diverged.data.metrics


def test_the_sweeps_own_files_are_artifacts(finished: Stack, store: str, tmp_path: Path) -> None:
    client = tracking(store)
    run_id = exported(finished, store).run_id
    assert {artifact.path for artifact in client.list_artifacts(run_id)} == {
        "leaderboard.csv", "spec.json", "winner.json"
    }  # fmt: skip
    file = Path(client.download_artifacts(run_id, "leaderboard.csv", str(tmp_path)))
    assert file.read_bytes() == finished.bucket.get("sweeps/mine/leaderboard.csv")


@pytest.mark.slow
def test_the_winners_model_is_an_artifact_of_its_run(finished: Stack, store: str, tmp_path: Path) -> None:
    client = tracking(store)
    exported(finished, store)
    children = runs(finished, store)[1]
    there = {name: [file.path for file in client.list_artifacts(run.info.run_id)] for name, run in children.items()}
    assert there.pop("lr=0.01 momentum=0.5") == ["best.pt", "out"]
    assert set(map(len, there.values())) == {0}
    best = children["lr=0.01 momentum=0.5"].info.run_id
    assert Path(client.download_artifacts(best, "best.pt", str(tmp_path))).read_bytes() == b"model"


@pytest.mark.slow
def test_an_export_that_is_repeated_doubles_nothing_and_writes_what_has_changed(finished: Stack, store: str) -> None:
    note = {"schema": 1, "written_at": "2026-11-29T10:00:00+00:00"}
    finished.bucket.put_json(keys.note_key("mine"), {**note, "text": "try *warmup*"})
    first = exported(finished, store)
    assert runs(finished, store)[0].data.tags["stepsweep.note"] == "try *warmup*"
    finished.bucket.put_json(keys.note_key("mine"), {**note, "text": ""})
    before = runs(finished, store)[1]
    again = exported(finished, store)
    assert "stepsweep.note" not in runs(finished, store)[0].data.tags
    assert (again.run_id, again.written, again.unchanged) == (first.run_id, 0, 4)
    assert {run.info.run_id for run in runs(finished, store)[1].values()} == {
        run.info.run_id for run in before.values()
    }

    # One of them as an export leaves it that is killed half way, and a trial that failed before is trained meanwhile.
    tracking(store).update_run(before["lr=0.01 momentum=0.9"].info.run_id, status="RUNNING")
    trial = finished.planned(**DOCUMENT)[0]
    finished.succeeded("mine", trial, [0.95, 0.97])
    finished.reduced("mine")
    third = exported(finished, store)
    assert (third.run_id, third.written, third.unchanged, third.removed) == (first.run_id, 2, 2, 0)
    parent, children = runs(finished, store)
    assert {run.info.status for name, run in children.items() if name != "lr=0.1 momentum=0.9"} == {"FINISHED"}
    assert history(store, children["lr=0.1 momentum=0.5"], "val_accuracy") == [(1, 0.95), (2, 0.97)]
    assert history(store, children["lr=0.01 momentum=0.9"], "val_accuracy") == [(1, 0.7), (2, 0.8)]
    assert parent.data.metrics["stepsweep.value"] == 0.97
    assert parent.data.tags["mlflow.note.content"].startswith("Winner: `--lr 0.1 --momentum 0.5`")


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
