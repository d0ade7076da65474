"""What the leaderboard's rows tell of the parameters."""

from collections.abc import Mapping
from typing import Any

import pytest

from stepsweep.contract.leaderboard import Row, without_effect
from stepsweep.contract.spec import SweepSpec

SPEC = SweepSpec.from_json({"name": "mine", "parameters": {"lr": [1]}, "epochs": 9})


def row(params: Mapping[str, Any], value: float | None, **fields: Any) -> Row:
    return Row(
        rank=None if value is None else 1, trial_id="", params=params, value=value, epoch=1, last=value,
        epochs_trained=3, status="", reason="", **fields,
    )  # fmt: skip


GRID = [{"lr": lr, "width": width} for lr in (0.1, 0.2) for width in (1, 2)]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([0.5, 0.5, 0.5, 0.5], ["lr", "width"]),
        ([0.5, 0.5, 0.25, 0.25], ["width"]),
        ([0.5, 0.25, 0.5, 0.25], ["lr"]),
        ([0.5, 0.5, 0.5, 0.25], []),
        ([0.5, None, 0.25, None], []),  # nothing differs in one parameter alone but lr, which has an effect
        ([0.5, None, 0.25, 0.25], ["width"]),
        ([None, None, None, None], []),
    ],
)
def test_a_parameter_that_made_no_difference(values: list[float | None], names: list[str]) -> None:
    rows = [row(params, value) for params, value in zip(GRID, values, strict=True)]
    assert without_effect(rows, SPEC) == names


def test_a_parameter_that_some_params_lack_is_compared_where_it_is() -> None:
    rows = [row({"opt": "sgd", "momentum": 0}, 0.5), row({"momentum": 9, "opt": "sgd"}, 0.5), row({"opt": "adam"}, 0.4)]
    assert without_effect(rows, SPEC) == ["momentum"]


def test_all_numbers_of_a_trial_count() -> None:
    assert without_effect([row({"lr": 1}, 0.5, best=0.5), row({"lr": 2}, 0.5, best=0.6)], SPEC) == []
    assert (
        without_effect(
            [row({"lr": 1}, 0.5, by_objective={"a": 1, "b": 2}), row({"lr": 2}, 0.5, by_objective={"a": 1, "b": 3})],
            SPEC,
        )
        == []
    )
    assert without_effect([row({"lr": 1}, 0.5)], SPEC) == []
