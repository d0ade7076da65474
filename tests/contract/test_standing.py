"""The state of a sweep, and where its page is, as scripts read them."""

from dataclasses import replace

import pytest

from stepsweep.contract import keys
from stepsweep.contract.leaderboard import Row, rows_of
from stepsweep.contract.results import Result
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.contract.trial import Outcome, Status, Trial

SPEC = SweepSpec.from_json({"parameters": {"lr": [0.1, 0.2]}, "epochs": 2, "name": "s", "repeats": 2})


def result(lr: float, seed: int, value: float | None) -> Result:
    trial_id = f"lr-{lr}-{seed}"
    trial = Trial(trial_id=trial_id, params={"lr": lr}, options={"seed": seed}, epochs=2)
    if value is None:
        return Result(trial=trial, outcome=Outcome(trial_id=trial_id, status=Status.FAILED, reason="no memory"))
    outcome = Outcome(trial_id=trial_id, status=Status.SUCCEEDED)
    return Result(trial=trial, outcome=outcome, value=value, epoch=1, best=value, last=value / 2, epochs_trained=2)


ROWS = rows_of([result(0.1, 0, None), result(0.1, 1, 0.5), result(0.2, 0, 0.25), result(0.2, 1, 0.75)], SPEC)


@pytest.mark.parametrize(
    ("is_finished", "executions", "status"),
    [(False, [], "INTERRUPTED"), (True, [], "FINISHED"), (False, ["arn"], "RUNNING"), (True, ["arn"], "RUNNING")],
)
def test_the_document_of_a_sweep(is_finished: bool, executions: list[str], status: str) -> None:
    standing = Standing(
        spec=SPEC, planned=4, rows=ROWS, output=None, is_finished=is_finished, executions=executions
    )  # fmt: skip
    assert standing.to_json() == {
        "sweep": "s",
        "status": status,
        "planned": 4,
        "executions": executions,
        "output": None,
        "trials": [
            {
                "rank": 1, "trial_id": "lr-0.2-0", "params": {"lr": 0.2}, "value": 0.5, "epoch": 1, "best": 0.5,
                "last": 0.25, "epochs_trained": 2, "status": "SUCCEEDED", "reason": "", "standard_error": 0.25, "n": 2,
                "values": "0.25 0.75", "by_objective": {}, "rung": 0,
            },
            {
                "rank": None, "trial_id": "lr-0.1-0", "params": {"lr": 0.1}, "value": None, "epoch": None, "best": None,
                "last": None, "epochs_trained": None, "status": "FAILED", "reason": "1 of 2 trials succeeded; seed 0: "
                "no memory", "standard_error": None, "n": 2, "values": "FAILED 0.5", "by_objective": {}, "rung": 0,
            },
        ],
    }  # fmt: skip
    assert standing.winner is ROWS[0]
    assert standing.front == []


def test_the_row_of_a_single_trial_has_no_values_of_others() -> None:
    objectives = {"repeats": 1, "objectives": [{"metric": "a", "direction": "maximize"}, "val_loss"]}
    spec = SweepSpec.from_json({"parameters": {"lr": [0.1, 0.2]}, "epochs": 2, "name": "s", **objectives})
    (row,) = rows_of([replace(result(0.1, 0, 0.5), best=None, last=None, by_objective=(0.5, 7.0))], spec)
    assert row.to_json() == {
        "rank": 1, "trial_id": "lr-0.1-0", "params": {"lr": 0.1}, "value": 0.5, "epoch": 1, "best": None, "last": None,
        "epochs_trained": 2, "status": "SUCCEEDED", "reason": "", "standard_error": None, "n": 1, "values": "",
        "by_objective": {"a": 0.5, "val_loss": 7.0}, "rung": 0,
    }  # fmt: skip
    assert (row.each, ROWS[0].each) == ((), (0.25, 0.75))


def test_a_row_has_a_text_for_each_parameter_of_the_space() -> None:
    row = Row(
        rank=1, trial_id="t", params={"lr": 0.1}, value=0.5, epoch=1, epochs_trained=1, status="SUCCEEDED", reason="",
        names=("lr", "momentum"),
    )  # fmt: skip
    assert row.texts == {"lr": "0.1", "momentum": ""}
    assert row.objective_values == [0.5]
    assert ROWS[1].objective_values == []


@pytest.mark.parametrize("home", ["bucket", "s3://bucket"])
def test_the_console_s_address_of_an_object(home: str) -> None:
    address = keys.console_address(home, "sweeps/a b/report.html")
    assert address == "https://console.aws.amazon.com/s3/object/bucket?prefix=sweeps%2Fa%20b%2Freport.html"


def test_what_a_trial_leaves_while_it_trains_is_beside_its_checkpoint() -> None:
    assert keys.checkpoint_key("t") == "checkpoints/t/checkpoint.pt"
    assert keys.live_key("t") == "checkpoints/t/live.csv"
