"""What the functions need: their own package and boto3, which Lambda has."""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepsweep.stack.packages import staged_reducer

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLER = "import stepsweep.statemachine.sampler"
FUNCTIONS = "import stepsweep.statemachine.planner, stepsweep.statemachine.reducer"


def requirements(distribution: str) -> set[str]:
    """Returns a distribution and all that it needs, extras left out."""
    needed = importlib.metadata.requires(distribution) or []
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in needed if "extra ==" not in line}
    return {distribution}.union(*map(requirements, names))


def modules(distribution: str) -> Iterator[Path]:
    """Yields the top-level folders and files of a distribution."""
    files = importlib.metadata.files(distribution)
    assert files
    for top in {file.parts[0] for file in files if file.suffix == ".py" and file.parts[0] != ".."}:
        yield Path(str(importlib.metadata.distribution(distribution).locate_file(top)))


@pytest.fixture
def like_lambda(tmp_path: Path) -> Path:
    """A folder with what is deployed of the functions, boto3 with what it requires, and nothing else."""
    staged_reducer(tmp_path)
    for path in {path for distribution in requirements("boto3") for path in modules(distribution)}:
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def run(program: str, folder: Path) -> str:
    """Runs a program in a Python that sees the folder and the standard library only; returns what it complains of."""
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); {program}"
    # -S: without site-packages; -I: without the environment's paths; without an environment, so without a region
    ended = subprocess.run([sys.executable, "-IS", "-c", program], capture_output=True, text=True, env={}, check=False)
    return ended.stderr


def test_the_functions_start_where_there_is_boto3_and_no_other_package(like_lambda: Path) -> None:
    assert run(FUNCTIONS, like_lambda) == ""


def test_the_function_that_asks_a_model_starts_where_there_are_the_packages_of_its_lock_file_too(
    like_lambda: Path,
) -> None:
    assert "No module named 'optuna'" in run(SAMPLER, like_lambda)
    for name in pins(ROOT / "statemachine" / "sampler.lock"):
        for path in modules(name):
            if not (link := like_lambda / path.name).exists():
                link.symlink_to(path)
    assert run(SAMPLER, like_lambda) == ""


def test_its_packages_are_those_that_the_embedded_cloud_runs_it_with() -> None:
    """NumPy's is another one for Python 3.11, which has no newer one."""
    deployed = pins(ROOT / "statemachine" / "sampler.lock")
    here = pins(ROOT / "requirements.lock")
    assert "optuna" in deployed
    assert {name: here[name] for name in deployed} == deployed


def pins(file: Path) -> dict[str, str]:
    """Returns the versions that a lock file pins; of several, that for the newest Python."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", file.read_text(), re.MULTILINE))


def test_the_constructs_of_the_same_folder_would_not_start_there(like_lambda: Path) -> None:
    (like_lambda / "stepsweep" / "statemachine" / "definition").symlink_to(ROOT / "statemachine" / "definition")
    assert "No module named 'aws_cdk'" in run("import stepsweep.statemachine.definition.sweep", like_lambda)


def test_no_client_is_made_while_the_functions_are_imported(like_lambda: Path) -> None:
    """It would need a region and credentials, and a function that is imported has neither."""
    assert run(f"import boto3; boto3.client = boto3.resource = None; {FUNCTIONS}", like_lambda) == ""
