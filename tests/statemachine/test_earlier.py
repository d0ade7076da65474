"""A search that begins with what earlier ones found: what the planner records, and what the model does with it."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from stepsweep.bucket.search_log import SearchLog
from stepsweep.contract import keys
from stepsweep.contract.known import MAX_KNOWN, Known, thinned, told_of
from stepsweep.contract.metrics import to_csv
from stepsweep.contract.objective import Objective
from stepsweep.contract.search import STARTUP
from stepsweep.contract.spec import SweepSpec
from stepsweep.statemachine import asker
from stepsweep.statemachine.sampler import propose_next
from tests.support.functions import Cloud, as_lambda_does, attempts
from tests.support.specs import as_number, faults

LRS = [round(0.05 * number, 2) for number in range(1, 13)]
EARLIER: dict[str, Any] = {"parameters": {"lr": LRS}, "epochs": 3, "fixed": {"optimizer": "sgd"}}
PARAMETERS: dict[str, Any] = {
    "lr": {"low": 0.01, "high": 1},
    "optimizer": ["adam", "sgd"],
    "momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}},
}
WARM: dict[str, Any] = {
    "name": "warm", "parameters": PARAMETERS, "epochs": 3, "search": {"method": "tpe", "trials": 20},
    "warm_start": ["earlier"],
}  # fmt: skip
THE_EARLIER = 'warm_start[0]: the sweep "earlier"'
NONE_OF_THESE = (
    f"{THE_EARLIER} has 10 outcomes, and none of params that this search can have: parameters differ, or `fixed`"
)


def ended(cloud: Cloud, **fields: Any) -> None:
    """Runs the earlier sweep: the nearer its lr is to 0.3, the better. The last three break the
    contract, diverge and fail."""
    trials = cloud.planned(sweep="earlier", **{**EARLIER, **fields})
    for trial in trials[:-3]:
        cloud.trained(trial, *[1 - abs(as_number(trial.params["lr"]) - 0.3)] * trial.epochs)
    cloud.bucket.put(trials[-3].metrics_key, b"epoch,loss\n1,0.5\n", "text/csv")
    cloud.trained(trials[-2], 0.5, 0.5, float("nan"))
    cloud.failed(trials[-1], "no memory")
    cloud.reduce("earlier")


def recorded(cloud: Cloud) -> SweepSpec:
    return SweepSpec.from_json(cloud.bucket.get_json(keys.spec_key("warm")))


def faults_of(cloud: Cloud, **fields: Any) -> str:
    fault = cloud.plan({**WARM, **fields}).get("fault")
    assert fault
    return str(fault)


def test_the_planner_records_the_outcomes_of_the_params_that_both_sweeps_have(cloud: Cloud) -> None:
    ended(cloud)
    assert "fault" not in cloud.plan(WARM)
    known = recorded(cloud).known
    assert len(known) == 10
    assert known[0] == Known(params={"lr": 0.3, "optimizer": "sgd"}, value=1.0, epochs=3)
    assert known[-1] == Known(params={"lr": 0.55, "optimizer": "sgd"}, value=None, epochs=3), "it diverged"


def test_all_earlier_sweeps_that_are_named_are_told(cloud: Cloud) -> None:
    ended(cloud)
    for trial in cloud.planned(sweep="other", parameters={"lr": [0.7, 0.8]}, fixed={"optimizer": "adam"}):
        cloud.trained(trial, *[0.5] * 3)
    cloud.reduce("other")
    assert "fault" not in cloud.plan({**WARM, "warm_start": ["earlier", "other"]})
    assert [each.params["optimizer"] for each in recorded(cloud).known].count("sgd") == 10
    assert [each.params["lr"] for each in recorded(cloud).known if each.params["optimizer"] == "adam"] == [0.7, 0.8]


def test_a_sweep_that_goes_on_keeps_what_was_recorded_though_the_earlier_one_is_gone(cloud: Cloud) -> None:
    ended(cloud)
    cloud.plan(WARM)
    before = recorded(cloud)
    for key in cloud.objects():
        if key.startswith("sweeps/earlier/"):
            cloud.s3.delete_object(Bucket=cloud.bucket.name, Key=key)
    assert "fault" not in cloud.plan(WARM, execution="again")
    assert "fault" not in cloud.plan(before.to_json(), execution="as resumed")
    assert recorded(cloud) == before
    state = SearchLog.read(cloud.bucket, "warm").state
    assert state is not None
    assert state.spec.known == before.known
    assert "name: the sweep" in faults_of(cloud, warm_start=[])


def test_a_free_running_search_asks_the_model_from_its_first_trial_on(cloud: Cloud) -> None:
    ended(cloud)
    planned = cloud.plan({**WARM, "max_concurrency": 2})
    items = cloud.bucket.get_json(planned["to_run_key"])
    assert [item["do"] for item in items] == ["ask", "ask"]
    answers = [as_lambda_does(asker.handler, {**item["question"], "ended": {}}) for item in items]
    assert [each["do"] for each in answers] == ["train", "train"]
    state = SearchLog.read(cloud.bucket, "warm").state
    assert state is not None
    options = dict(zip(answers[0]["command"][::2], answers[0]["command"][1::2], strict=True))
    assert ("--momentum" in options) is (options["--optimizer"] == "sgd")
    assert not [fault for each in propose_next(state) for fault in state.spec.space.faults_of(each)]


def test_a_search_in_rounds_asks_the_model_after_its_first_round(cloud: Cloud) -> None:
    ended(cloud)
    lr_only = {"lr": PARAMETERS["lr"]}
    cloud.plan({**WARM, "parameters": lr_only, "search": {"method": "tpe", "trials": 18, "batch": 3}})
    for trial in cloud.trials("warm"):
        cloud.trained(trial, *[1 - abs(as_number(trial.params["lr"]) - 0.3)] * 3)
    state = cloud.reduce("warm")
    assert state["ask"]
    cloud.sample("warm", 1)
    proposed = cloud.bucket.get_json(keys.proposed_key("warm", 1))
    assert len(proposed) == 3, f"with three outcomes of its own it would know fewer than {STARTUP}"


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"warm_start": ["earlier", "other"]},
            'warm_start[1]: the sweep "other" is not among these records; `sweep list` names those that are',
        ),
        (
            {"epochs": 9},
            f"{THE_EARLIER} trains 3 epochs, and this one 9: their values do not compare; give the same",
        ),
        (
            {"objective": "val_loss"},
            f"{THE_EARLIER} has the objective val_accuracy (maximize), and this one val_loss (minimize): their values "
            "do not compare",
        ),
        ({"parameters": {"lr": {"low": 2.0, "high": 3.5}}}, NONE_OF_THESE),
        ({"parameters": {"lr": PARAMETERS["lr"]}, "fixed": {"optimizer": "adam"}}, NONE_OF_THESE),
    ],
)
def test_what_an_earlier_sweep_cannot_tell_is_a_fault(cloud: Cloud, fields: Mapping[str, Any], fault: str) -> None:
    ended(cloud)
    assert faults_of(cloud, **fields) == fault


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, "has no trial with a value yet"),
        ({"rounds": False}, "has no trial with a value yet"),
        (
            {"objectives": ["val_accuracy", "val_loss"]},
            "has several objectives, and this search's model learns one value",
        ),
    ],
)
def test_an_earlier_sweep_that_has_nothing_to_tell_yet_is_a_fault(
    cloud: Cloud, fields: Mapping[str, Any], fault: str
) -> None:
    cloud.plan({**EARLIER, "name": "earlier", **fields})
    assert faults_of(cloud) == f"{THE_EARLIER} {fault}"


def results_of_earlier(change: Mapping[str, Any], in_trial: Mapping[str, Any], cloud: Cloud) -> None:
    """Changes the recorded results of the earlier sweep that have a value."""
    key = keys.results_key("earlier", 0)
    document = cloud.bucket.get_json(key)
    for result in document["results"]:
        if result["value"] is not None:
            result.update(change)
            result["trial"].update(in_trial)
    cloud.bucket.put(key, json.dumps(document).encode(), "application/json")


@pytest.mark.parametrize(
    ("change", "in_trial", "fault"),
    [
        ({"value": math.nan}, {}, "results[0]: value: must be a number, got NaN"),
        ({"value": math.inf}, {}, "results[0]: value: must be a number, got Infinity"),
        ({"value": 10**400}, {}, "results[0]: value: must be a number, got 1000"),
        ({}, {"rung": -1}, "results[0]: trial: rung: must be 0 or more, got -1"),
        ({}, {"rung": 9}, "a trial has a rung that the sweep does not have"),
        ({}, {"params": {"lr": math.nan}}, "results[0]: trial: params: must hold values of parameters"),
    ],
)
def test_a_damaged_document_of_an_earlier_sweep_is_named(
    cloud: Cloud, change: Mapping[str, Any], in_trial: Mapping[str, Any], fault: str
) -> None:
    ended(cloud)
    results_of_earlier(change, in_trial, cloud)
    said = faults_of(cloud)
    assert said.startswith('warm_start[0]: the sweep "earlier" sweeps/earlier/round-0/results.json: ')
    assert fault in said


def test_what_a_free_running_search_found_is_read_from_its_log(cloud: Cloud) -> None:
    first = {"name": "earlier", "parameters": {"lr": LRS}, "epochs": 1, "rounds": False, "max_concurrency": 1}
    planned = cloud.plan(first)
    (state,) = cloud.bucket.get_json(planned["to_run_key"])
    for number in range(3):
        cloud.bucket.put(
            keys.metrics_key(state["trial_id"], 1), to_csv([{"epoch": 1, "val_accuracy": LRS[number]}]), ""
        )
        job = {"job_id": "j", "attempts": attempts(1.0)}
        state = as_lambda_does(asker.handler, {**state["question"], "ended": {"job": job}})
    assert "fault" not in cloud.plan({**WARM, "epochs": 1})
    assert [each.value for each in recorded(cloud).known] == [0.15, 0.1, 0.05]


def test_faults_of_the_field() -> None:
    tpe = {"method": "tpe", "trials": 5}
    assert faults(warm_start=["a"]) == (
        'warm_start: only a model learns from other sweeps; write "search": {"method": "tpe", "trials": 50}',
    )
    assert faults(warm_start=["a", "a"], search=tpe) == (
        'warm_start: must name other sweeps, each once, got ["a", "a"]',
    )
    assert faults(warm_start=["s"], search=tpe) == ('warm_start: must name other sweeps, each once, got ["s"]',)
    assert faults(warm_start="a", search=tpe) == (
        'warm_start: must be a list of names of sweeps such as ["first"], got "a"',
    )
    assert faults(known=[{"params": {}}]) == ("known[0]: value is missing",)


def test_what_does_not_apply_is_not_told_and_what_is_missing_is_not_made_up() -> None:
    space = SweepSpec.from_json({**WARM, "warm_start": []}).space
    found = [
        Known(params={"lr": 0.5, "optimizer": "adam", "momentum": 0.9, "width": 3}, value=0.5, epochs=3),
        Known(params={"lr": 0.5, "momentum": 0.5}, value=0.6, epochs=3),
        Known(params={"lr": 5, "optimizer": "adam"}, value=0.7, epochs=3),
        Known(params={"width": 3}, value=0.8, epochs=3),
    ]
    assert [each.params for each in told_of(found, space, {})] == [
        {"lr": 0.5, "optimizer": "adam"},
        {"lr": 0.5, "momentum": 0.5},
    ]
    assert len(told_of(found, space, {"width": 4})) == 1


def test_of_very_many_outcomes_some_of_every_kind_are_told() -> None:
    many = [Known(params={"lr": number}, value=number / 10_000, epochs=3) for number in range(10_000)]
    told = thinned(many, Objective())
    assert len(told) <= MAX_KNOWN
    assert told[0] == many[-1]
    assert min(each.value or 0 for each in told) < 0.01
