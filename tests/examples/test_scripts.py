"""Scripts of people, unchanged, swept with one file beside each, by the command line and from Python."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stepsweep import Sweeps
from tests.support.by_hand import by_hand
from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY, running_cloud
from tests.support.scripts import HERE, SCRIPTS


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Sweep:
    shutil.copytree(SCRIPTS / request.param, tmp_path, dirs_exist_ok=True)
    return Sweep(folder=tmp_path)


@pytest.mark.parametrize("project", ["pytorch"], indirect=True)
def test_a_torch_script_with_a_best_pt_and_sentences_for_metrics(project: Sweep) -> None:
    ran = project("run", "--json", "--name", "first")
    assert ran.returncode == 0, ran.stderr
    assert "Taking sweep.yaml." in ran.stderr
    document = json.loads(ran.stdout)
    assert document["outcomes"]["SUCCEEDED"] == 2

    # The winner is the one by hand, and so is its model: each trial had a best.pt of its own.
    *others, winner = reversed(json.loads(project("show", "first", "--json").stdout)["trials"])
    commands = [HERE["pytorch"].command(trial["params"]) for trial in (*others, winner)]
    found = by_hand(project.folder, commands, python=sys.executable)
    assert [trial["value"] for trial in (*others, winner)] == list(map(int, found))
    assert document["winner"]["value"] == max(map(int, found))
    assert not (project.folder / "best.pt").exists()
    assert "Files    1 file of the winner" in ran.stderr
    assert project("download").returncode == 0
    model = (project.folder / "first" / "best.pt").read_bytes()
    assert model == project.folder.with_name(f"{project.folder.name}-by-hand").joinpath("best.pt").read_bytes()

    # Other choices, a README and the downloaded model are no other trainer; another line of the script is.
    (project.folder / "README.md").write_text("# Mine")
    with (project.folder / "sweep.yaml").open("a") as spec:
        spec.write("budget_usd: 100\n")
    again = project("run", "--json", "--name", "first")
    assert "2 finished before: nothing left to run" in again.stderr, again.stderr
    with (project.folder / "main.py").open("a") as script:
        script.write("# changed\n")
    changed = project("resume", "first")
    assert changed.returncode == 2
    assert "has changed since the sweep" in changed.stderr


@pytest.mark.slow
@pytest.mark.parametrize("project", ["sklearn"], indirect=True)
def test_a_script_without_epochs_in_an_environment_of_its_own(project: Sweep) -> None:
    (value,) = by_hand(project.folder, [["fit.py", "--C", "1", "--intercept"]], python=sys.executable)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project.folder / ".venv"], check=True)
    own = next((project.folder / ".venv").glob("lib/python*/site-packages"))
    packages = next(path for path in map(Path, sys.path) if (path / "sklearn").is_dir())
    (own / "packages.pth").write_text(f"{packages}\n")
    (project.folder / "fit.py").write_text(
        f"import sys\nassert sys.prefix == {str(project.folder / '.venv')!r}, sys.prefix\n"
        + (project.folder / "fit.py").read_text()
    )
    ran = project("run", "--json")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    document = json.loads(ran.stdout)
    assert document["outcomes"]["SUCCEEDED"] == 4
    assert document["winner"]["params"]["C"] == 1
    assert document["winner"]["value"] >= float(value)


@pytest.mark.parametrize("project", ["shell"], indirect=True)
def test_a_shell_script_with_data_from_python(project: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.folder / "data").mkdir()
    (project.folder / "data" / "target.txt").write_text("3\n")
    (project.folder / ".gitignore").write_text("data/\n")
    monkeypatch.chdir(project.folder)
    with Sweeps() as sweeps:
        winner = sweeps.run("sweep.yaml", quiet=True).winner
    assert (winner.params, winner.epoch) == ({"RATE": 3}, 3)
    assert winner.value == pytest.approx(1 / 3, abs=1e-5)


CONFIGURED = """
import json, os, sys
given = json.load(open(sys.argv[1]))
assert given["layers"] == [64, 64] and given["optim"] == {"lr": 1e-05}, given
assert sys.argv[2:] == ["a, 'b' $HOME <i>", "64,64"], sys.argv
print("score", "=", 7 if given["mixed"] is True else [1, "1", 0, None, "a, b"].index(given["mixed"]), sep="")
print("given", type(given["mixed"]).__name__)
"""


@pytest.mark.slow
def test_every_kind_of_value_reaches_the_script_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(CONFIGURED)
    spec = {
        "command": "python train.py {params_json} {note} {layers}",
        "arguments": {"lists": "comma"},
        "parameters": {"mixed": [1, "1", True, None, "a, b"]},
        "fixed": {"layers": [64, 64], "optim.lr": 1e-05, "note": "a, 'b' $HOME <i>"},
        "objective": "score",
    }
    project = Sweep(folder=tmp_path)
    ran = project("run", "-", "--json", "--name", "kinds", text=json.dumps(spec))
    assert ran.returncode == 0, ran.stderr
    winner = json.loads(ran.stdout)["winner"]
    assert (winner["params"], winner["options"], winner["value"]) == ({"mixed": True}, "--mixed true", 7)

    shown = json.loads(project("show", "kinds", "--json").stdout)["trials"]
    # Typed, and ranked by what each was to the script.
    assert [trial["params"]["mixed"] for trial in shown] == [True, "a, b", None, "1", 1]
    assert [type(trial["params"]["mixed"]) for trial in shown[3:]] == [str, int]
    table = next(tmp_path.rglob("leaderboard.csv"))
    with table.open(newline="") as lines:
        assert [row["params.mixed"] for row in csv.DictReader(lines)] == ["true", "a, b", "null", '"1"', "1"]
    for word, kind in (('mixed="1"', "str"), ("mixed=1", "int"), ("mixed=null", "NoneType"), ("mixed=a, b", "str")):
        assert f"given {kind}\n" in project("logs", "kinds", word).stdout


@pytest.mark.slow
@pytest.mark.parametrize("project", ["shell"], indirect=True)
def test_on_aws_a_command_that_the_stack_was_not_deployed_with_is_refused(project: Sweep) -> None:
    (project.folder / "data").mkdir()
    with running_cloud(project.folder / "cloud", vcpus=2) as cloud:
        refused = project("run", "--on", "aws", environment=cloud.environment)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == (
        "sweep: command: the stack was deployed with none, or reads metrics otherwise; got `sh train.sh {args}`. "
        "Deploy this one with `sweep deploy SPEC`, where SPEC is the file that has it"
    )


def test_the_table_of_scripts_has_each_with_its_lines() -> None:
    page = (REPOSITORY / "docs" / "scripts.md").read_text()
    told = {folder: int(lines) for folder, lines in re.findall(r"tests/scripts/(\w+)\).*\| 0 \| (\d+) \|", page)}
    assert told == {file.parent.name: len(file.read_text().splitlines()) for file in SCRIPTS.glob("*/sweep.yaml")}
