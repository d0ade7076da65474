"""Measures the trainer on one GPU: precisions, CUDA graphs, trials at once, the tutorial's way, and correctness.

It takes at most eight minutes; what no longer fits is left out, and named. Without a GPU it runs little of everything
on the CPU, to see that it runs; those figures are not for the docs. Nobody has run it on a GPU.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks import tutorial
from benchmarks.results import Result, Table
from benchmarks.timing import ROOT
from stepsweep.trainer import data
from stepsweep.trainer.model import Net
from stepsweep.trainer.optimizer import SGD

EXPECTED_SECONDS = 480
DATA_DIR = ROOT / data.DEFAULT_DATA_DIR

BATCH = 64
FP16_SCALE = 1024.0
"""A fixed scale of the loss, so that small gradients are not zero in fp16; none overflows with it."""

PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
AT_ONCE = (1, 2, 4, 8)
STEPS_COMPARED = 5
FEW_IMAGES = 320
WORKER_EPOCHS = 3


def run(*, quick: bool) -> Result:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    small = quick or device.type == "cpu"
    torch.set_num_threads(1)
    until = time.monotonic() + EXPECTED_SECONDS
    images = data.load(
        "fashion-mnist", DATA_DIR, train_images=FEW_IMAGES if small else data.TRAIN_IMAGES, device=device
    )
    tables = [
        _epochs(device, images, repetitions=1 if small else 5, until=until - 300),
        _at_once(device, small=small, until=until - 30),
        _correctness(device, images),
    ]
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU: these are no figures of a GPU"
    first, *others = tables
    first = Table(columns=first.columns, rows=first.rows, caption=f"{name}. {first.caption}")
    return Result(tables=[first, *others], values={"device": name}, is_for_docs=device.type == "cuda")


# --- one step, in every way


class Steps:
    """Trains a network, a batch at a time, with or without a CUDA graph of the step.

    Attributes:
        loss: of the last step, on the device.
    """

    def __init__(self, device: torch.device, precision: str, *, graph: bool, dropout: bool = True) -> None:
        torch.manual_seed(0)
        self.net = Net().to(device).to(memory_format=torch.channels_last).train()
        if not dropout:
            for module in self.net.modules():
                if isinstance(module, nn.Dropout | nn.Dropout2d):
                    module.p = 0.0
        self.loss = torch.zeros((), device=device)
        self._device = device
        self._precision = precision
        self._optimizer = SGD(self.net.parameters(), lr=0.01, momentum=0.5, weight_decay=0.0)
        self._graph: torch.cuda.CUDAGraph | None = None
        if graph:
            self._capture()

    def __call__(self, images: Tensor, labels: Tensor) -> None:
        if self._graph is None:
            self._step(images, labels)
            return
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()

    def _step(self, images: Tensor, labels: Tensor) -> None:
        with self.computing():
            output = self.net(images)
        loss = F.nll_loss(output.float(), labels)
        scale = FP16_SCALE if self._precision == "fp16" else 1.0
        (loss * scale).backward()  # type: ignore[no-untyped-call]
        if scale != 1.0:
            for parameter in self.net.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(1 / scale)
        self._optimizer.step()
        self.loss.copy_(loss.detach())

    def computing(self) -> torch.autocast:
        kinds = {"fp16": torch.float16, "bf16": torch.bfloat16}
        return torch.autocast(
            self._device.type, kinds.get(self._precision, torch.bfloat16), enabled=self._precision in kinds
        )

    def _capture(self) -> None:
        """Captures the step after three of it on a side stream: https://docs.pytorch.org/docs/stable/notes/cuda.html"""
        weights = {name: value.clone() for name, value in self.net.state_dict().items()}
        self._images = torch.zeros(BATCH, 1, 28, 28, device=self._device).to(memory_format=torch.channels_last)
        self._labels = torch.zeros(BATCH, dtype=torch.int64, device=self._device)
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._step(self._images, self._labels)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._step(self._images, self._labels)
        self.net.load_state_dict(weights)
        for buffer in self._optimizer.buffers:
            buffer.zero_()


@contextlib.contextmanager
def _tf32(*, on: bool) -> Iterator[None]:
    """Has fp32 products on a GPU computed in TF32, or not, and convolutions alike."""
    before = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def _epoch(steps: Steps, images: data.Data) -> None:
    """Trains and validates once. The last batch of an odd size is left out, since a graph has one size."""
    steps.net.train()
    for batch in torch.split(torch.randperm(len(images.train)).to(images.train.labels.device), BATCH):
        if len(batch) == BATCH:
            steps(images.train.images[batch], images.train.labels[batch])
    steps.net.eval()
    right = torch.zeros((), dtype=torch.int64, device=images.train.labels.device)
    with torch.inference_mode():
        for x, labels in zip(
            torch.split(images.validation.images, 2000), torch.split(images.validation.labels, 2000), strict=True
        ):
            with steps.computing():
                right += (steps.net(x).argmax(dim=1) == labels).sum()
    right.item()


def _seconds(device: torch.device, do: Callable[[], object]) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    began = time.monotonic()
    do()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.monotonic() - began


# --- the tables


def _supported(device: torch.device) -> list[str]:
    """Returns the precisions that the device computes in; others would be emulated."""
    if device.type == "cpu":
        return ["fp32", "tf32", "bf16"]  # only to see that it runs; fp16 takes minutes
    major, _ = torch.cuda.get_device_capability()
    return [name for name in PRECISIONS if name in ("fp32", "fp16") or major >= 8]


