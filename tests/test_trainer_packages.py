"""Which editable packages an interpreter has, and where a trial imports them from."""

import json
from pathlib import Path

import pytest

from stepsweep.local.checks import faults_of
from stepsweep.trainer_packages import packages_outside, paths_inside
from stepsweep.trainer_script import Script


@pytest.fixture
def python(tmp_path: Path) -> str:
    """The interpreter of an environment with three editable packages, an ordinary one and a damaged one."""
    (tmp_path / "project" / "src").mkdir(parents=True)
    (tmp_path / "project" / "libs" / "flat").mkdir(parents=True)
    (tmp_path / "the shared").mkdir()
    site = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    places = {
        "mine": tmp_path / "project",
        "flat": tmp_path / "project" / "libs" / "flat",
        "shared": tmp_path / "the shared",
    }
    found = {name: {"url": place.as_uri(), "dir_info": {"editable": True}} for name, place in places.items()}
    found["stepsweep"] = found["shared"]
    found["copied"] = {"url": (tmp_path / "project").as_uri(), "dir_info": {}}
    found["gone"] = {"url": "file:///there/is/no/such/folder", "dir_info": {"editable": True}}
    for name, document in found.items():
        (site / f"{name}-0.1.dist-info").mkdir(parents=True)
        (site / f"{name}-0.1.dist-info" / "direct_url.json").write_text(json.dumps(document))
    (site / "other-0.1.dist-info").mkdir()
    (site / "damaged-0.1.dist-info").mkdir()
    (site / "damaged-0.1.dist-info" / "direct_url.json").write_text("{")
    return str(tmp_path / "env" / "bin" / "python")


def test_those_inside_a_project_are_known_apart_from_those_outside(tmp_path: Path, python: str) -> None:
    assert paths_inside(tmp_path / "project", python) == [".", "libs/flat", "src"]
    assert packages_outside(tmp_path / "project", python) == {"shared": tmp_path / "the shared"}


def test_a_trial_looks_for_those_inside_in_its_copy_first(tmp_path: Path, python: str) -> None:
    script = Script(folder=tmp_path / "project", entrypoint=("stepsweep-trial",), python=python)
    assert 'ENV PYTHONPATH="/work/.:/work/libs/flat:/work/src"' in script.dockerfile().decode().splitlines()
    alone = Script(folder=tmp_path / "the shared" / "project", entrypoint=("stepsweep-trial",), python=python)
    assert "PYTHONPATH" not in alone.dockerfile().decode()


def test_those_outside_are_named_before_a_sweep_starts(tmp_path: Path, python: str) -> None:
    (tmp_path / "project" / "train.py").write_text("")
    words = ("stepsweep-trial", "--", "python", "train.py")
    script = Script(folder=tmp_path / "project", entrypoint=words, python=python).written(tmp_path)
    told: list[str] = []
    assert faults_of(tmp_path / "cloud", [["--lr", "1"]], trainer=script, container=False, on_status=told.append) == []
    (warning,) = (line for line in told if "editable" in line)
    assert warning.startswith(
        f"Trials import editable packages from outside the project: shared ({tmp_path / 'the shared'})."
    )
