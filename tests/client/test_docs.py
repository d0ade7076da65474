"""docs/cli.md says what is so: its commands, and the fields of what `--json` prints."""

import json
import re
from dataclasses import fields

import pytest

from stepsweep.client.archive.comparison import Compared, Comparison, Difference
from stepsweep.client.archive.entries import Entry
from stepsweep.client.archive.in_common import InCommon
from stepsweep.client.checks.findings import Finding
from stepsweep.client.cli.main import cli
from stepsweep.client.export.folders import Written
from stepsweep.client.export.mlflow import Exported
from stepsweep.client.report.making import Made
from stepsweep.client.running.stopping import Stopped
from stepsweep.contract.leaderboard import NOT_IN_DOCUMENTS, Row
from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY
from tests.support.stack import Stack

DOCS = (REPOSITORY / "docs" / "cli.md").read_text()


def fields_of(command: str) -> set[str]:
    """Returns the fields that stand in a command's row of the table of documents."""
    (cell,) = re.findall(rf"^\| (?:`[a-z]+`, )*`{command}`(?:, `[a-z]+`)* \| (.*) \|$", DOCS, re.MULTILINE)
    return set(re.findall(r"`([a-z_]+)`", cell))


def test_every_command_is_there() -> None:
    assert set(re.findall(r"^\| `sweep ([a-z]+)", DOCS, re.MULTILINE)) == set(cli.commands)


def test_every_command_takes_json_but_those_that_print_what_is_not_theirs() -> None:
    without = [
        name for name, command in cli.commands.items() if "as_json" not in [each.name for each in command.params]
    ]
    assert without == ["init", "deploy", "diff", "destroy", "completion"]


def test_the_fields_of_lists_and_logs() -> None:
    assert fields_of("list") == {field.name for field in fields(Entry)}
    assert fields_of("stop") == {"sweep", *(field.name for field in fields(Stopped))}
    parts = (Comparison, Compared, InCommon, Difference)
    assert fields_of("compare") == {field.name for part in parts for field in fields(part)}
    assert fields_of("report") == {field.name for field in fields(Made)}
    assert fields_of("export") == {field.name for part in (Exported, Written) for field in fields(part)}
    assert fields_of("doctor") == {field.name for field in fields(Finding)}


def test_the_fields_of_a_plan(sweep: Sweep) -> None:
    document = json.loads(sweep("plan", "--set", "a=1", "--epochs", "1", "--json").stdout)
    of_free_running = {"rungs", "in_rounds", "max_concurrency"}
    assert document.keys() | of_free_running == fields_of("plan"), "a free-running search has rungs and no rounds"


@pytest.mark.parametrize("is_finished", [True, False])
def test_the_fields_of_a_sweep_that_is_shown(sweep: Sweep, stack: Stack, is_finished: bool) -> None:
    (trial,) = stack.planned(name="mine", parameters={"a": [1]}, epochs=1)
    stack.succeeded("mine", trial, [0.5])
    if is_finished:
        stack.reduced("mine")
    document = json.loads(sweep.on(stack, "show", "mine", "--json").stdout)
    assert document.keys() | {field.name for field in fields(Row)} - set(NOT_IN_DOCUMENTS) == fields_of("show")
    assert (document["output"] is not None) is is_finished
