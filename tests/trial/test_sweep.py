"""The trial kit as the trainer of a sweep on the embedded cloud."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Sweep, document

SCRIPT = """
import argparse
import math
import os
import random
import sys
from pathlib import Path

is_job = sys.platform == "linux" and "AWS_BATCH_JOB_ID" in os.environ
if is_job and "host.py" not in Path(f"/proc/{os.getppid()}/cmdline").read_text():
    sys.exit("the kit is no fork of a process that has imported what it imports")
parser = argparse.ArgumentParser()
parser.add_argument("--alpha", type=float)
parser.add_argument("--epochs", type=int)
parser.add_argument("--seed", type=int)
options = parser.parse_args()
chance = random.Random(options.seed)
points = [(chance.gauss(0, 1), chance.gauss(0, 1)) for _ in range(200)]
a = b = 0.0
print("python is", sys.executable)
for epoch in range(options.epochs):
    for x, y in points:  # logistic regression: is x the larger one?
        miss = (x > y) - 1 / (1 + math.exp(-(a * x + b * y)))
        a, b = (1 - options.alpha) * a + 0.1 * miss * x, (1 - options.alpha) * b + 0.1 * miss * y
    loss = sum(math.log1p(math.exp((b * y + a * x) * (1 if x <= y else -1))) for x, y in points) / len(points)
    print(f"Epoch {epoch}: val_accuracy={1 - loss}")
"""
DOCKERFILE = """FROM python:3.11-slim
WORKDIR /app
COPY train.py .
ENTRYPOINT ["stepsweep-trial", "--", "python", "train.py", "{args}"]
"""


def best_by_hand(folder: Path, alpha: float) -> float:
    words = [sys.executable, "train.py", "--alpha", str(alpha), "--epochs", "2", "--seed", "0"]
    out = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout
    return max(float(line.partition("=")[2]) for line in out.splitlines() if "=" in line)


def test_the_winner_is_the_one_of_the_script_by_hand(tmp_path: Path) -> None:
    folder = tmp_path / "trainer"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    by_hand = {alpha: best_by_hand(folder, alpha) for alpha in (0.0001, 0.5)}
    spec = {"parameters": {"alpha": [0.0001, 0.5]}, "epochs": 2}
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    environment = {"PATH": os.defpath}  # without this Python's folder
    ran = Sweep(folder=tmp_path)("run", "spec.json", "--trainer", str(folder), "--json", environment=environment)
    winner = document(ran)["winner"]
    best = max(by_hand, key=lambda alpha: by_hand[alpha])
    assert by_hand[0.0001] != by_hand[0.5]
    assert winner["params"] == {"alpha": best}
    assert winner["value"] == by_hand[best]


GOES_ON = """
from stepsweep import trial

file = trial.checkpoint_dir / "epochs.txt"
began = int(file.read_text()) if file.exists() else 0
for epoch in range(began + 1, trial.params["epochs"] + 1):
    trial.report(began=began, lr=trial.params["lr"], epoch=epoch)
    file.write_text(str(epoch))
"""


@pytest.mark.slow
def test_a_halving_sweep_goes_on_from_what_the_script_left(tmp_path: Path) -> None:
    folder = tmp_path / "trainer"
    folder.mkdir()
    (folder / "train.py").write_text(GOES_ON)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    spec = {
        "parameters": {"lr": [0.1, 0.2]},
        "epochs": 2,
        "halving": {"min_epochs": 1, "factor": 2},
        "objective": {"metric": "began", "direction": "maximize"},
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    winner = document(Sweep(folder=tmp_path)("run", "spec.json", "--trainer", str(folder), "--json"))["winner"]
    # The first epoch is of the first rung; the second one began where that ended.
    assert (winner["value"], winner["epoch"]) == (1, 2)


CONDITIONAL = """
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--optimizer")
parser.add_argument("--lr", type=float)
parser.add_argument("--momentum", type=float)
parser.add_argument("--beta", type=float)
options = parser.parse_args()
is_sgd = options.optimizer == "sgd"
if is_sgd is (options.momentum is None) or is_sgd is (options.beta is not None):
    parser.error("an option that does not apply was given, or one that does was not")
