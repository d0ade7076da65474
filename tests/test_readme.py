"""README says what is so."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stepsweep.contract.parser import FIELDS
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from tests.support.embedded import REPOSITORY, SCRIPTED, keep_template

README = (REPOSITORY / "README.md").read_text()
ARCHITECTURE = (REPOSITORY / "docs" / "architecture.md").read_text()
INPUT = (REPOSITORY / "docs" / "input.md").read_text()


@pytest.fixture(scope="module")
def definition(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The synthesized state machine, with every reference of the template as a text."""
    folder = tmp_path_factory.mktemp("cloud")
    keep_template(folder, {"trainer": str(SCRIPTED)})
    (template,) = folder.glob("templates/*/*.template.json")
    resources = json.loads(template.read_bytes())["Resources"].values()
    (machine,) = (each for each in resources if each["Type"] == "AWS::StepFunctions::StateMachine")
    parts = machine["Properties"]["DefinitionString"]["Fn::Join"][1]
    states: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "x" for part in parts))["States"]
    return states


def test_the_picture_of_the_state_machine_has_its_states(definition: dict[str, Any]) -> None:
    names: list[str] = []
    machines = [definition]
    while machines:
        states = machines.pop()
        names += states
        for each in states.values():
            inner = [each["ItemProcessor"]] if each["Type"] == "Map" else each.get("Branches", [])
            machines += [machine["States"] for machine in inner]
    assert {"Train one trial", "Ask what is next", "No job started"} <= set(names)
    assert sorted(re.findall(r'state "([^"]+)" as', ARCHITECTURE)) == sorted(names)


def test_the_whole_input_is_one() -> None:
    (example,) = re.findall(r'^(\{"parameters".*\})$', README, re.MULTILINE)
    spec = SweepSpec.from_json(json.loads(example), default_name="readme")
    assert len(first_round(spec, trainer_version="1")) == 9


def test_every_field_of_the_input_is_explained() -> None:
    """Each in one row, so a merge that leaves two of them is found."""
    assert sorted(re.findall(r"^\| `([a-z_]+)` \|", INPUT, re.MULTILINE)) == sorted(FIELDS)


def test_it_is_read_in_two_minutes() -> None:
    assert len(README.splitlines()) <= 130


@pytest.mark.parametrize("example", sorted((REPOSITORY / "examples").glob("*.json")), ids=lambda path: path.stem)
def test_examples_are_inputs(example: Path) -> None:
    SweepSpec.from_json(json.loads(example.read_bytes()), default_name=example.stem)
