"""How many trials a sweep has: those that its search has not begun yet are among them, unless a rule has ended it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from stepsweep.bucket.latest import has_planned
from stepsweep.client.cli.main import cli
from stepsweep.contract import keys
from tests.support.life import SPACE, life_of, succeeded
from tests.support.recorded import EXECUTION, RecordedCloud


def planned_of(cloud: RecordedCloud, name: str) -> list[int]:
    """Returns what `sweep list` and `sweep show` have, and asserts that people are told the same."""
    where = ["--dir", str(cloud.directory)]
    shown, shown_json, listed_json = (
        CliRunner().invoke(cli, [*words, *where]).output
        for words in (["show", name], ["show", name, "--json"], ["list", "--json"])
    )
    planned: int = json.loads(shown_json)["planned"]
    assert f" of {planned} trials ended." in shown
    return [json.loads(listed_json)[0]["planned"], planned]


@pytest.mark.parametrize(("rule", "planned"), [({}, 20), ({"stop": {"metric_reached": 0.5}}, 6)])
def test_of_a_free_running_search(tmp_path: Path, rule: dict[str, object], planned: int) -> None:
    life = life_of(workers=4, trials=10, repeats=2, **rule)
    for worker in range(4):
        life.ends(worker, succeeded(0.9))
    cloud = RecordedCloud(directory=tmp_path)
    cloud.bucket.put_json(keys.spec_key("s"), life.spec.to_json())
    for number, event in enumerate(life.log):
        cloud.bucket.put_json(keys.event_key("s", number), event.to_json())
    has_planned(
        cloud.bucket, life.spec, execution=EXECUTION, started_at=datetime.now(UTC), round_number=0, trainer_version="t"
    )
    assert planned_of(cloud, "s") == [planned, planned]


def test_of_a_model_that_proposes_in_rounds(tmp_path: Path) -> None:
    cloud = RecordedCloud(directory=tmp_path)
    first, *_ = cloud.planned("s", SPACE, search={"method": "tpe", "trials": 12, "batch": 4}, repeats=2)
    cloud.succeeded("s", first, {"val_accuracy": [0.5] * 3})
    assert planned_of(cloud, "s") == [24, 24]


def test_a_search_that_ended_without_a_value_says_how_many_it_did_not_try(tmp_path: Path) -> None:
    cloud = RecordedCloud(directory=tmp_path)
    for trial in cloud.planned("s", SPACE, search={"method": "tpe", "trials": 12, "batch": 4}, repeats=2):
        cloud.failed("s", trial, "no\n")
    cloud.reduced("s")
    shown = CliRunner().invoke(cli, ["show", "s", "--dir", str(tmp_path)]).output
    assert "Untried  16 trials: the search ended before\n" in shown
