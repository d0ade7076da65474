"""Trains epoch by epoch: each epoch turns a `State` into the next.

docs/performance.md compares the time of an epoch with the tutorial's code and the machine's floor. Not yet run on a
GPU.

The numbers depend only on the options, the data, the torch version, the device and the number of threads. They do not
depend on interruptions, nor on the number of epochs.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from stepsweep.trainer.data import Data, Images
from stepsweep.trainer.device import computing_in
from stepsweep.trainer.model import Net
from stepsweep.trainer.optimizer import SGD
from stepsweep.trainer.options import Options

Weights: TypeAlias = dict[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The results of one epoch: a row of the metrics file, with its columns in this order.

    Attributes:
        train_loss: mean over the training images during the epoch, with dropout.
        val_loss: mean over the validation images after the epoch.
        val_accuracy: fraction of the validation images classified correctly; NaN if a loss is not finite.
        seconds: duration of training and validation.
    """

    epoch: int
    train_loss: float
    val_loss: float
    val_accuracy: float
    seconds: float

    @property
    def finite(self) -> bool:
        return all(math.isfinite(value) for value in asdict(self).values())


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that the next epoch depends on, in CPU memory, and the best weights so far.

    Attributes:
        momentum: SGD's buffers, one per parameter of the network.
        best: the weights after the epoch with the lowest val_loss; None if no val_loss was finite.
        devices: what trained the rows, in order, as `describe` returns it.
    """

    rows: tuple[Row, ...]
    weights: Weights
    momentum: list[Tensor]
    best: Weights | None
    devices: tuple[str, ...]


def best_row(rows: Sequence[Row]) -> Row | None:
    """Returns the first epoch with the lowest val_loss, which early stopping keeps; None if no epoch is finite."""
    return min((row for row in rows if row.finite), key=lambda row: row.val_loss, default=None)


def why_stop(rows: Sequence[Row], *, patience: int) -> str | None:
    """Returns "diverged" or "early" if another epoch would be useless, otherwise None."""
    if rows and not rows[-1].finite:
        return "diverged"
    best = best_row(rows)
    if best and patience and rows[-1].epoch - best.epoch >= patience:
        return "early"
    return None


def use_device(device: torch.device, threads: int) -> None:
    """Makes computation on the device deterministic, for the whole process."""
    torch.set_num_threads(threads)
    if device.type == "cuda":
        # By default cuDNN uses TF32 for convolutions on Ampere and newer.
        torch.backends.cudnn.allow_tf32 = False
        # Enough for this network. `torch.use_deterministic_algorithms` imports torch._dynamo, 7 s of CPU per trial.
        torch.backends.cudnn.deterministic = True


def describe(device: torch.device) -> str:
    """Returns the device with its model, since another model gives other last digits."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"cpu ({torch.backends.cpu.get_cpu_capability()})"


def epochs(
    options: Options, data: Data, *, device: torch.device, start: State | None, interrupted: Callable[[], bool]
) -> Iterator[State]:
    """Trains, and yields the state after every epoch.

    Ends after `options.epochs`, when another epoch would be useless (`why_stop`), or one step after `interrupted()`
    returns true; then the unfinished epoch is lost.

    Args:
        start: the state to continue from; None starts from the beginning.
    """
    _seed(options.seed, epoch=0)
    net = Net().to(device).to(memory_format=torch.channels_last)
    optimizer = SGD(net.parameters(), lr=options.lr, momentum=options.momentum, weight_decay=options.weight_decay)
    rows: tuple[Row, ...] = ()
    best: Weights | None = None
    devices: tuple[str, ...] = ()
    if start:
        rows, best, devices = start.rows, start.best, start.devices
        net.load_state_dict(start.weights)
        optimizer.load(start.momentum)

    if describe(device) not in devices[-1:]:
        devices = (*devices, describe(device))
    while len(rows) < options.epochs and not why_stop(rows, patience=options.patience):
        began = time.monotonic()
        epoch = len(rows) + 1
        _seed(options.seed, epoch=epoch)
        train_loss = _train(net, optimizer, data.train, options, interrupted)
        if train_loss is None:
            return
        val_loss, val_accuracy = evaluate(net, data.validation, options.precision)
        rows += (
            Row(
                epoch=epoch,
                train_loss=train_loss,
                val_loss=val_loss,
                # The accuracy of a model that diverged means nothing.
                val_accuracy=val_accuracy if math.isfinite(train_loss + val_loss) else math.nan,
                seconds=round(time.monotonic() - began, 3),
            ),
        )
        weights = _copy(net)
        if best_row(rows) is rows[-1]:
            best = weights
        momentum = [buffer.to("cpu", copy=True) for buffer in optimizer.buffers]
        yield State(rows=rows, weights=weights, momentum=momentum, best=best, devices=devices)


def _train(net: Net, optimizer: SGD, train: Images, options: Options, interrupted: Callable[[], bool]) -> float | None:
    """Trains one epoch. Returns its mean loss, or None if it was interrupted."""
    device = train.labels.device
    net.train()
    total = torch.zeros((), dtype=torch.float64, device=device)
    for batch in torch.split(torch.randperm(len(train)).to(device), options.batch_size):
        with computing_in(options.precision, device):
            output = net(train.images[batch])
        loss = F.nll_loss(output, train.labels[batch])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.detach() * len(batch)  # stays on the device: `.item()` would wait for a GPU at every step
        if interrupted():
            return None
    return total.item() / len(train)


@torch.inference_mode()
def evaluate(net: Net, images: Images, precision: str) -> tuple[float, float]:
    """Returns the mean loss, and the fraction classified correctly."""
    net.eval()
    # Batches that fit the caches are fastest on a CPU (12,000 images on two cores: 2.5 s in 64s, 4 s in 1,000s).
    device = images.labels.device
    size = 64 if device.type == "cpu" else 2000
    loss = torch.zeros((), dtype=torch.float64, device=device)
    right = torch.zeros((), dtype=torch.int64, device=device)
    for x, labels in zip(torch.split(images.images, size), torch.split(images.labels, size), strict=True):
        with computing_in(precision, device):
            output = net(x)
        loss += F.nll_loss(output, labels, reduction="sum")
        right += (output.argmax(dim=1) == labels).sum()
    return loss.item() / len(images), right.item() / len(images)


def evaluate_weights(weights: Weights, images: Images, precision: str) -> tuple[float, float]:
    """Evaluates a network with these weights."""
    net = Net().to(images.labels.device).to(memory_format=torch.channels_last)
    net.load_state_dict(weights)
    return evaluate(net, images, precision)


def _copy(net: Net) -> Weights:
    return {name: value.detach().to("cpu", copy=True) for name, value in net.state_dict().items()}


def _seed(seed: int, *, epoch: int) -> None:
    """Starts an epoch's own stream of random numbers, for its order and dropout; epoch 0 is for the initial weights.

    So a checkpoint needs no generator state, and an interrupted training continues with the same numbers. The seed is
    hashed, since torch's CPU generator takes only 32 bits, and neighbouring seeds must not share streams.
    """
    torch.manual_seed(int.from_bytes(hashlib.sha256(f"{seed}:{epoch}".encode()).digest()[:4], "big"))
