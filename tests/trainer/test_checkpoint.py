"""Checkpoints: round trip, and refusal of what is damaged or of another training."""

import io
from dataclasses import replace

import pytest
import torch

from stepsweep.trainer import checkpoint
from stepsweep.trainer.checkpoint import CheckpointError
from stepsweep.trainer.model import Net
from stepsweep.trainer.train import Row, State

IDENTITY = {"lr": 0.1, "threads": 2, "device": "cpu (AVX512)"}


def made() -> State:
    torch.manual_seed(0)
    net = Net()
    return State(
        rows=(Row(epoch=1, train_loss=1.5, val_loss=float("nan"), val_accuracy=0.1, seconds=2.25),),
        weights={name: value.detach() for name, value in net.state_dict().items()},
        momentum=[torch.randn_like(parameter) for parameter in net.parameters()],
        best=None,
        devices=("cpu (AVX512)",),
    )


def test_it_reads_what_it_wrote() -> None:
    state = made()
    again = checkpoint.from_bytes(checkpoint.to_bytes(state, IDENTITY), IDENTITY)
    assert repr(again.rows) == repr(state.rows)  # nan is not equal to itself
    assert (again.best, again.devices) == (None, state.devices)
    best = {name: value + 1 for name, value in state.weights.items()}
    kept = checkpoint.from_bytes(checkpoint.to_bytes(replace(state, best=best), IDENTITY), IDENTITY).best
    assert kept is not None
    assert all(torch.equal(kept[name], best[name]) for name in best)
    assert all(torch.equal(again.weights[name], state.weights[name]) for name in state.weights)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(again.momentum, state.momentum, strict=True))


def test_it_holds_only_tensors_and_plain_values() -> None:
    """A file from a bucket must not be able to run code."""
    content = torch.load(io.BytesIO(checkpoint.to_bytes(made(), IDENTITY)), weights_only=True)
    assert set(content) == {"identity", "rows", "weights", "momentum", "best", "devices"}


@pytest.mark.parametrize("length", [0, 10, 1_000, 9_600_000])
def test_half_a_file_is_refused(length: int) -> None:
    whole = checkpoint.to_bytes(made(), IDENTITY)
    assert length < len(whole)
    with pytest.raises(CheckpointError, match=r"^it is damaged \(\w+\)$"):
        checkpoint.from_bytes(whole[:length], IDENTITY)


def test_one_wrong_bit_is_refused() -> None:
    """`torch.load` alone takes it."""
    damaged = bytearray(checkpoint.to_bytes(made(), IDENTITY))
    damaged[len(damaged) // 2] ^= 1
    torch.load(io.BytesIO(damaged), weights_only=True)
    with pytest.raises(CheckpointError, match=r"^it is damaged \(the checksum of archive/data/\d+\)$"):
        checkpoint.from_bytes(bytes(damaged), IDENTITY)


@pytest.mark.parametrize("content", [{}, [], {"identity": {}}, {"identity": {}, "rows": [{"epoch": 1}]}])
def test_another_file_of_torch_is_refused(content: object) -> None:
    file = io.BytesIO()
    torch.save(content, file)
    with pytest.raises(CheckpointError, match=r"^it is damaged"):
        checkpoint.from_bytes(file.getvalue(), IDENTITY)


def test_code_in_a_file_is_refused_and_not_run() -> None:
    file = io.BytesIO()
    torch.save({"identity": print}, file)
    with pytest.raises(CheckpointError, match="UnpicklingError"):
        checkpoint.from_bytes(file.getvalue(), IDENTITY)


@pytest.mark.parametrize(
    ("identity", "told"),
    [
        ({**IDENTITY, "lr": 0.2}, "lr was 0.1 and is 0.2"),
        ({**IDENTITY, "threads": 1, "lr": 1}, "lr was 0.1 and is 1, threads was 2 and is 1"),
        ({**IDENTITY, "weight_decay": 0.0}, "weight decay was None and is 0.0"),
    ],
)
def test_another_training_is_refused(identity: dict[str, object], told: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        checkpoint.from_bytes(checkpoint.to_bytes(made(), IDENTITY), identity)
    assert str(caught.value) == f"it is of another training: {told}"
