"""What the functions may import: their package holds no third-party code, and Lambda has boto3."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PROGRAM = """
import json, sys
before = set(sys.modules)
import statemachine.planner, statemachine.reducer
files = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
print(json.dumps(files))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, str | None]:
    """Every module that a fresh process has loaded when it has imported both functions, with its file."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    modules: dict[str, str | None] = json.loads(ended.stdout)
    return modules


def requirements(distribution: str) -> set[str]:
    """Returns a distribution and all that it needs, extras left out."""
    needed = importlib.metadata.requires(distribution) or []
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in needed if "extra ==" not in line}
    return {distribution}.union(*map(requirements, names))


def test_the_functions_import_boto3_with_what_it_needs_and_no_other_package(
    imported: dict[str, str | None],
) -> None:
    third_party = {name.split(".")[0] for name, file in imported.items() if file and "site-packages" in file}
    distributions = importlib.metadata.packages_distributions()
    assert {distribution for name in third_party for distribution in distributions[name]} <= requirements("boto3")
    assert "boto3" in third_party


def test_of_our_own_rooms_the_functions_import_the_contract_and_no_constructs(
    imported: dict[str, str | None],
) -> None:
    ours = {name for name, file in imported.items() if file and Path(file).parent.parent == ROOT}
    assert {name.split(".")[0] for name in ours} == {"statemachine", "sweep"}
    assert "statemachine.definition" not in ours


def test_nothing_is_asked_of_aws_while_the_functions_are_imported() -> None:
    """Clients made at import would need a region and credentials, and be shared by every test."""
    program = "import boto3; boto3.client = boto3.resource = None; import statemachine.planner, statemachine.reducer"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, env={})
