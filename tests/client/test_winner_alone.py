"""The commands of a page that train the winner again say everything that decided its numbers."""

import json
import shlex
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings

from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.page.alone import alone_command, job_command
from stepsweep.page.gathered import TrainerCommand
from tests.support.strategies import documents

SEARCHED = {
    "name", "parameters", "exclude", "try_first", "warm_start", "known", "search", "halving", "rounds", "stop",
    "epochs", "fresh", "accept_trainer",
}  # fmt: skip
"""What a sweep of one trial has for itself."""


def read_back(spec: SweepSpec) -> None:
    trials = first_round(spec, trainer_version="1")[: spec.trials_each]
    command, *lines, end = alone_command(spec, trials[0], TrainerCommand(), "").split("\n")
    assert (command, end) == ("sweep run - <<'SPEC'", "SPEC")
    again = SweepSpec.from_json(json.loads("\n".join(lines)))
    assert again.fresh, "trained again"
    assert again.halving is None
    assert again.name.endswith("-winner")
    options = [list(each.options.items()) for each in first_round(again, trainer_version="1")]
    assert options == [list(each.options.items()) for each in trials]
    mine, theirs = again.to_json(), spec.to_json()
    assert {name: value for name, value in theirs.items() if name not in SEARCHED} == {
        name: value for name, value in mine.items() if name not in SEARCHED
    }


@given(documents())
@settings(max_examples=20)
def test_a_sweep_of_the_winner_alone_has_its_trials_and_all_that_is_no_search(document: dict[str, Any]) -> None:
    read_back(SweepSpec.from_json(document))


GRID = {"parameters": {"lr": [0.1, "1e-3"], "layers": [[64, 64], None]}, "epochs": 9, "name": "a" * 80}


@pytest.mark.parametrize(
    "more",
    [
        {"search": {"method": "random", "trials": 3}, "folds": 3, "repeats": 2, "fixed": {"text": "1", "flag": True}},
        {"search": {"method": "tpe", "trials": 4, "batch": 1},
         "stop": {"max_trials_without_improvement": 1}, "warm_start": ["before"]},
        {"parameters": None, "search": {"method": "list", "trials": [{"lr": "a b"}, {"momentum": 1}]}},
        {"parameters": {"lr": {"low": 1e-4, "high": 1, "log": True}, "n": {"choices": [1], "when": {"m": [1]}},
                        "m": [2, 1]}, "search": {"method": "random", "trials": 3}, "rounds": False},
        {"exclude": [{"lr": [0.1], "layers": [None]}], "halving": {"min_epochs": 3, "factor": 3}},
        {"objective": {"metric": "loss", "direction": "minimize", "at": "last"}, "environment": {"A": "b 'c'"},
         "secrets": ["TOKEN"], "artifacts": ["*.pt"], "resources": {"vcpus": 2}, "timeout_minutes": 7, "retries": 0,
         "budget_usd": 5, "seconds_per_epoch": 2.5, "keep_artifacts": "all"},
    ],
    ids=lambda more: next(iter(more)),
)  # fmt: skip
def test_so_it_is_for_every_kind_of_spec(more: dict[str, Any]) -> None:
    spec = SweepSpec.from_json(GRID | more)
    read_back(spec)


def test_the_winner_s_trainer_alone_has_its_variables(tmp_path: Any) -> None:
    spec = SweepSpec.from_json(GRID | {"fixed": {"code": "1"}, "environment": {"WHO": "it's me"}})
    trial = first_round(spec, trainer_version="1")[0]
    trainer = TrainerCommand(entrypoint=("env",), place=f"{shlex.join(['cd', str(tmp_path)])} && ")
    line = job_command(spec, trial, trainer).partition(" env --lr ")[0]
    printed = subprocess.run(["/bin/sh", "-c", f"{line} env"], capture_output=True, text=True, check=True).stdout
    assert {"WHO=it's me", 'STEPSWEEP_TEXTS=["code"]'} <= set(printed.splitlines())
