"""Where trials lack a module or a file, each place that has the reason also says what to do."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from stepsweep import SweepFailed, Sweeps
from stepsweep.client.cli.main import cli
from stepsweep.client.clouds import trainers
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.hints import script_hint
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.page import page
from stepsweep.trainer_script import Script
from tests.support.html import Document
from tests.support.recorded import RecordedCloud

HINT = (
    f"{sys.executable} ran the script; if sklearn is installed for another interpreter, name that one in the field "
    "`python` of the spec, such as python: .venv/bin/python"
)


@pytest.fixture(params=["none", "one"])
def directory(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A sweep in which none or one of two trials succeeded."""
    cloud = RecordedCloud(directory=tmp_path)
    trials = cloud.planned("mine", {"lr": [0.1, 0.2]}, epochs=1)
    why = "ModuleNotFoundError: No module named 'sklearn'"
    if request.param == "one":
        cloud.succeeded("mine", trials.pop(), {"val_accuracy": [0.5]})
    for trial in trials:
        cloud.failed("mine", trial, f"{why}\n", reason=f"exit code 1: {why}")
    cloud.reduced("mine")
    script = Script(folder=tmp_path, entrypoint=("stepsweep-trial", "--", "python", "train.py", "{args}"))
    trainers.remember(tmp_path, "mine", script.written(tmp_path / "scripts"), container=False)
    return tmp_path


def test_the_terminal_and_its_document_say_it(directory: Path) -> None:
    shown = CliRunner().invoke(cli, ["show", "mine", "--dir", str(directory)]).output
    assert HINT in shown.splitlines()
    told = CliRunner().invoke(cli, ["show", "mine", "--dir", str(directory), "--json"]).output
    assert json.loads(told)["hint"] == HINT


def test_the_page_says_it(directory: Path) -> None:
    cloud = Cloud(on="local", directory=directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None)
    assert HINT.replace("`", "") in Document(page(gathered(cloud, cloud.looked_at(), "mine"))).text.replace("`", "")


def test_python_says_it_where_no_trial_succeeded(directory: Path) -> None:
    sweep = Sweeps(directory=directory).get("mine")
    if sweep.leaderboard["rank"].notna().any():
        return
    with pytest.raises(SweepFailed) as raised:
        _ = sweep.winner
    assert raised.value.reasons[-1] == HINT


@pytest.mark.parametrize(
    ("module", "lost"),
    [
        ("helper", "helper.py"),
        ("scripts.own", "scripts/own"),
        ("own", "scripts/own"),
        ("beside", ""),
        ("scripts.missing", ""),
        ("shared", ""),
    ],
)
def test_a_module_of_the_project_is_no_matter_of_interpreters(tmp_path: Path, module: str, lost: str) -> None:
    script, reason = _project(tmp_path), f"ModuleNotFoundError: No module named '{module}'"
    copy = f"{lost} is in the project, and trials get no copy of it; "
    line = f"if .gitignore leaves it out, add the line !/{lost} at its end"
    assert script_hint(script, [reason]) == (copy + line if lost else "")
    with (tmp_path / ".gitignore").open("a") as file:
        file.write(f"!/{lost}\n")
    assert script_hint(script, [reason]) == ""


@pytest.mark.parametrize("module", ["empty", "sklearn.svm", "a" * 280, "a\0"])
def test_another_one_is(tmp_path: Path, module: str) -> None:
    hint = script_hint(_project(tmp_path), [f"ModuleNotFoundError: No module named '{module}'"])
    assert hint.startswith(f"{sys.executable} ran the script; if {module} is installed for another interpreter, ")


AS_DATA = "name it in the field `data` of the spec, such as data: [inputs], or "


@pytest.mark.parametrize(
    ("reason", "lost"),
    [
        ("FileNotFoundError: [Errno 2] No such file or directory: 'inputs/x.csv'", "inputs/x.csv"),
        ("FileNotFoundError: inputs/x.csv not found.", "inputs/x.csv"),
        ('FileNotFoundError: No such file or directory: "inputs"', "inputs"),
        ("cat: inputs/x.csv: No such file or directory", "inputs/x.csv"),
        ("python: can't open file '/a/.stepsweep/run/attempts/1/work/helper.py': [Errno 2] No such file", "helper.py"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'other/x.csv'", ""),
        ("FileNotFoundError: [Errno 2] No such file or directory: '../inputs/x.csv'", ""),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'shared/a.py'", ""),
        (f"FileNotFoundError: [Errno 2] No such file or directory: '{'a' * 300}'", ""),
        ("ValueError: inputs/x.csv has no rows", ""),
    ],
)
def test_a_file_of_the_project_that_trials_lack_is_named_with_what_to_do(
    tmp_path: Path, reason: str, lost: str
) -> None:
    script = _project(tmp_path)
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "x.csv").touch()
    with (tmp_path / ".gitignore").open("a") as file:
        file.write("inputs/\n")
    hint = (
        f"{lost} is in the project, and trials get no copy of it; {'' if lost.endswith('.py') else AS_DATA}"
        f"if .gitignore leaves it out, add the line !/{lost} at its end"
    )
    assert script_hint(script, [f"exit code 1: {reason}"]) == (hint if lost else "")


def _project(folder: Path) -> Script:
    for name in ("helper.py", "scripts/train.py", "scripts/beside.py", "scripts/own/__init__.py", "shared/a.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "empty").mkdir()
    (folder / ".gitignore").write_text("own/\nhelper.py\n")
    words = ("stepsweep-trial", "--", "python", "scripts/train.py", "{args}")
    return Script(folder=folder, entrypoint=words, data=("shared",))