print("accuracy =", 1 - abs(options.lr - 0.1) - (options.beta or options.momentum) / 10)
"""
SPACE = """
command: python train.py
parameters:
  optimizer: [sgd, adam]
  lr: [0.5, 0.1, 0.01]
  momentum: {low: 0.0, high: 0.9, step: 0.1, when: {optimizer: sgd}}
  beta: {choices: [0.9, 0.99], when: {optimizer: [adam]}}
try_first: [{optimizer: adam, lr: 0.5, beta: 0.99}]
exclude: [{optimizer: sgd, lr: [0.5, 0.01]}, {lr: 0.01, beta: 0.9}]
search: {method: tpe, trials: 11}
objective: accuracy
"""


@pytest.mark.slow
def test_a_script_gets_what_applies_params_by_hand_first_and_nothing_that_is_excluded(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(CONDITIONAL)
    (tmp_path / "sweep.yaml").write_text(SPACE)
    sweep = Sweep(folder=tmp_path)
    output = document(sweep("run", "--name", "mine", "--json"))
    assert output["outcomes"]["SUCCEEDED"] == 11
    trials = json.loads(sweep("show", "mine", "--json").stdout)["trials"]
    params = [trial["params"] for trial in trials]
    assert len({json.dumps(each) for each in params}) == 11
    assert {"optimizer": "adam", "lr": 0.5, "beta": 0.99} in params
    for each in params:
        assert list(each) == ["optimizer", "lr", "momentum" if each["optimizer"] == "sgd" else "beta"]
        assert each["optimizer"] == "adam" or each["lr"] == 0.1
        assert (each["lr"], each.get("beta")) != (0.01, 0.9)
    first = min((tmp_path / ".stepsweep" / "s3").glob("*/sweeps/mine/log/*.json"))
    begun = json.loads(first.read_bytes())["first"][0]["task"]["params"]
    assert begun == {"optimizer": "adam", "lr": 0.5, "beta": 0.99}
    (table,) = (tmp_path / ".stepsweep" / "s3").glob("*/sweeps/mine/leaderboard.csv")
    assert ",adam,0.5,,0.99," in table.read_text()


TWO = """
from stepsweep import trial

width = trial.params["width"]
for epoch in (1, 2):
    trial.report(val_accuracy=1 - 1 / width - 0.1 / epoch, latency_ms=float(2 * width + epoch), epoch=epoch)
(trial.artifacts_dir / "width.txt").write_text(str(width))
"""


@pytest.mark.slow
def test_a_model_searches_for_two_objectives_and_the_front_is_the_result(tmp_path: Path) -> None:
    """All of its trials are on the front: what is gained in one objective is paid for in the other."""
    folder = tmp_path / "trainer"
    folder.mkdir()
    (folder / "train.py").write_text(TWO)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    spec = {
        "name": "two",
        "parameters": {"width": {"low": 1, "high": 64, "type": "int"}},
        "search": {"method": "tpe", "trials": 12},
        "epochs": 2,
        "objectives": ["val_accuracy", "latency_ms:minimize"],
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    sweep = Sweep(folder=tmp_path)
    output = document(sweep("run", "spec.json", "--trainer", str(folder), "--json"))
    assert "winner" not in output
    front = output["front"]
    assert (front["size"], output["outcomes"]["SUCCEEDED"]) == (12, 12)
    for each in front["trials"]:
        width = each["params"]["width"]
        assert each["values"] == {"val_accuracy": 1 - 1 / width - 0.05, "latency_ms": 2 * width + 2}
        assert (each["epoch"], each["artifacts"]["files"]) == (2, 1)
    accuracies = [each["values"]["val_accuracy"] for each in front["trials"]]
    assert accuracies == sorted(accuracies, reverse=True)
    shown = sweep("show", "two").stdout
    assert "Front    12 trials that no other trial beats" in shown
    assert "winner" not in shown.lower()
