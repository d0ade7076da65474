"""Metrics from TensorBoard's event files, read by TensorBoard itself."""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any

from stepsweep.trial import steps
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.metrics import Collector

FILES = "events.out.tfevents.*"


def installed() -> bool:
    return importlib.util.find_spec("tensorboard") is not None


def collect(folder: Path, epochs: int | None, collector: Collector) -> None:
    """Hands the scalars of the folder and those below it to the collector.

    Where several folders have event files, as Keras's `train` and `validation`, a name starts with its folder below the
    one that holds all of them: PyTorch names that one after the time, which no objective can know.

    Raises:
        NoMetrics: no event file is there, or it cannot be read.
    """
    folders = sorted({file.parent for file in folder.rglob(FILES)})
    if not folders:
        raise NoMetrics(f"--tensorboard {folder}: has no event files")
    run = Path(os.path.commonpath(folders))
    points = []
    for one in folders:
        prefix = "" if one == run else f"{one.relative_to(run).as_posix()}/"
        try:
            points += _points(one, prefix)
        except Exception as error:  # noqa: BLE001  the reader's errors have no common root
            raise NoMetrics(f"--tensorboard {one}: cannot be read: {error}") from None
    steps.feed(points, collector, epochs)


def _points(folder: Path, prefix: str) -> list[steps.Point]:
    processing: Any = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    tensors: Any = importlib.import_module("tensorboard.util.tensor_util")
    events = processing.EventAccumulator(str(folder), size_guidance={processing.SCALARS: 0, processing.TENSORS: 0})
    events.Reload()
    points = [
        steps.Point(event.step, event.wall_time, prefix + tag, event.value)
        for tag in events.Tags()[processing.SCALARS]
        for event in events.Scalars(tag)
    ]
    # TensorFlow 2 writes scalars as tensors.
    for tag in events.Tags()[processing.TENSORS]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            points += [
                steps.Point(event.step, event.wall_time, prefix + tag, float(tensors.make_ndarray(event.tensor_proto)))
                for event in events.Tensors(tag)
            ]
    return points
