"""A winner that runs a person's script is shown with the script's own command line, to copy."""

import json
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.clouds import trainers
from stepsweep.trainer_script import Script
from tests.support.command import Sweep
from tests.support.recorded import RecordedCloud

HYDRA = ("stepsweep-trial", "--style=name=value", "--no-seed", "--", "python", "train.py", "{args}")


@pytest.mark.parametrize(
    ("more", "note"), [({}, []), ({"repeats": 2}, ["         of the first of its 2 trials"])], ids=["one", "of several"]
)
def test_show_prints_the_command_line(sweep: Sweep, more: dict[str, Any], note: list[str]) -> None:
    recorded = RecordedCloud(directory=sweep.folder / "cloud")
    for trial in recorded.planned("mine", {"lr": [0.1, 0.2], "name": ["a b"]}, **more):
        recorded.succeeded("mine", trial, {"val_accuracy": [float(str(trial.params["lr"]))] * 3})
    recorded.reduced("mine")
    assert "\nCommand" not in sweep("show", "mine", "--dir", "cloud").stdout, "what ran it is not known"

    script = Script(folder=Path(sweep.folder), entrypoint=HYDRA).written(sweep.folder / "scripts")
    trainers.remember(recorded.directory, "mine", script, container=False)
    command = "python train.py lr=0.2 'name=a b' epochs=3"
    shown = sweep("show", "mine", "--dir", "cloud").stdout.splitlines()
    at = shown.index(f"Command  {command}")
    assert shown[at + 1 : at + 1 + len(note)] == note
    assert json.loads(sweep("show", "mine", "--dir", "cloud", "--json").stdout)["command"] == command


def test_a_front_has_no_command(sweep: Sweep) -> None:
    recorded = RecordedCloud(directory=sweep.folder / "cloud")
    objectives = [{"metric": "a", "direction": "maximize"}, {"metric": "b", "direction": "maximize"}]
    for trial in recorded.planned("mine", {"lr": [0.1, 0.2]}, objectives=objectives):
        lr = float(str(trial.params["lr"]))
        recorded.succeeded("mine", trial, {"a": [lr] * 3, "b": [-lr] * 3})
    recorded.reduced("mine")
    script = Script(folder=Path(sweep.folder), entrypoint=HYDRA).written(sweep.folder / "scripts")
    trainers.remember(recorded.directory, "mine", script, container=False)
    assert "\nCommand" not in sweep("show", "mine", "--dir", "cloud").stdout
    assert json.loads(sweep("show", "mine", "--dir", "cloud", "--json").stdout)["command"] is None
