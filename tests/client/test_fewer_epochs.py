"""A winner below the last rung: how many epochs it has, and why, wherever a winner is told."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stepsweep import Sweeps
from stepsweep.client.cli.main import cli
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.page import page
from tests.support.html import Document
from tests.support.recorded import RecordedCloud

WHY = "The winner was trained for 1 of 2 epochs: no trial that was promoted further succeeded."


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A sweep of two rungs. Nothing that was promoted got through its second epoch."""
    cloud = RecordedCloud(directory=tmp_path)
    for round_number, epochs in enumerate([1, 2]):
        halving = {"min_epochs": 1, "factor": 2}
        for trial in cloud.planned(
            "mine", {"lr": [0.1, 0.2, 0.3]}, epochs=2, round_number=round_number, halving=halving
        ):
            if trial.epochs == 1 == epochs:
                cloud.succeeded("mine", trial, {"val_accuracy": [float(str(trial.params["lr"]))]})
            elif trial.epochs == 2:
                cloud.failed("mine", trial, "out of memory\n")
        cloud.reduced("mine", round_number=round_number)
    return tmp_path


def test_the_terminal_and_its_document_tell_it(directory: Path) -> None:
    shown = CliRunner().invoke(cli, ["show", "mine", "--dir", str(directory)], env={"COLUMNS": "200"}).output
    assert f"Winner   --lr 0.1  val_accuracy 0.1 at epoch 1\n         {WHY}\n" in shown
    told = CliRunner().invoke(cli, ["show", "mine", "--dir", str(directory), "--json"]).output
    assert json.loads(told)["output"]["winner"]["fewer_epochs"] == WHY


def test_a_comparison_tells_it(directory: Path) -> None:
    cloud = RecordedCloud(directory=directory)
    (trial,) = cloud.planned("other", {"lr": [0.4]}, epochs=2)
    cloud.succeeded("other", trial, {"val_accuracy": [0.05, 0.06]})
    cloud.reduced("other")
    told = CliRunner().invoke(cli, ["compare", "mine", "other", "--dir", str(directory), "--json"]).output
    assert json.loads(told)["caveats"] == [
        "the winners were trained for different numbers of epochs (mine for 1, other for 2), which alone can make a "
        "difference",
        f"mine: {WHY.removesuffix('.')}",
    ]


def test_an_export_tells_it(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("events")
    words = ["export", "mine", "--tensorboard", str(folder), "--dir", str(directory)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    (events,) = (folder / "mine").glob("events.*")
    assert f"`--lr 0.1`: val_accuracy 0.1 at epoch 1. {WHY}".encode() in events.read_bytes()


def test_the_page_tells_it(directory: Path) -> None:
    cloud = Cloud(on="local", directory=directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None)
    text = Document(page(gathered(cloud, cloud.looked_at(), "mine"))).text
    assert f"0.1 val_accuracy at epoch 1 of 1 {WHY}" in text


def test_python_tells_it(directory: Path) -> None:
    sweep = Sweeps(directory=directory).get("mine")
    assert sweep.winner.fewer_epochs == WHY
    assert str(sweep.winner) == f"--lr 0.1  val_accuracy 0.1 at epoch 1. {WHY}"
    assert WHY in sweep.winner._repr_html_()
    assert WHY in sweep._repr_html_()
