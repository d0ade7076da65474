"""Training: repeatable, resumable to the same numbers, and ended when it is of no use."""

import contextlib
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stepsweep.trainer import data, train
from stepsweep.trainer.device import BF16, FP32
from stepsweep.trainer.options import Options
from stepsweep.trainer.train import Row, State

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def images(data_dir: Path) -> data.Data:
    train.use_device(CPU, 1)
    return data.load("fashion-mnist", data_dir, train_images=96, device=CPU)


def never() -> bool:
    return False


def states(options: Options, images: data.Data, start: State | None = None) -> list[State]:
    return list(train.epochs(options, images, device=CPU, start=start, interrupted=never))


def numbers(state: State) -> list[Row]:
    return [replace(row, seconds=0.0) for row in state.rows]


def row(epoch: int, val_loss: float, train_loss: float = 1.0) -> Row:
    return Row(epoch=epoch, train_loss=train_loss, val_loss=val_loss, val_accuracy=0.5, seconds=1.0)


def test_the_same_seed_gives_the_same_numbers(options: Callable[..., Options], images: data.Data) -> None:
    first, second = (states(options("--epochs", "2"), images)[-1] for _ in range(2))
    assert numbers(first) == numbers(second)
    assert all(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)
    other = states(options("--epochs", "2", "--seed", "1"), images)[-1]
    assert numbers(other) != numbers(first)


def test_more_epochs_continue_the_same_curve(options: Callable[..., Options], images: data.Data) -> None:
    """From every epoch, and whatever happened to the process's random numbers in between."""
    whole = states(options("--epochs", "4"), images)
    for epoch in (1, 3):
        [*_, start] = states(options("--epochs", str(epoch)), images)
        torch.manual_seed(12345)
        end = states(options("--epochs", "4"), images, start)[-1]
        assert numbers(end) == numbers(whole[-1])
        assert end.rows[:epoch] == start.rows  # with the seconds that they took then
        assert all(torch.equal(end.weights[name], whole[-1].weights[name]) for name in end.weights)


def test_a_state_does_not_change_when_training_goes_on(options: Callable[..., Options], images: data.Data) -> None:
    """It is saved later, on SIGTERM, when the network is in the middle of another epoch."""
    training = train.epochs(options("--epochs", "2"), images, device=CPU, start=None, interrupted=never)
    first = next(training)
    kept = {name: value.clone() for name, value in first.weights.items()}
    momentum = [buffer.clone() for buffer in first.momentum]
    second = next(training)
    assert all(torch.equal(first.weights[name], kept[name]) for name in kept)
    assert all(torch.equal(mine, then) for mine, then in zip(first.momentum, momentum, strict=True))
    assert not torch.equal(second.weights["fc1.weight"], kept["fc1.weight"])


def test_it_ends_within_a_step_of_being_interrupted(options: Callable[..., Options], images: data.Data) -> None:
    steps = 0

    def third_epoch() -> bool:  # 96 images in batches of 32 are 3 steps an epoch
        nonlocal steps
        steps += 1
        return steps >= 8

    ended = list(train.epochs(options("--epochs", "9"), images, device=CPU, start=None, interrupted=third_epoch))
    assert [state.rows[-1].epoch for state in ended] == [1, 2]
    assert steps == 8


def test_bf16_learns_the_same_and_keeps_its_state_in_fp32(options: Callable[..., Options], images: data.Data) -> None:
    """Where the processor does not compute in it torch emulates it, so that this runs anywhere."""
    exact, rounded = (
        states(options("--epochs", "3", "--precision", precision), images)[-1] for precision in (FP32, BF16)
    )
    assert numbers(rounded) != numbers(exact)
    for one, other in zip(exact.rows, rounded.rows, strict=True):
        assert other.train_loss == pytest.approx(one.train_loss, rel=0.05)
        assert other.val_loss == pytest.approx(one.val_loss, rel=0.1)
    kept = [*rounded.weights.values(), *rounded.momentum]
    assert {value.dtype for value in kept} == {torch.float32}


def test_it_learns(options: Callable[..., Options], images: data.Data) -> None:
    end = states(options("--epochs", "6", "--batch-size", "16"), images)[-1]
    assert end.rows[-1].train_loss < end.rows[0].train_loss < math.log(10) + 0.3
    assert end.rows[-1].val_accuracy > 0.4  # of ten classes, with 96 images


