"""What stepsweep's commands write beside a script is no part of its trainer, so that finished trials go on to count."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stepsweep.client.api.sweeps import Sweeps
from stepsweep.client.cli.main import cli
from stepsweep.contract.marks import MADE_BY
from stepsweep.trainer_files import contents, trainer_files
from stepsweep.trainer_script import Script
from tests.support.recorded import RecordedCloud
from tests.support.specs import as_number


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script's folder with a finished sweep of two trials."""
    recorded = RecordedCloud(directory=tmp_path / ".stepsweep")
    for trial in recorded.planned("first", {"lr": [0.1, 0.2]}, epochs=1):
        recorded.succeeded("first", trial, {"val_accuracy": [as_number(trial.params["lr"])]})
    recorded.reduced("first")
    (tmp_path / "train.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(*words: str) -> None:
    ended = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output


def parts(project: Path) -> list[str]:
    """Returns the files of the trainer, without the Dockerfile."""
    return [str(name) for name in contents(Script(folder=project, entrypoint=("python", "train.py")))][1:]


def test_reports_figures_and_exports_are_no_part_of_a_trainer(project: Path) -> None:
    ran("report", "first", "-o", "like this")
    ran("export", "first", "--tensorboard", "runs")
    Sweeps().get("first").plot_best().savefig("best.svg")
    Sweeps().get("first").plot_best().savefig("best", dpi=20)
    assert {"best.svg", "best.png", "like this", "runs"} <= {each.name for each in project.iterdir()}
    assert parts(project) == ["train.py"]
    (project / "Dockerfile").touch()
    assert sorted(map(str, trainer_files(project))) == ["Dockerfile", "train.py"]


def test_a_person_s_own_files_of_such_names_are(project: Path) -> None:
    (project / "first.html").write_text("<!DOCTYPE html>\n<p>made by stepsweep</p>")
    (project / "heatmap.png").write_bytes(b"\x89PNG\r\n\x1a\n....tEXtSoftware\0Matplotlib")
    (project / "notes.py").write_text(f"MADE_BY = {MADE_BY!r}\n")
    (project / "runs").mkdir()
    for number, document in enumerate(("{", "[]", "{}", '{"sweep": 1, "results": 2, "other": 3}')):
        (project / f"runs{number}").mkdir()
        (project / f"runs{number}" / "stepsweep.json").write_text(document)
    own = ["first.html", "heatmap.png", "notes.py", *(f"runs{n}/stepsweep.json" for n in range(4)), "train.py"]
    assert parts(project) == own


def test_exports_of_an_earlier_version_are_known(project: Path) -> None:
    (project / "runs").mkdir()
    (project / "runs" / "stepsweep.json").write_text(json.dumps({"sweep": "first", "results": "/s3"}))
    (project / "runs" / "a.txt").touch()
    assert parts(project) == ["train.py"]
