"""TensorBoard's event files, read back by its own reader."""

import warnings
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import SCALARS, TENSORS, EventAccumulator
from tensorboard.util.tensor_util import make_ndarray


def read(run: Path) -> EventAccumulator:
    (_,) = run.glob("events.out.tfevents.*")
    events = EventAccumulator(str(run), size_guidance={SCALARS: 0, TENSORS: 0})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reader's own
        events.Reload()
    return events


def points(run: Path, tag: str) -> list[tuple[int, float]]:
    """Returns the steps and values of a run's scalar; TensorBoard's have 32 bits."""
    found = [(event.step, float(make_ndarray(event.tensor_proto))) for event in read(run).Tensors(tag)]
    return [(step, round(value, 6)) for step, value in found]


def text(run: Path, tag: str) -> str:
    (event,) = read(run).Tensors(tag)
    return str(make_ndarray(event.tensor_proto).item().decode())
