"""Checkpoints: a training's state as bytes, and the refusal of one that does not fit."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from stepsweep.contract.errors import SweepError
from stepsweep.trainer.train import Row, State

VERSION = 1
"""Of the format and of the training: raise it when either changes, so that none continues from other code's state."""


class CheckpointError(SweepError):
    """A checkpoint is damaged, or of another training; the message says which."""


def to_bytes(state: State, identity: Mapping[str, Any]) -> bytes:
    """Returns a file for `torch.load(weights_only=True)`: tensors and plain values only.

    Args:
        identity: all that decides the training's numbers, in plain values. Not the number of epochs: asking for
            more continues the same training.
    """
    content = {
        "identity": {"checkpoint": VERSION, **identity},
        "rows": [asdict(row) for row in state.rows],
        "weights": state.weights,
        "momentum": state.momentum,
        "best": state.best,
    }
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def from_bytes(data: bytes, identity: Mapping[str, Any]) -> State:
    """Reads what `to_bytes` wrote.

    Raises:
        CheckpointError: the bytes are damaged, or another identity wrote them.
    """
    try:
        damaged = zipfile.ZipFile(io.BytesIO(data)).testzip()  # torch.load itself does not look at the checksums
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        found = dict(content["identity"])
        state = State(
            rows=tuple(Row(**row) for row in content["rows"]),
            weights=content["weights"],
            momentum=content["momentum"],
            best=content["best"],
        )
    except Exception as error:  # torch.load raises what its parsers of zip and pickle happen to raise
        raise CheckpointError(f"it is damaged ({type(error).__name__})") from error
    if damaged:
        raise CheckpointError(f"it is damaged (the checksum of {damaged})")
    expected = {"checkpoint": VERSION, **identity}
    if differs := [
        f"{name.replace('_', ' ')} was {found.get(name)} and is {expected.get(name)}"
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    ]:
        raise CheckpointError(f"it is of another training: {', '.join(differs)}")
    return state
