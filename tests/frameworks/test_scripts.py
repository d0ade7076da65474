"""Scripts as people write them with these libraries, unchanged, with one sweep.yaml beside each.

`make frameworks` has the libraries in an environment of its own, in which the scripts run; stepsweep runs in another.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.by_hand import by_hand
from tests.support.command import Sweep, document
from tests.support.scripts import PEOPLE, SCRIPTS

PYTHON = os.environ.get("FRAMEWORKS_PYTHON", sys.executable)
SECONDS = 900

pytestmark = pytest.mark.timeout(2 * SECONDS)


@pytest.fixture(params=PEOPLE)
def name(request: pytest.FixtureRequest) -> str:
    """A script whose library is installed."""
    if "FRAMEWORKS_PYTHON" not in os.environ:
        pytest.skip("takes minutes; `make frameworks` runs it")
    script: str = request.param
    looked = f"import importlib.util as u; exit(u.find_spec({PEOPLE[script].library!r}) is None)"
    if subprocess.run([PYTHON, "-c", looked], check=False).returncode:
        pytest.skip(f"{PEOPLE[script].library} is not installed; `make frameworks` has it")
    return script


def swept(project: Sweep) -> list[dict[str, Any]]:
    """Runs the sweep, and returns its trials, the winner first."""
    with project.popen("run", "--json", "--name", "mine") as process:
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err[-3000:] + out[-3000:]
    trials: list[dict[str, Any]] = document(project("show", "mine", "--json"))["trials"]
    assert json.loads(out)["winner"]["params"] == trials[0]["params"]
    return trials


def project_of(name: str, folder: Path) -> Sweep:
    shutil.copytree(SCRIPTS / name, folder / name)
    return Sweep(folder=folder / name)


def test_an_unchanged_script_has_the_values_and_the_winner_that_it_has_by_hand(name: str, tmp_path: Path) -> None:
    project, script = project_of(name, tmp_path), PEOPLE[name]
    with (project.folder / "sweep.yaml").open("a") as spec:
        spec.write(f"python: {PYTHON}\n")
    trials = swept(project)
    found = by_hand(
        project.folder,
        [script.command(trial["params"]) for trial in trials],
        python=PYTHON,
        environment={"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", **script.environment},
    )
    assert len(trials) >= 2
    assert [trial["value"] for trial in trials] == pytest.approx(list(map(float, found)), rel=1e-3)
    assert float(found[0]) == min(map(float, found)) < max(map(float, found))
    if script.file:
        assert project("download", "mine").returncode == 0
        assert (project.folder / "mine" / script.file).stat().st_size > 0
        assert not (project.folder / script.file).exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed (Debian: r-base-core)")
def test_an_unchanged_script_in_r(tmp_path: Path) -> None:
    project = project_of("r", tmp_path)
    trials = swept(project)
    for trial in trials:
        words = ["Rscript", "fit.R", "--degree", str(trial["params"]["degree"])]
        out = subprocess.run(words, cwd=project.folder, capture_output=True, text=True, check=True).stdout
        assert trial["value"] == float(out.split()[-1])
    assert trials[0]["params"] == {"degree": 3}
    (project.folder / "model.rds").unlink()
    assert project("download", "mine").returncode == 0
    assert (project.folder / "mine" / "model.rds").stat().st_size > 0
