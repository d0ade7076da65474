"""Time and cost in advance: from finished trials of the same trainer, and of no other one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stepsweep.client.cli.main import cli
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.trainers import remember
from stepsweep.client.operations.estimating import (
    Estimate,
    Pace,
    calibration,
    estimated,
    latest,
    pace_of,
    with_pace,
)
from stepsweep.client.operations.prices import TABLE_FROM
from stepsweep.client.running.control import Found
from stepsweep.contract.assumed import Span
from stepsweep.contract.cost import TUTORIAL_RATES
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.means import StackJob
from stepsweep.contract.rounds import first_params
from stepsweep.contract.spec import SweepSpec
from tests.support.recorded import RecordedCloud
from tests.support.stack import Stack

SPEC = SweepSpec.from_json({"name": "next", "parameters": {"lr": {"low": 0.1, "high": 1, "log": True}},
                            "search": {"method": "random", "trials": 9}, "halving": {"min_epochs": 2, "factor": 3},
                            "epochs": 6, "repeats": 2, "fixed": {"a": "b"}})  # fmt: skip


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedCloud:
    return RecordedCloud(directory=tmp_path / "cloud")


@pytest.fixture
def trainer(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["python", "train.py"]\n')
    (folder / "train.py").write_text("")
    return folder


def cloud_of(recorded: RecordedCloud, trainer: Path | None) -> Cloud:
    return Cloud(
        on="local", directory=recorded.directory, trainer=trainer, job_vcpus=None, profile=None, region=None, stack=None
    )


def finished(recorded: RecordedCloud, name: str, trainer: Path | None, seconds: list[float], *, epochs: int) -> None:
    trials = recorded.planned(name, {"lr": [n + 1 for n in range(len(seconds))]}, epochs=epochs, fixed={"of": name})
    for trial, each in zip(trials, seconds, strict=True):
        recorded.succeeded(name, trial, {"val_accuracy": [0.5] * epochs}, seconds=each)
    recorded.reduced(name)
    remember(recorded.directory, name, trainer, container=False)


def test_a_pace_is_the_range_of_the_trainer_s_finished_trials(recorded: RecordedCloud, trainer: Path) -> None:
    cloud = cloud_of(recorded, trainer)
    assert estimated(SPEC, cloud).pace is None
    finished(recorded, "tutorial", None, [600], epochs=4)
    assert estimated(SPEC, cloud).pace is None, "of another trainer"

    finished(recorded, "first", trainer, [8, 20, 12], epochs=4)
    estimate = estimated(SPEC, cloud)
    assert estimate.pace is not None
    assert (estimate.pace.fastest, estimate.pace.slowest) == (2, 5)
    assert estimate.pace.measured_on == "3 finished trials of this trainer on this machine"
    assert estimate.seconds(100) == Span(200, 500)
    bill = estimate.bill(SPEC)
    assert bill is not None
    assert bill.usd.low > bill.jobs_usd.low > 0, "machines also boot and idle"
    assert not estimate.is_of_machine, "a laptop is no g4dn.xlarge"

    finished(recorded, "calibration", trainer, [30], epochs=1)
    again = estimated(SPEC, cloud).pace
    assert again is not None
    assert again.slowest == 5, "in one epoch the start of the job weighs most"

    (trainer / "train.py").write_text("# changed")
    assert estimated(SPEC, cloud).pace is None


def test_what_the_tutorial_takes_is_known_before_a_trial_of_it_has_finished(recorded: RecordedCloud) -> None:
    found = estimated(SPEC, cloud_of(recorded, None))
    price: dict[str, Any] = {"job": StackJob(), "usd_per_hour": TUTORIAL_RATES.usd_per_hour}
    assert TUTORIAL_RATES.seconds_per_epoch is not None
    assert found == Estimate(
        pace=Pace(
            fastest=TUTORIAL_RATES.seconds_per_epoch,
            slowest=TUTORIAL_RATES.seconds_per_epoch,
            measured_on="the tutorial",
        ),
        fleet=Fleet.of(SPEC, **price),
        widest=Fleet.of(SPEC, **price),
        price_from="a g4dn.xlarge in us-east-1 in 2021",
        budget_usd_per_hour=None,
        is_of_machine=True,
    )
    assert found.jobs_usd(3600) == found.paces * found.fleet.usd if found.paces else None
    unknown = replace(found, pace=None)
    assert (unknown.paces, unknown.seconds(1), unknown.jobs_usd(1), unknown.bill(SPEC)) == (None, None, None, None)


def test_on_aws_the_stack_s_trials_and_machines_tell(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    cloud = Cloud(
        on="aws", directory=tmp_path, trainer=None, job_vcpus=None, profile=None, region=None, stack=stack.name
    )
    spec = SweepSpec.from_json({**SPEC.to_json(), "resources": {"gpus": 4}})
    price: dict[str, Any] = {"job": StackJob(), "usd_per_hour": 0.587}
    before = estimated(spec, cloud)
    assert before == Estimate(
        pace=None,
        fleet=Fleet.of(replace(spec, max_concurrency=1000), **price),
        widest=Fleet.of(spec, **price),
        price_from=f"{TABLE_FROM}; AWS's price list could not be asked",
        budget_usd_per_hour=0.526 * StackJob().machines(spec.resources),
        is_of_machine=True,
    )
    few = replace(spec, max_concurrency=2)
    found = estimated(few, cloud)
    assert (found.fleet, found.widest) == (Fleet.of(few, **price), before.widest)
    for trial, seconds in zip(stack.planned(name="first", parameters={"lr": [1, 2]}, epochs=2), (8, 6), strict=True):
        stack.succeeded("first", trial, [0.5, 0.6], [{"StartedAt": 1000, "StoppedAt": 1000 + 1000 * seconds}])
    told = "2 finished trials of this trainer of this stack"
    assert estimated(spec, cloud).pace == Pace(fastest=3, slowest=4, measured_on=told, epochs=(2, 2))
    monkeypatch.setattr(Cloud, "on_aws", lambda _self: replace(stack.deployment, trainer_version="2"))
    assert pace_of(cloud) is None, "of another trainer"


def test_a_trial_that_failed_or_was_not_trained_here_tells_nothing(recorded: RecordedCloud, trainer: Path) -> None:
    one, other = recorded.planned("first", {"lr": [1, 2]}, epochs=2)
    recorded.failed("first", one, "Killed\n")
    recorded.succeeded("first", other, {"val_accuracy": [0.5, 0.5]}, seconds=6)
    remember(recorded.directory, "first", trainer, container=False)
    recorded.planned("again", {"lr": [2]}, epochs=2)
    remember(recorded.directory, "again", trainer, container=False)
    pace = estimated(SPEC, cloud_of(recorded, trainer)).pace
    assert pace is not None
    assert (pace.fastest, pace.slowest, pace.measured_on) == (3, 3, "1 finished trial of this trainer on this machine")


def test_a_later_rung_s_job_trained_only_the_epochs_beyond_the_rung_before(
    recorded: RecordedCloud, trainer: Path
) -> None:
    asked: dict[str, Any] = {"halving": {"min_epochs": 2, "factor": 2}, "epochs": 4}
    trials = recorded.planned("first", {"lr": [1, 2]}, **asked)
    for trial, value in zip(trials, (0.5, 0.6), strict=True):
        recorded.succeeded("first", trial, {"val_accuracy": [value] * 2}, seconds=4)
    recorded.reduced("first")
    *_, best = recorded.planned("first", {"lr": [1, 2]}, round_number=1, **asked)
    recorded.succeeded("first", best, {"val_accuracy": [0.6] * 4}, seconds=6)
    remember(recorded.directory, "first", trainer, container=False)
    pace = estimated(SPEC, cloud_of(recorded, trainer)).pace
    assert pace is not None
    assert (pace.fastest, pace.slowest) == (2, 3)


def test_a_budget_is_checked_by_the_slowest_known_pace_unless_the_spec_has_one(
    recorded: RecordedCloud, trainer: Path
) -> None:
    cloud = cloud_of(recorded, trainer)
    held = SweepSpec.from_json({**SPEC.to_json(), "budget_usd": 1})
    assert with_pace(held, cloud) == held
    finished(recorded, "first", trainer, [8, 20], epochs=4)
    assert with_pace(held, cloud).seconds_per_epoch == 5
    assert with_pace(SPEC, cloud) == SPEC
    told = SweepSpec.from_json({**held.to_json(), "seconds_per_epoch": 7})
    assert with_pace(told, cloud) == told


def planned(recorded: RecordedCloud, trainer: Path, *words: str) -> Result:
    options = ("--fixed", "of=first", "--trainer", str(trainer), "--dir", str(recorded.directory))
    return CliRunner().invoke(cli, ["plan", "--epochs", "4", *options, *words])


def test_a_plan_is_refused_where_its_sweep_would_be_for_the_budget(recorded: RecordedCloud, trainer: Path) -> None:
    three = ("--set", "lr=1,2,3", "--budget-usd", "0.1")
    unknown = planned(recorded, trainer, *three)
    assert str(unknown.exception).startswith("budget_usd: cannot be checked: the time that the trainer takes")
    finished(recorded, "first", trainer, [8, 20], epochs=4)
    assert str(planned(recorded, trainer, *three).exception).startswith(
        "budget_usd: 1 trial of up to 4 epochs may cost 0.20 USD: at most 0.0031 for the trials (5 s per epoch, 0.526 "
        "USD per hour), the rest for a machine that boots, pulls the image and idles. That is more than 0.1; give"
    )
    tiny = str(planned(recorded, trainer, "--set", "lr=1,2,3", "--budget-usd", "0.00001").exception)
    assert "That is more than 0.00001; give" in tiny
    assert planned(recorded, trainer, "--set", "lr=1,2,3", "--budget-usd", "0.3").exit_code == 0
    assert planned(recorded, trainer, "--set", "lr=1,2", "--budget-usd", "0.01").exit_code == 0, "all are finished"
    freely = planned(recorded, trainer, "--set", "lr=1,2", "--budget-usd", "0.01", "--no-rounds")
    assert str(freely.exception).startswith("budget_usd: 2 trials of up to 4 epochs may cost 0.4")


def test_a_plan_takes_the_time_that_the_spec_names(recorded: RecordedCloud, trainer: Path, tmp_path: Path) -> None:
    spec = tmp_path / "s.json"
    spec.write_text(json.dumps({"parameters": {"lr": [1, 2]}, "seconds_per_epoch": 3600}))
    shown = planned(recorded, trainer, str(spec)).output
    assert "Job time 8:00:00: 3,600 s per epoch, as in the spec's seconds_per_epoch.\nOn AWS " in shown


def test_a_plan_says_which_trials_are_finished_and_what_the_others_take(recorded: RecordedCloud, trainer: Path) -> None:
    finished(recorded, "first", trainer, [8, 20], epochs=4)
    shown = planned(recorded, trainer, "--set", "lr=1,2,3").output
    assert "\n2 of 3 trials are finished already, and not trained again.\nJob time 0:00:08 to 0:00:20:" in shown
    shown = planned(recorded, trainer, "--set", "lr=1,2").output
    assert "\n2 of 2 trials are finished already, and not trained again.\nEvery trial: of=first\n" in shown
    shown = planned(recorded, trainer, "--set", "lr=1,2,3", "--halving", "2:3").output
    assert "finished already" not in shown, "after other epochs"
    shown = planned(recorded, trainer, "--set", "lr=2,3", "--halving", "4:2", "--epochs", "8").output
    assert "\n1 of 2 trials has finished the first rung already, and does not train it again.\n" in shown
    assert json.loads(planned(recorded, trainer, "--set", "lr=1", "--json").output)["finished"] == 1


def test_a_plan_of_shorter_or_longer_trials_than_were_measured_says_which_way_it_errs(
    recorded: RecordedCloud, trainer: Path
) -> None:
    finished(recorded, "first", trainer, [8, 20], epochs=4)
    assert "Those jobs" not in planned(recorded, trainer, "--set", "lr=3").output
    shorter = " ".join(planned(recorded, trainer, "--set", "lr=3", "--epochs", "1").output.split())
    assert (
        "on this machine. Those jobs trained 4 epochs. In a job of 1 epoch the start weighs more, so these times and "
        "costs are probably too low. On AWS"
    ) in shorter
    finished(recorded, "second", trainer, [8], epochs=5)
    assert "Those jobs" not in planned(recorded, trainer, "--set", "lr=3", "--epochs", "5").output
    longer = planned(recorded, trainer, "--set", "lr=3", "--epochs", "9")
    assert "trained 4 to 5 epochs. In a job of 9 epochs the start weighs less" in longer.output
    assert json.loads(planned(recorded, trainer, "--set", "lr=3", "--json").output)["measured_epochs"] == [4, 5]


def test_a_calibration_is_one_new_trial_of_one_epoch() -> None:
    document = calibration(SPEC).to_json()
    assert len(document["parameters"].pop("lr")) == 1
    assert document == {
        **SPEC.to_json(),
        "name": "next-calibration",
        "parameters": {},
        "search": "grid",
        "objective": {**SPEC.objective.to_json(), "at": "last"},
        "halving": None,
        "epochs": 1,
        "repeats": 1,
        "fresh": True,
    }
    plain = {"name": "next", "parameters": {"lr": [0.1, 0.2, 0.3]}, "epochs": 6}
    full = {
        **plain,
        "search": {"method": "tpe", "trials": 2},
        "exclude": [{"lr": 0.1}],
        "try_first": [{"lr": 0.2}],
        "warm_start": ["mine"],
        "known": [{"params": {"lr": 0.3}, "epochs": 6, "value": 0.5}],
        "budget_usd": 3,
        "objective": {"metric": "loss", "direction": "minimize", "at": "best"},
    }
    one = calibration(SweepSpec.from_json(full))
    expected = SweepSpec.from_json(
        {
            "name": "next-calibration",
            "parameters": {"lr": [first_params(SweepSpec.from_json(full))[0]["lr"]]},
            "epochs": 1,
            "fresh": True,
            "objective": {"metric": "loss", "direction": "minimize", "at": "last"},
        }
    )
    assert one == replace(expected, rounds=False), "as the search of a model is"
    objectives = [{"metric": "a", "direction": "minimize"}, {"metric": "b", "direction": "minimize"}]
    front = {"name": "next", "parameters": {"C": [1, 2]}, "epochs": 2, "objectives": objectives}
    for keep, kept in (("front", "winner"), ("all", "all"), ("none", "none")):
        of_front = calibration(SweepSpec.from_json({**front, "keep_artifacts": keep}))
        assert (of_front.keep_artifacts, of_front.has_front) == (kept, False)
    score = calibration(SweepSpec.from_json({"name": "n" * 79, "parameters": {"C": [1, 2]}, "epochs": 1}))
    assert not score.fresh, "its result counts"
    assert score.name.endswith("-calibration")


def test_a_calibration_of_a_search_in_rounds_leaves_out_its_rules_to_stop() -> None:
    in_rounds = {"name": "next", "parameters": {"lr": [1, 2, 3]}, "epochs": 9, "halving": {}, "rounds": True}
    spec = calibration(SweepSpec.from_json({**in_rounds, "stop": {"max_hours": 2}}))
    assert (spec.number_of_params, spec.stop.rules) == (1, {})


def test_only_the_latest_sweeps_of_a_stack_are_read(stack: Stack) -> None:
    control = Found.of(stack.deployment).control
    assert control is not None
    for name in ("old-a", "middle", "new"):
        stack.planned(name=name, parameters={"lr": [1]}, epochs=1)
        control.start(SweepSpec.from_json({"name": name, "parameters": {"lr": [1]}, "epochs": 1}))
    found = Found.of(stack.deployment)
    assert latest(found, most=2) == ["new", "middle"]
    assert latest(found, most=3) == ["middle", "new", "old-a"], "all of them, in any order"
