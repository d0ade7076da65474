"""Checkpoints: converts a training's state to bytes and back, and refuses checkpoints of other trainings."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from stepsweep.contract.errors import SweepError
from stepsweep.trainer.train import Row, State

VERSION = 2
"""Version of format and training. Increase it when either changes, so that no training continues other code's state."""


class CheckpointError(SweepError):
    """A checkpoint is damaged, or belongs to another training; the message says which."""


def to_bytes(state: State, identity: Mapping[str, Any]) -> bytes:
    """Returns the bytes of a file for `torch.load(weights_only=True)`: only tensors and plain values.

    Args:
        identity: everything that decides the training's numbers, as plain values. The number of epochs is not part of
            it: more epochs continue the same training.
    """
    content = {
        "identity": {"checkpoint": VERSION, **identity},
        "rows": [asdict(row) for row in state.rows],
        "weights": state.weights,
        "momentum": state.momentum,
        "best": state.best,
        "devices": list(state.devices),
    }
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def from_bytes(data: bytes, identity: Mapping[str, Any]) -> State:
    """Reads what `to_bytes` wrote.

    Raises:
        CheckpointError: the bytes are damaged, or have another identity.
    """
    try:
        damaged = zipfile.ZipFile(io.BytesIO(data)).testzip()  # torch.load does not verify checksums
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        found = dict(content["identity"])
        state = State(
            rows=tuple(Row(**row) for row in content["rows"]),
            weights=content["weights"],
            momentum=content["momentum"],
            best=content["best"],
            devices=tuple(map(str, content["devices"])),
        )
    except Exception as error:  # torch.load raises whatever its zip and pickle parsers raise
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
