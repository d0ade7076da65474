"""Which metrics belong together, by the names that trainers give them."""

import pytest

from stepsweep.contract.curves import best_epoch, losses, metrics_of, panels
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.objective import Direction, Objective


def panels_of(*columns: str, metric: str) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    metrics = Metrics(columns={"epoch": [1.0], **{name: [0.5] for name in columns}})
    found = panels([metrics], Objective(metric=metric, direction=Direction.MAXIMIZE))
    return [(panel.name, panel.columns, panel.training) for panel in found]


def test_hugging_face_s_eval_is_beside_train() -> None:
    names = ("train_loss", "grad_norm", "eval_loss", "eval_accuracy", "eval_runtime")
    assert panels_of(*names, metric="eval_accuracy") == [
        ("loss", ("train_loss", "eval_loss"), ("train_loss",)),
        ("eval_accuracy", ("eval_accuracy",), ()),
        ("grad_norm", ("grad_norm",), ()),
        ("eval_runtime", ("eval_runtime",), ()),
    ]


def test_a_name_without_data_is_of_the_training_data_only_beside_one_of_the_validation() -> None:
    assert panels_of("loss", "val_loss", metric="val_loss") == [("loss", ("loss", "val_loss"), ("loss",))]
    assert panels_of("loss", "accuracy", metric="loss") == [("loss", ("loss",), ()), ("accuracy", ("accuracy",), ())]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (("train/loss", "val/loss"), ("val/loss", "train/loss")),
        (("Loss/train", "Loss/validation"), ("Loss/validation", "Loss/train")),
        (("loss", "eval_loss"), ("eval_loss", "loss")),
        (("loss",), (None, None)),
        (("eval_accuracy",), (None, None)),
    ],
)
def test_the_losses_keep_the_trainer_s_names(columns: tuple[str, ...], found: tuple[str | None, str | None]) -> None:
    assert losses(columns) == found


def test_the_columns_that_the_trainer_chose_are_metrics_in_the_order_of_the_files() -> None:
    first = Metrics(columns={"epoch": [1.0], "b": [0.5], "seconds": [2.0]})
    second = Metrics(columns={"epoch": [1.0], "a": [0.5], "b": [0.5]})
    assert metrics_of([first, second]) == ["b", "a"]


@pytest.mark.parametrize(("metric", "epoch"), [("val_loss", 2), ("missing", None)])
def test_the_epoch_that_decides_a_trial_s_value(metric: str, epoch: int | None) -> None:
    metrics = Metrics(columns={"epoch": [1.0, 2.0, 3.0], "val_loss": [0.5, 0.25, 0.75]})
    assert best_epoch(metrics, [Objective(metric=metric, direction=Direction.MINIMIZE)]) == epoch