def test_train_loss_is_the_mean_over_images(options: Callable[..., Options], images: data.Data) -> None:
    """With a learning rate too small to change a weight, in batches of any size: only dropout differs."""
    losses = [
        states(options("--epochs", "1", "--lr", "1e-30", "--batch-size", size), images)[-1].rows[0].train_loss
        for size in ("32", "40", "96")  # 40 leaves a last batch of 16
    ]
    assert losses == pytest.approx([losses[0]] * 3, abs=0.02)
    assert losses[0] == pytest.approx(math.log(10), abs=0.3)  # what a network that knows nothing of ten classes has


def test_evaluation_is_the_mean_over_images(options: Callable[..., Options], images: data.Data) -> None:
    [state] = states(options("--epochs", "1"), images)
    loss, accuracy = train.evaluate_weights(state.weights, images.validation, FP32)
    assert (loss, accuracy) == (state.rows[0].val_loss, state.rows[0].val_accuracy)
    assert state.rows[0].seconds % 1 > 0, "to the millisecond"
    one_by_one = [
        train.evaluate_weights(
            state.weights,
            data.Images(images=images.validation.images[i : i + 1], labels=images.validation.labels[i : i + 1]),
            FP32,
        )
        for i in range(len(images.validation))
    ]
    assert loss == pytest.approx(sum(one for one, _ in one_by_one) / len(one_by_one), rel=1e-5)
    assert accuracy == sum(right for _, right in one_by_one) / len(one_by_one)


def test_an_infinite_step_diverges_and_ends_at_once(options: Callable[..., Options], images: data.Data) -> None:
    [end] = states(options("--epochs", "5", "--lr", "1e10"), images)
    assert len(end.rows) == 1
    assert not end.rows[0].finite
    assert end.best is None
    assert states(options("--epochs", "9", "--lr", "1e10"), images, end) == []


def test_early_stopping_really_stops(options: Callable[..., Options], images: data.Data) -> None:
    """At a learning rate too high to get better for long."""
    unlimited = states(options("--epochs", "6", "--lr", "0.5", "--patience", "0"), images)[-1].rows
    stopped = states(options("--epochs", "6", "--lr", "0.5", "--patience", "1"), images)[-1]
    losses = [row.val_loss for row in unlimited]
    worse = next(number for number in range(1, 6) if losses[number] >= min(losses[:number]))
    assert len(unlimited) == 6
    assert len(stopped.rows) == worse + 1 < 6
    best = train.best_row(stopped.rows)
    assert best
    assert best.epoch == worse
    assert stopped.best
    # The weights kept are those of the best epoch, not the last.
    assert train.evaluate_weights(stopped.best, images.validation, FP32)[0] == best.val_loss


@pytest.mark.parametrize(
    ("losses", "patience", "why"),
    [
        ([], 1, None),
        ([3.0], 1, None),
        ([3.0, 3.0], 1, "early"),  # the same loss is no improvement
        ([3.0, 2.0], 1, None),
        ([3.0, 2.0, 2.5], 2, None),
        ([3.0, 2.0, 2.5, 2.1], 2, "early"),
        ([3.0, 2.0, 2.5, 1.9], 2, None),
        ([3.0] * 50, 0, None),
        ([3.0, math.nan], 5, "diverged"),
        ([math.inf], 0, "diverged"),
    ],
)
def test_when_to_stop(losses: list[float], patience: int, why: str | None) -> None:
    rows = [row(number, loss) for number, loss in enumerate(losses, start=1)]
    assert train.why_stop(rows, patience=patience) == why


def test_a_training_loss_that_is_not_finite_counts_too() -> None:
    assert train.why_stop([row(1, 0.5, train_loss=math.nan)], patience=0) == "diverged"


def test_the_best_epoch_is_the_first_with_the_lowest_loss() -> None:
    rows = [row(1, 3.0), row(2, 1.0), row(3, 1.0), row(4, math.nan)]
    assert train.best_row(rows) is rows[1]
    assert train.best_row([row(1, math.nan)]) is None


def test_a_gpu_computes_alike_each_time_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    train.use_device(CPU, 2)
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == (True, False)
    train.use_device(torch.device("cuda"), 3)
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == (False, True)
    assert threads == [2, 3]
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the model of {device}")
    assert train.describe(torch.device("cuda:1")) == "cuda (the model of cuda:1)"
    assert train.describe(CPU) == f"cpu ({torch.backends.cpu.get_cpu_capability()})"


def test_the_network_and_its_images_are_on_one_device(
    options: Callable[..., Options], data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On one that computes only shapes, for want of a GPU: it gets as far as the first step, which meta lacks."""
    meta = torch.device("meta")
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # which meta lacks too
    images = data.load("fashion-mnist", data_dir, train_images=96, device=meta)
    with pytest.raises(NotImplementedError, match="_fused_sgd_"):
        next(train.epochs(options(), images, device=meta, start=None, interrupted=never))
