"""How many epochs a sweep trained, and how many of its trials ended and succeeded: everywhere the same numbers."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stepsweep.client.cli.main import cli
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.page import page
from tests.support.html import Document
from tests.support.recorded import RecordedCloud

HALVING: dict[str, Any] = {"epochs": 3, "repeats": 2, "halving": {"min_epochs": 1, "factor": 3}}
NAN = float("nan")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two rungs: of lr 0.9 one seed fails on the second; of lr 0.7 one diverges and one fails on the first."""
    cloud = RecordedCloud(directory=tmp_path)
    values = [[0.9, 0.9, 0.8, 0.8, NAN, None], [0.95, None]]
    for round_number, of_round in enumerate(values):
        trials = cloud.planned("mine", {"lr": [0.9, 0.8, 0.7]}, round_number=round_number, **HALVING)
        ran = [trial for trial in trials if trial.round_number == round_number]
        for trial, value in zip(ran, of_round, strict=True):
            if value is None:
                cloud.failed("mine", trial, "no\n")
            else:
                cloud.succeeded("mine", trial, {"val_accuracy": [value] * trial.epochs})
        cloud.reduced("mine", round_number=round_number)
    (trial,) = cloud.planned("other", {"lr": [0.5]}, epochs=3)
    cloud.succeeded("other", trial, {"val_accuracy": [0.5, 0.6]})  # it stopped early
    cloud.reduced("other")
    return tmp_path


def told(directory: Path, *words: str) -> Any:
    return json.loads(CliRunner().invoke(cli, [*words, "--dir", str(directory), "--json"]).output)


def test_the_epochs_of_all_trials_are_counted_once_and_everywhere_alike(directory: Path) -> None:
    epochs = 3 + 1 + 2 * 1 + 1 + 0
    assert told(directory, "show", "mine")["output"]["epochs_trained_total"] == epochs
    assert [each["epochs"] for each in told(directory, "compare", "mine", "other")["sweeps"]] == [epochs, 2]
    cloud = Cloud(on="local", directory=directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None)
    text = Document(page(gathered(cloud, cloud.looked_at(), "mine"))).text
    assert f"Epochs trained {epochs} at most 3 per trial, without those of jobs that left no metrics " in text


def test_a_comparison_counts_trials_as_the_list_and_the_outcomes_do(directory: Path) -> None:
    first, _ = told(directory, "compare", "mine", "other")["sweeps"]
    (listed,) = [each for each in told(directory, "list") if each["sweep"] == "mine"]
    outcomes = told(directory, "show", "mine")["output"]["outcomes"]
    assert (first["ended"], first["planned"]) == (listed["ended"], listed["planned"]) == (6, 6)
    assert first["succeeded"] == outcomes["SUCCEEDED"] == 3
    arguments = ["compare", "mine", "other", "--dir", str(directory)]
    shown = CliRunner().invoke(cli, arguments, env={"COLUMNS": "200"}).output
    assert " 6/6 " in shown