def _epochs(device: torch.device, images: data.Data, *, repetitions: int, until: float) -> Table:
    loaders = tutorial.loaders(DATA_DIR, train_images=len(images.train))
    net = tutorial.TutorialNet().to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5)
    theirs = _seconds(device, lambda: tutorial.epoch(net, optimizer, *loaders))
    rows = [["the tutorial's code, one epoch", f"{theirs:.2f} s", "1.0x"]]
    graphs = (False, True) if device.type == "cuda" else (False,)
    for precision in _supported(device):
        for graph in graphs:
            if time.monotonic() > until:
                rows.append([f"{precision}{', graph' if graph else ''}", "left out: no time", ""])
                continue
            with _tf32(on=precision == "tf32"):
                steps = Steps(device, precision, graph=graph)
                _epoch(steps, images)  # warms up
                ours = [_seconds(device, lambda steps=steps: _epoch(steps, images)) for _ in range(repetitions)]  # type: ignore[misc]
            name = f"{precision}{', CUDA graph of the step' if graph else ''}"
            rows.append([name, f"{median(ours):.3f} s", f"{theirs / median(ours):.1f}x"])
    caption = (
        f"One epoch of {len(images.train):,} images with validation, medians of {repetitions}. fp16 has a fixed scale "
        "of the loss."
    )
    return Table(columns=["one epoch", "time", "faster"], rows=rows, caption=caption)


def _at_once(device: torch.device, *, small: bool, until: float) -> Table:
    """Runs several trials at once, each in a process of its own, with and without NVIDIA's MPS."""
    rows = []
    alone: float | None = None
    for with_mps in (False, True) if device.type == "cuda" else (False,):
        with _mps(start=with_mps) as environment:
            for number in (1, 2) if small else AT_ONCE:
                name = f"{number} at once{', MPS' if with_mps else ''}"
                if environment is None or time.monotonic() > until:
                    rows.append([name, "no MPS here" if environment is None else "left out: no time", ""])
                    continue
                took = _workers(number, device, environment, small=small)
                alone = alone or took
                rows.append([name, f"{took / WORKER_EPOCHS:.2f} s", f"{number * alone / took:.2f}x"])
    caption = (
        "Trials at once on the GPU, fp32, a process each: time of one epoch of each, and how many epochs all train "
        "together in the time of one alone."
    )
    return Table(columns=["trials", "epoch of each", "throughput"], rows=rows, caption=caption)


@contextlib.contextmanager
def _mps(*, start: bool) -> Iterator[dict[str, str] | None]:
    """Yields the environment of the workers; None if MPS was wanted and does not start."""
    if not start:
        yield dict(os.environ)
        return
    with tempfile.TemporaryDirectory() as folder:
        places = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        environment = {**os.environ, **places}
        control = "nvidia-cuda-mps-control"
        try:
            subprocess.run([control, "-d"], env=environment, check=True, capture_output=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            yield None
            return
        try:
            yield environment
        finally:
            subprocess.run([control], input="quit\n", text=True, env=environment, check=False, timeout=30)


def _workers(number: int, device: torch.device, environment: dict[str, str], *, small: bool) -> float:
    """Returns the seconds in which all of them train, from when the last is ready until the last has ended."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.gpu",
        device.type,
        str(FEW_IMAGES) if small else str(data.TRAIN_IMAGES),
    ]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(number)
        ]
        for process in processes:
            if _line_of(process) != "ready\n":
                raise RuntimeError("a worker did not become ready; its error is above")
        began = time.monotonic()
        for process in processes:
            if process.stdin is not None:
                process.stdin.write("go\n")
                process.stdin.flush()
        for process in processes:
            if _line_of(process) != "trained\n":
                raise RuntimeError("a worker did not train; its error is above")
        return time.monotonic() - began


def _line_of(process: "subprocess.Popen[str]") -> str:
    return process.stdout.readline() if process.stdout else ""


def _correctness(device: torch.device, images: data.Data) -> Table:
    """Compares the losses of a few steps without dropout with those of the CPU in fp32."""
    batches = torch.split(torch.arange(STEPS_COMPARED * BATCH), BATCH)

    def losses(steps: Steps, where: torch.device) -> list[float]:
        found = []
        for batch in batches:
            there = batch.to(images.train.labels.device)
            steps(images.train.images[there].to(where), images.train.labels[there].to(where))
            found.append(float(steps.loss))
        return found

    cpu = torch.device("cpu")
    expected = losses(Steps(cpu, "fp32", graph=False, dropout=False), cpu)
    rows = []
    for precision in _supported(device):
        for graph in (False, True) if device.type == "cuda" else (False,):
            with _tf32(on=precision == "tf32"):
                found = losses(Steps(device, precision, graph=graph, dropout=False), device)
            worst = max(abs(one - other) / other for one, other in zip(found, expected, strict=True))
            rows.append([f"{precision}{', CUDA graph' if graph else ''}", f"{worst:.1e}"])
    caption = (
        "The largest relative difference of the loss from the CPU's in fp32, over "
        f"{STEPS_COMPARED} steps without dropout."
    )
    return Table(columns=["computed in", "difference"], rows=rows, caption=caption)


def _work(arguments: Sequence[str]) -> None:
    """One trial of several: gets ready, waits for a line, trains, and prints the seconds."""
    kind, train_images = arguments
    device = torch.device(kind)
    torch.set_num_threads(1)
    images = data.load("fashion-mnist", Path(DATA_DIR), train_images=int(train_images), device=device)
    steps = Steps(device, "fp32", graph=False)
    _epoch(steps, images)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(WORKER_EPOCHS):
        _epoch(steps, images)
    print("trained", flush=True)


if __name__ == "__main__":
    _work(sys.argv[1:])
