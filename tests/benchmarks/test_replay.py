"""Sweeps of curves that are known: what they spend and find, counted by hand."""

from pathlib import Path

import pytest

from benchmarks.replay import Cloud, Curves, recorded
from stepsweep.trainer.train import Row

LRS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def training(lr: float, seed: int, *, epochs: int = 9) -> list[Row]:
    """The larger lr, the better; val_loss is lowest at epoch 4, whence patience counts; seed 1 is a bit better."""
    return [
        Row(
            epoch=epoch,
            train_loss=1.0,
            val_loss=1.0 + abs(epoch - 4),
            val_accuracy=round(lr + epoch / 1000 + seed / 100, 6),
            seconds=0.0,
        )
        for epoch in range(1, epochs + 1)
    ]


@pytest.fixture(scope="module")
def curves() -> Curves:
    return Curves(about={"epochs": 9}, rows={((lr, 0), seed): training(lr, seed) for lr in LRS for seed in (0, 1)})


@pytest.fixture
def replayed(curves: Curves) -> Cloud:
    return Cloud(curves)


def test_a_grid_trains_all_to_the_end(replayed: Cloud) -> None:
    found = replayed.sweep(seed=0, patience=0)
    assert (found.params, found.epochs, found.rounds, found.trials) == ({"lr": 0.9, "momentum": 0}, 9 * 9, 1, 9)
    assert found.accuracy == pytest.approx(0.9 + 0.009 + 0.005)  # the mean of both seeds


def test_patience_ends_a_training_where_the_trainer_would(replayed: Cloud) -> None:
    found = replayed.sweep(seed=0, patience=2)
    assert found.epochs == 9 * 6
    assert found.accuracy == pytest.approx(0.9 + 0.006 + 0.005)


def test_epochs_of_the_rungs_below_count_once(replayed: Cloud) -> None:
    found = replayed.sweep(seed=1, patience=0, halving={"min_epochs": 1, "factor": 3})
    assert (found.params["lr"], found.rounds, found.epochs) == (0.9, 3, 9 * 1 + 3 * 2 + 1 * 6)


def test_a_model_is_asked_in_rounds(replayed: Cloud) -> None:
    found = replayed.sweep(seed=0, patience=0, search={"method": "tpe", "trials": 9, "batch": 4})
    assert (found.params["lr"], found.rounds, found.trials) == (0.9, 3, 9)


def test_a_trial_that_diverges_cannot_win_and_its_epochs_are_spent(curves: Curves) -> None:
    rows = dict(curves.rows)
    nan = float("nan")
    diverged = Row(epoch=3, train_loss=nan, val_loss=nan, val_accuracy=0.1, seconds=0.0)
    rows[(0.9, 0), 0] = [*training(0.9, 0, epochs=2), diverged]
    found = Cloud(Curves(about=curves.about, rows=rows)).sweep(seed=0, patience=0)
    assert (found.params["lr"], found.epochs) == (0.8, 8 * 9 + 3)


def test_a_recording_that_was_cut_off_is_read_without_its_last_seed(tmp_path: Path) -> None:
    file = tmp_path / "curves.csv"
    file.with_suffix(".json").write_text('{"epochs": 1}')
    lines = [f"{lr},0.5,{seed},1,1.0,nan,0.5" for lr, seed in ((0.1, 0), (0.2, 0), (0.1, 1))]
    file.write_text("\n".join(["lr,momentum,seed,epoch,train_loss,val_loss,val_accuracy", *lines]) + "\n")
    found = recorded(file)
    assert (found.seeds, found.parameters, found.epochs) == ([0], {"lr": [0.1, 0.2], "momentum": [0.5]}, 1)
