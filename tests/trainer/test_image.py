"""The image's Dockerfile, as far as it can be tried without Docker: by its own COPY lines and commands."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stepsweep.stack.packages import PACKAGE
from tests.support.trainer import environment

CONTEXT = PACKAGE.parent
DOCKERFILE = (PACKAGE / "trainer" / "Dockerfile").read_text()


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An empty folder for /app."""
    return tmp_path / "app"


def copy_into(app: Path, text: str) -> None:
    """Does what the COPY lines of a part of the Dockerfile do, with the folder `app` as /app."""
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            place = app / Path(target).relative_to("/app")
            if (CONTEXT / source).is_dir():
                shutil.copytree(CONTEXT / source, place, dirs_exist_ok=True)
            else:
                place = place / Path(source).name if target.endswith("/") else place
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CONTEXT / source, place)


def run(app: Path, *command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    assert command[0] == "python"
    return subprocess.run(
        [sys.executable, *command[1:]],
        cwd=app.parent,
        env={**environment(**variables), "PYTHONPATH": str(app)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_layer_of_the_data_sets_has_all_that_fetching_needs(app: Path, data_dir: Path) -> None:
    before, after = DOCKERFILE.split("python -m stepsweep.trainer.fetch")
    assert "\nUSER" not in before
    assert (
        "COPY stepsweep/trainer /app/stepsweep/trainer" in after
    )  # training code that changes does not fetch the data again
    copy_into(app, before)
    done = run(
        app, "python", "-m", "stepsweep.trainer.fetch", "--dataset", "fashion-mnist", STEPSWEEP_DATA_DIR=str(data_dir)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"fashion-mnist: ready in {data_dir}/fashion-mnist")


def test_its_entry_point_starts_the_trainer(app: Path) -> None:
    copy_into(app, DOCKERFILE)
    [entry_point] = re.findall(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE, re.MULTILINE)
    done = run(app, *json.loads(entry_point), "--lr", "0", "--data-dir", os.devnull)
    assert (done.returncode, done.stderr) == (2, '--lr: must be a finite number > 0, got "0"\n')


def test_it_runs_as_a_numbered_user_who_is_not_root() -> None:
    [name] = re.findall(r"^USER \$(\w+)$", DOCKERFILE, re.MULTILINE)
    [number] = re.findall(rf"^ARG {name}=(\d+)$", DOCKERFILE, re.MULTILINE)
    assert int(number) >= 1000
