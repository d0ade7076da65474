"""Scripts of people, unchanged, swept with one file beside each, by the command line and from Python."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stepsweep import Sweeps
from tests.support.command import Sweep
from tests.support.embedded import running_cloud

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Sweep:
    shutil.copytree(SCRIPTS / request.param, tmp_path, dirs_exist_ok=True)
    return Sweep(folder=tmp_path)


def by_hand(project: Sweep, *words: str) -> str:
    """Runs the script as its author does, elsewhere, and returns the last word that it prints."""
    elsewhere = project.folder.parent / "by-hand"
    shutil.rmtree(elsewhere, ignore_errors=True)
    shutil.copytree(project.folder, elsewhere, ignore=shutil.ignore_patterns(".stepsweep"))
    ended = subprocess.run([sys.executable, *words], cwd=elsewhere, capture_output=True, text=True, check=True)
    return ended.stdout.split()[-1]


@pytest.mark.parametrize("project", ["pytorch"], indirect=True)
def test_a_torch_script_with_a_best_pt_and_sentences_for_metrics(project: Sweep) -> None:
    ran = project("run", "--json", "--name", "first")
    assert ran.returncode == 0, ran.stderr
    assert "Taking sweep.yaml." in ran.stderr
    document = json.loads(ran.stdout)
    assert document["outcomes"]["SUCCEEDED"] == 4

    # The winner is the one by hand, and each trial had a best.pt of its own.
    found = {}
    for entry in json.loads(project("show", "first", "--json").stdout)["trials"]:
        lr, batch_size = entry["params"]["lr"], entry["params"]["batch_size"]
        options = ("--lr", str(lr), "--batch-size", str(batch_size), "--epochs", "3")
        found[lr, batch_size] = int(by_hand(project, "main.py", *options))
        assert entry["value"] == found[lr, batch_size]
    assert document["winner"]["value"] == max(found.values())
    assert [path.name for path in project.folder.rglob("best.pt")] == []

    # Other choices and a README are no other trainer; another line of the script is.
    (project.folder / "README.md").write_text("# Mine")
    with (project.folder / "sweep.yaml").open("a") as spec:
        spec.write("budget_usd: 100\n")
    again = project("run", "--json", "--name", "first")
    assert "4 finished before: nothing left to run" in again.stderr, again.stderr
    with (project.folder / "main.py").open("a") as script:
        script.write("# changed\n")
    changed = project("resume", "first")
    assert changed.returncode == 2
    assert "has changed since the sweep" in changed.stderr


@pytest.mark.parametrize("project", ["sklearn"], indirect=True)
def test_a_script_without_epochs_in_an_environment_of_its_own(project: Sweep) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project.folder / ".venv"], check=True)
    own = next((project.folder / ".venv").glob("lib/python*/site-packages"))
    packages = next(path for path in map(Path, sys.path) if (path / "sklearn").is_dir())
    (own / "packages.pth").write_text(f"{packages}\n")
    with (project.folder / "fit.py").open("a") as script:
        script.write("\n")
    (project.folder / "fit.py").write_text(
        f"import sys\nassert sys.prefix == {str(project.folder / '.venv')!r}, sys.prefix\n"
        + (project.folder / "fit.py").read_text()
    )
    ran = project("run", "--json")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    document = json.loads(ran.stdout)
    assert document["outcomes"]["SUCCEEDED"] == 4
    by_hand_value = float(by_hand(project, "-c", _WITHOUT_FIRST_LINES, "--C", "1", "--intercept"))
    assert document["winner"]["params"]["C"] == 1
    assert document["winner"]["value"] >= by_hand_value


_WITHOUT_FIRST_LINES = "exec(open('fit.py').read().split('\\n', 2)[2])"


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
