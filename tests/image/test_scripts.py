"""Scripts as people write them, in the images that `sweep init --aws` proposes: `make image IMAGES=scripts`.

The base image is Python's with the libraries of `make frameworks` in it, so that gigabytes are installed once and not
once a script; what the proposed Dockerfile then installs is there already, except the trial kit.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from stepsweep.local.container_engine import Engine
from tests.support import containers
from tests.support.by_hand import ONE_AFTER_ANOTHER
from tests.support.command import Sweep, document
from tests.support.containers import BASE, WHEELS
from tests.support.embedded import REPOSITORY
from tests.support.installed import copied_sources
from tests.support.scripts import HERE, PEOPLE, SCRIPTS, Script

pytestmark = pytest.mark.timeout(3600)

IMAGE = "localhost/stepsweep-by-hand"
LOCKS = {"trainer": "trainer/requirements.lock", "frameworks": "tests/frameworks/requirements.lock"}
PINNED = re.compile(r"^[a-z0-9-]+==[^\\]+", re.MULTILINE)
DISTRIBUTIONS = {"hydra": "hydra-core", "sklearn": "scikit-learn", "xgboost": "xgboost-cpu"}


@pytest.fixture(scope="module")
def libraries(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Makes the base image of `sweep init` one with all libraries; returns their versions, such as `==1.9`."""
    if "scripts" not in os.environ["STEPSWEEP_IMAGES"].split():
        pytest.skip("not asked for; make image IMAGES=scripts")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*build, WHEELS, copied_sources(tmp_path_factory.mktemp("source"))], check=True)
    folder = tmp_path_factory.mktemp("libraries")
    for name, file in LOCKS.items():
        shutil.copyfile(REPOSITORY / file, folder / name)
    versions = {
        each.name: str(each.specifier)
        for file in folder.iterdir()
        for each in map(Requirement, PINNED.findall(file.read_text()))
        if each.marker is None or each.marker.evaluate()
    }
    (development,) = re.findall(r"^scikit-learn==\S+", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE)
    pip = "pip install --no-cache-dir"
    installs = " && ".join(f"{pip} --require-hashes -r {name}" for name in LOCKS)
    (folder / "Dockerfile").write_text(
        f"FROM {BASE}\nCOPY {' '.join(LOCKS)} ./\nRUN {installs} && {pip} {development} && rm {' '.join(LOCKS)}\n"
    )
    containers.build(engine, folder, f"docker.io/library/python:{sys.version_info.major}.{sys.version_info.minor}-slim")
    return versions | {"scikit-learn": development.removeprefix("scikit-learn")}


def by_hand(engine: Engine, folder: Path, script: Script, trials: list[dict[str, Any]]) -> list[float]:
    """Runs the script for each trial in an image of the project, and returns the last number that each run prints."""
    containers.build(engine, folder, IMAGE)
    commands = json.dumps([script.command(trial["params"]) for trial in trials])
    argv, variables = engine.run_command(
        IMAGE, ["-c", ONE_AFTER_ANOTHER, commands], options=["--rm", "--entrypoint", "python"],
        environment={"OMP_NUM_THREADS": "1", **script.environment},
    )  # fmt: skip
    ended = containers.run(argv, variables)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return [float(text.split()[-1]) for text in ended.stdout.split("\n@\n")[:-1]]


@pytest.mark.parametrize("name", [*HERE, *PEOPLE])
def test_an_unchanged_script_in_a_proposed_image_has_the_winner_that_it_has_by_hand(
    name: str, engine: Engine, libraries: dict[str, str], tmp_path: Path
) -> None:
    script = {**HERE, **PEOPLE}[name]
    project = Sweep(folder=tmp_path / name)
    shutil.copytree(SCRIPTS / name, project.folder)
    spec = (project.folder / "sweep.yaml").read_text()
    (project.folder / "sweep.yaml").unlink()
    library = DISTRIBUTIONS.get(script.library, script.library)
    (project.folder / "requirements.txt").write_text(f"{library}{libraries[library]}\n")
    (program,) = project.folder.glob("*.py")
    assert (proposed := project("init", program.name, "--aws", "--no-run")).returncode == 0, proposed.stderr
    (project.folder / "sweep.yaml").write_text(spec)

    ran = project("run", "--container", "--json", "--name", "mine", environment=engine.environment)
    assert ran.returncode == 0, ran.stderr[-3000:] + ran.stdout[-3000:]
    assert "Not done here" not in ran.stderr
    trials = document(project("show", "mine", "--json"))["trials"]
    found = by_hand(engine, project.folder, script, trials)
    assert len(trials) >= 2
    assert [trial["value"] for trial in trials] == pytest.approx(found, rel=1e-3)
    assert json.loads(ran.stdout)["winner"]["params"] == trials[0]["params"]
    assert found[0] == (max if "maximize" in spec else min)(found)
    assert len({*found}) > 1
    if script.file:
        assert project("download", "mine").returncode == 0
        assert (project.folder / "mine" / script.file).stat().st_size > 0
