"""How a search went, from its records: rungs, promotions, and the times of jobs."""

from pathlib import Path
from typing import Any

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.report.gather import gathered
from stepsweep.contract.endings import of_state
from tests.support.life import HALVED, Life, spec_of
from tests.support.recorded import BEGAN, RecordedCloud

HALVING: dict[str, Any] = {"halving": {"min_epochs": 1, "factor": 2}, "epochs": 2}


def test_in_rounds_each_rung_has_its_endings_in_the_order_of_time(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path)
    first = recorded.planned("halved", {"lr": [0.1, 0.2, 0.3, 0.4]}, **HALVING)
    for number, trial in enumerate(first[:3]):
        recorded.succeeded("halved", trial, {"val_accuracy": [0.5 + number / 10]}, began=10 - number, seconds=5)
    recorded.failed("halved", first[3], "boom", began=0)
    recorded.reduced("halved")
    second = recorded.planned("halved", {"lr": [0.1, 0.2, 0.3, 0.4]}, round_number=1, **HALVING)
    going_on = [trial for trial in second if trial.round_number == 1]
    recorded.succeeded("halved", going_on[0], {"val_accuracy": [0.6, 0.9]}, began=20, seconds=7)

    cloud = Cloud(
        on="local", directory=tmp_path, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )  # fmt: skip
    archive = cloud.looked_at().archive
    endings = archive.endings(archive.plan(archive.spec("halved")), archive.outcomes("halved"))
    seen = [(each.params["lr"], each.rung, each.value, each.promoted) for each in endings]
    assert seen == [(0.4, 0, None, False), (0.3, 0, 0.7, True), (0.2, 0, 0.6, True), (0.1, 0, 0.5, False),
                    (0.2, 1, 0.9, False)]  # fmt: skip
    assert [each.seconds for each in endings] == [1.4, 5, 5, 5, 7]
    assert endings[-1].ended == BEGAN + 27_000


def test_what_stopped_early_is_known_on_a_rung_when_the_round_before_has_ended(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path)
    asked: dict[str, Any] = {"halving": {"min_epochs": 2, "factor": 2}, "epochs": 8}
    for round_number in range(3):
        trials = recorded.planned("mine", {"lr": [0.4, 0.3, 0.2, 0.1]}, round_number=round_number, **asked)
        for number, trial in enumerate(trials):
            if trial.round_number == round_number:
                rows = 3 if trial.params["lr"] == 0.4 else 8  # the best one stops on the second of three rungs
                values = [float(str(trial.params["lr"]))] * min(rows, trial.epochs)
                recorded.succeeded("mine", trial, {"val_accuracy": values}, began=10 * round_number + number)
        recorded.reduced("mine", round_number=round_number)
    cloud = Cloud(
        on="local", directory=tmp_path, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )  # fmt: skip
    found = gathered(cloud, cloud.looked_at(), "mine").course
    assert found is not None
    assert found.said == "Result 7 of 7 was the best after 8 epochs."
    assert [(point.number, point.rung) for point in found.points if point.trial_id.startswith("lr-0_4")] == [
        (1, 0), (5, 1), (7, 2),
    ]  # fmt: skip
    assert [point.seconds for point in found.points] == [2, 3, 4, 5, 12, 13, 13]
    assert found.points[-1].job_seconds == found.points[-2].job_seconds == 12


def test_a_free_running_search_has_them_from_its_log() -> None:
    life = Life(spec_of(9, **HALVED), workers=2)
    life.begin()
    life.to_the_end()
    assert life.state is not None
    endings = of_state(life.state)
    on_rungs = [[each for each in endings if each.rung == rung] for rung in range(3)]
    assert [len(some) for some in on_rungs] == [9, *(sum(each.promoted for each in some) for some in on_rungs[:2])]
    best = max(each.value or 0 for each in endings)
    assert best in [each.value for each in on_rungs[2]], "the best always reaches the last rung"
    assert len({job for each in endings for job in each.jobs}) == len(endings)
