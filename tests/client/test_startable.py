"""What a start would refuse, `sweep plan` and *Check* of the page refuse in the same words, without a cloud."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stepsweep.client.cli.main import cli
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from tests.support.recorded import RecordedCloud

PARAMETERS = {"lr": [0.1, 0.01]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "train.py").touch()
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    recorded.planned("mine", PARAMETERS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def faults_of_plan(project: Path, *words: str, **fields: Any) -> tuple[str, ...]:
    Path("sweep.json").write_text(json.dumps({"parameters": PARAMETERS, "epochs": 3, **fields}))
    found = CliRunner().invoke(cli, ["plan", "sweep.json", "--dir", str(project / "cloud"), *words])
    return tuple(found.exception.faults) if isinstance(found.exception, InvalidInput) else ()


@pytest.mark.parametrize("dockerfile", ["", "FROM python\n"])
def test_a_program_that_this_machine_has_not(project: Path, dockerfile: str) -> None:
    if dockerfile:
        (project / "Dockerfile").write_text(dockerfile)
    fault = "command: there is no program pyhton in the PATH; did you mean python?"
    assert faults_of_plan(project, command="pyhton train.py") == (fault,)
    assert faults_of_plan(project, command="python train.py") == ()
    (project / "Dockerfile").write_text("FROM python\nENV PATH=/opt/own/bin:$PATH\n")
    assert faults_of_plan(project, command="pyhton train.py") == (), "only its image tells what is there"


def test_a_program_in_the_image_or_on_aws_is_not_looked_for(project: Path) -> None:
    (project / "Dockerfile").write_text("FROM python\n")
    assert faults_of_plan(project, "--container", command="pyhton train.py") == ()


def test_a_script_that_may_not_be_executed(project: Path) -> None:
    remedy = "run chmod +x ./train.py, or write its interpreter before it"
    assert faults_of_plan(project, command="./train.py") == (f"command: ./train.py is not executable; {remedy}",)


@pytest.mark.parametrize("ignore_file", [".gitignore", ".dockerignore"])
def test_a_script_that_trials_do_not_get(project: Path, ignore_file: str) -> None:
    (project / "own").mkdir()
    (project / "own" / "run.py").touch()
    (project / ignore_file).write_text("own\n*.sh\n")
    (project / "made.sh").touch()
    remedy = "add the line !/own/run.py at its end"
    fault = f"command: trials do not get own/run.py, since {ignore_file} leaves it out; {remedy}"
    assert faults_of_plan(project, command="python own/run.py --out made.sh") == (fault,)
    assert faults_of_plan(project, command="python own/run.py", data=["own"]) == ()
    assert faults_of_plan(project, command="python train.py --out made.sh {args}") == (), "it may write that file"
    (project / ignore_file).write_text("!train.py\n")
    assert faults_of_plan(project, command="python own/run.py") == ()


def test_a_name_that_another_sweep_has(project: Path) -> None:
    assert faults_of_plan(project, name="mine", fixed={"a": 1}) == (
        'name: the sweep "mine" is there already and asked for something else (its field fixed was {}); choose another '
        "name, trials that are finished are not repeated",
    )
    assert faults_of_plan(project, name="mine") == (), "it goes on"
    assert faults_of_plan(project, name="other") == ()
    case = "name: differs from the sweep mine by case only, and some disks ignore that; choose another name"
    assert faults_of_plan(project, name="Mine") == (case,)
    (written,) = (project / "cloud").rglob(keys.spec_key("mine"))
    written.write_text("{")
    (unread,) = faults_of_plan(project, name="mine")
    assert unread.startswith('name: the sweep "mine" is there already and asked for something else (its sweeps/mine/')


def test_a_trainer_beside_a_command_and_all_faults_at_once(project: Path) -> None:
    assert faults_of_plan(
        project, "--trainer", str(project), command="python train.py", name="Mine", secrets=["NO_SUCH"]
    ) == (
        "secrets.NO_SUCH: the shell has no such variable; export it first",
        "command: not together with --trainer (or STEPSWEEP_TRAINER); leave one out",
        "name: differs from the sweep mine by case only, and some disks ignore that; choose another name",
    )
