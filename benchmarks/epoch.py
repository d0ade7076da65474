"""Measures one epoch with validation: the tutorial's code, the trainer in fp32 and bf16, and the distance to the floor.

The floor is the time that the epoch's multiplications and additions would take at the rate of the network's largest
part, the second convolution, forward and backward, measured alone.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from benchmarks import tutorial
from benchmarks.results import Result, Table
from benchmarks.timing import ROOT, alternating, ratio
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer import data, options, train
from stepsweep.trainer.device import BF16, FP32, PRECISIONS, choose, computing_in
from stepsweep.trainer.model import Net
from stepsweep.trainer.optimizer import SGD

EXPECTED_SECONDS = 160
DATA_DIR = ROOT / data.DEFAULT_DATA_DIR
CPU = torch.device("cpu")

Contender = Callable[[], float]

# Operations of one image's forward pass: 2 x positions x output channels x weights per channel.
CONV1 = 2 * 26 * 26 * 32 * (9 * 1)
CONV2 = 2 * 24 * 24 * 64 * (9 * 32)
LINEAR = 2 * (9216 * 128 + 128 * 10)
FORWARD = CONV1 + CONV2 + LINEAR
# The backward pass takes each part twice, for its input and its weights; the images need no gradient.
TRAIN = FORWARD + 2 * FORWARD - CONV1
EPOCH = TRAIN * data.TRAIN_IMAGES + FORWARD * data.VALIDATION_IMAGES


def run(*, quick: bool) -> Result:
    train_images = 640 if quick else 6400
    turns = 2 if quick else 4
    precisions = _precisions()
    images = data.load("fashion-mnist", DATA_DIR, train_images=train_images, device=CPU)
    contenders = {"tutorial": _tutorial(DATA_DIR, train_images)}
    contenders |= {precision: _ours(precision, images, train_images) for precision in precisions}
    contenders |= {f"rate {precision}": _rate(precision) for precision in precisions}
    values: dict[str, dict[str, list[float]]] = {}
    for threads in (1, 2):
        torch.set_num_threads(threads)
        print(f" {_threads(str(threads))}", flush=True)
        for warm_up in contenders.values():
            warm_up()
        values[str(threads)] = alternating(contenders, repetitions=turns)
    whole = data.TRAIN_IMAGES / train_images
    subset = f"{train_images:,} of {data.TRAIN_IMAGES:,} training images"
    return Result(
        tables=[
            _epochs(values, whole, precisions, f"{turns} turns, {subset} and as many in proportion for validation"),
            _profile(images, precisions),
        ],
        values={"threads": values, "scale": whole, "flop": EPOCH},
    )


def _precisions() -> list[str]:
    """Returns the precisions that this processor supports."""
    try:
        choose("cpu", precision=BF16)
    except InvalidInput:
        return [FP32]
    return list(PRECISIONS)


def _tutorial(data_dir: Path, train_images: int) -> Contender:
    loaders = tutorial.loaders(data_dir, train_images=train_images)
    net = tutorial.TutorialNet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5)

    def seconds() -> float:
        began = time.monotonic()
        tutorial.epoch(net, optimizer, *loaders)
        return time.monotonic() - began

    return seconds


def _options(precision: str, train_images: int) -> options.Options:
    words = ["--dataset", "fashion-mnist", "--train-images", str(train_images), "--precision", precision, "-e", "1"]
    return options.parse(words, default_data_dir=str(DATA_DIR), default_threads="1", default_device="cpu")


def _ours(precision: str, images: data.Data, train_images: int) -> Contender:
    asked = _options(precision, train_images)

    def seconds() -> float:
        began = time.monotonic()
        for _ in train.epochs(asked, images, device=CPU, start=None, interrupted=lambda: False):
            pass
        return time.monotonic() - began

    return seconds


def _rate(precision: str) -> Contender:
    """Measures the second convolution on a batch of 64, forward and backward, in operations per second; best of 20."""
    dtype = torch.bfloat16 if precision == BF16 else torch.float32

    def tensor(*size: int) -> torch.Tensor:
        return torch.randn(size).to(dtype).to(memory_format=torch.channels_last)

    x, weight, gradient = tensor(64, 32, 26, 26), tensor(64, 32, 3, 3), tensor(64, 64, 24, 24)
    plain = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)

    def once() -> float:
        began = time.monotonic()
        F.conv2d(x, weight)
        torch.ops.aten.convolution_backward(gradient, x, weight, None, *plain, [True, True, False])
        return time.monotonic() - began

    return lambda: 3 * 64 * CONV2 / min(once() for _ in range(20))


def _epochs(values: dict[str, dict[str, list[float]]], whole: float, precisions: list[str], how: str) -> Table:
    rows = []
    for threads, found in values.items():
        theirs = found["tutorial"]
        rows.append([f"the tutorial's code, {_threads(threads)}", f"{median(theirs) * whole:.1f} s", "1.00x", "", ""])
        for precision in precisions:
            floor = EPOCH / median(found[f"rate {precision}"])
            rows.append(
                [
                    f"the trainer, {precision}, {_threads(threads)}",
                    f"{median(found[precision]) * whole:.1f} s",
                    f"{ratio(theirs, found[precision]):.2f}x",
                    f"{floor:.1f} s",
                    f"{floor / (median(found[precision]) * whole):.0%}",
                ]
            )
    columns = ["one epoch", "time", "faster", "floor", "floor / time"]
    return Table(
        columns=columns,
        rows=rows,
        caption=(
            f"Medians of {how}, scaled to a whole epoch of {EPOCH / 1e12:.2f} TFLOP. "
            "The ratio is the median of the ratios within a turn."
        ),
    )


def _threads(count: str) -> str:
    return f"{count} thread{'' if count == '1' else 's'}"


def _profile(images: data.Data, precisions: list[str]) -> Table:
    """Returns the operations of a training step on one thread, by torch's profiler."""
    torch.set_num_threads(1)
    found = {precision: _operations(precision, images) for precision in precisions}
    largest = sorted(found[FP32], key=lambda name: -found[FP32][name])[:9]
    rows = [[f"`{name}`", *(f"{found[one].get(name, 0):.2f}" for one in precisions)] for name in largest]
    rest = [sum(value for name, value in found[one].items() if name not in largest) for one in precisions]
    rows.append(["everything else", *(f"{value:.2f}" for value in rest)])
    rows.append(["one step", *(f"{sum(found[one].values()):.2f}" for one in precisions)])
    return Table(
        columns=["operation", *(f"{precision}, ms" for precision in precisions)],
        rows=rows,
        caption="A training step of 64 images on one thread, by operation (torch.profiler).",
    )


def _operations(precision: str, images: data.Data) -> dict[str, float]:
    """Returns operation → its own milliseconds per step, without the operations that it calls."""
    from torch.profiler import ProfilerActivity, profile

    net = Net().to(memory_format=torch.channels_last).train()
    optimizer = SGD(net.parameters(), lr=0.01, momentum=0.5, weight_decay=0)
    batches = torch.split(torch.randperm(len(images.train))[: 64 * 8], 64)

    def steps() -> None:
        for batch in batches:
            with computing_in(precision, CPU):
                output = net(images.train.images[batch])
            F.nll_loss(output, images.train.labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    steps()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        steps()
    events: Any = profiled.key_averages()
    return {event.key: event.self_cpu_time_total / 1e3 / len(batches) for event in events}
