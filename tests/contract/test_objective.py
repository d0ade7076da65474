"""Which epoch decides a trial's value, and when a trial has diverged."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract.errors import InvalidMetrics
from stepsweep.contract.metrics import Metrics, parse_csv
from stepsweep.contract.objective import At, Direction, Objective
from tests.support.specs import faults, parse

COLUMNS: dict[str, list[float]] = {"epoch": [1, 2, 3, 4], "val_loss": [0.5, 0.2, 0.2, 0.9]}
finite = st.floats(allow_nan=False, allow_infinity=False)


def minimized(at: Any = "best") -> Objective:
    return Objective(metric="val_loss", direction=Direction.MINIMIZE, at=At.from_json(at))


def value(*cells: str, at: Any = "best") -> tuple[float, int]:
    rows = "".join(f"{epoch},{cell},0\n" for epoch, cell in enumerate(cells, start=1))
    metrics = parse_csv(f"epoch,val_loss,other\n{rows}".encode(), max_epochs=len(cells))
    reached = minimized(at).value_of(metrics)
    return reached.value, reached.epoch


def fault(*cells: str, at: Any = "best") -> str:
    with pytest.raises(InvalidMetrics) as caught:
        value(*cells, at=at)
    return str(caught.value)


@pytest.mark.parametrize(("direction", "best"), [(Direction.MINIMIZE, (0.2, 2)), (Direction.MAXIMIZE, (0.9, 4))])
def test_the_best_is_the_end_that_the_objective_names_and_the_first_epoch_that_reached_it(
    direction: Direction, best: Any
) -> None:
    reached = Objective(metric="val_loss", direction=direction).value_of(Metrics(columns=COLUMNS))
    assert (reached.value, reached.epoch) == best


@given(st.lists(finite, min_size=1), st.sampled_from(Direction))
def test_no_epoch_is_better_than_the_best_and_none_before_it_as_good(values: list[float], direction: Direction) -> None:
    columns = {"epoch": [float(n) for n in range(1, len(values) + 1)], "f1": values}
    reached = Objective(metric="f1", direction=direction).value_of(Metrics(columns=columns))
    assert reached.value == reached.best == (max(values) if direction is Direction.MAXIMIZE else min(values))
    assert values[reached.epoch - 1] == reached.value
    assert reached.value not in values[: reached.epoch - 1]
    assert reached.last == values[-1]


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("best", (0.125, 2)),
        ("last", (0.5, 5)),
        ({"epoch": 4}, (0.25, 4)),
        ({"epoch": 3}, (0.125, 2)),
        ({"epoch": 9}, (0.5, 5)),
        ({"mean_of_last": 2}, (0.375, 5)),
        ({"mean_of_last": 9}, (0.46875, 5)),
    ],
)
def test_the_objective_says_which_epochs_decide(at: Any, found: tuple[float, int]) -> None:
    assert value("1", "0.125", "", "0.25", "0.5", at=at) == found


def test_an_epoch_that_was_not_measured_or_is_not_finite_does_not_count() -> None:
    assert value("", "0.5", "", "0.25") == (0.25, 4)
    assert value("0.5", "", at="last") == (0.5, 1)
    assert value("nan", "0.5", "inf", "0.75") == (0.5, 2)
    assert value("0.5", "nan", "0.25", at={"mean_of_last": 2}) == (0.375, 3)


def test_a_trial_has_diverged_if_its_last_measured_value_is_not_finite() -> None:
    assert fault("0.5", "nan") == "val_loss is nan at epoch 2: the trial diverged"
    assert fault("0.5", "nan", "0.25", "inf", "", "nan", "") == "val_loss is inf at epoch 4: the trial diverged"
    assert fault("nan") == "val_loss is nan at epoch 1: the trial diverged"


def test_an_objective_without_a_value_is_named() -> None:
    assert fault("", "") == "val_loss, the objective, was not measured in any epoch"
    assert fault("", "0.5", at={"epoch": 1}) == "val_loss was not measured up to epoch 1"
    with pytest.raises(InvalidMetrics) as caught:
        Objective(metric="val_accuracy").value_of(Metrics(columns=COLUMNS))
    assert (
        str(caught.value) == "the objective `val_accuracy` is not among the metrics: val_loss; name one of them, "
        "or say with `metrics` where it is printed"
    )
    many = {"epoch": [1.0], **{f"metric_{number}": [0.5] for number in range(99)}}
    with pytest.raises(InvalidMetrics, match=r" the metrics: metric_0, .{,150}, …; name one of"):
        Objective(metric="val_accuracy").value_of(Metrics(columns=many))


def test_a_value_that_is_not_finite_in_another_column_costs_nothing() -> None:
    metrics = parse_csv(b"epoch,val_loss,auc\n1,0.5,nan\n2,0.25,inf\n", max_epochs=2)
    assert minimized().value_of(metrics).value == 0.25
    assert math.isnan(metrics.columns["auc"][0])


def test_thousands_of_columns_make_a_short_reason() -> None:
    columns = {"epoch": [1.0], **{f"column_{number}": [0.0] for number in range(10_000)}}
    with pytest.raises(InvalidMetrics) as caught:
        Objective().value_of(Metrics(columns=columns))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("at", ["best", "last", {"epoch": 7}, {"mean_of_last": 100}])
def test_the_epochs_that_decide_survive_the_spec(at: Any) -> None:
    spec = parse(objective={"metric": "val_loss", "at": at})
    assert spec.to_json()["objective"] == {"metric": "val_loss", "direction": "minimize", "at": at}
    assert parse(**spec.to_json()) == spec


@pytest.mark.parametrize("at", ["first", 3, None, {}, {"epoch": 1, "mean_of_last": 1}, {"epoch": "2"}, {"last": 2}])
def test_other_epochs_are_a_fault(at: Any) -> None:
    (found,) = faults(objective={"metric": "val_loss", "at": at})
    assert found.startswith('objective.at: must be "best", "last", {"epoch": 10} or {"mean_of_last": 3}, got ')


@pytest.mark.parametrize("at", [{"epoch": 0}, {"epoch": 101}, {"mean_of_last": True}])
def test_an_epoch_that_no_trial_has_is_a_fault(at: Any) -> None:
    (found,) = faults(objective={"metric": "val_loss", "at": at})
    assert found.startswith(f"objective.at: {next(iter(at))} must be a whole number from 1 to the sweep's epochs, got ")
