"""The device and the precision of a trial. Imports torch only to inspect the machine."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from stepsweep.contract.errors import InvalidInput

if TYPE_CHECKING:
    import torch

NEEDS_TORCH = "stepsweep's own trainer needs torch: pip install 'stepsweep[tutorial]'"

FP32, BF16 = "fp32", "bf16"
PRECISIONS: Sequence[str] = (FP32, BF16)


class NoGpu(InvalidInput):
    """torch finds no GPU where one was requested."""


def has_torch() -> bool:
    return find_spec("torch") is not None


def need_torch() -> None:
    """Raises InvalidInput if torch is not installed."""
    if not has_torch():
        raise InvalidInput([NEEDS_TORCH])


def choose(name: str, *, precision: str) -> "torch.device":
    """Returns the device of `--device`.

    Raises:
        NoGpu: there is no GPU.
        InvalidInput: the device is missing, or would only emulate the precision, slower than fp32 and less exact.
    """
    import torch

    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise NoGpu(
            ["--device: cuda was requested, or the job has a GPU, but torch finds none; `--device cpu` needs none"]
        )
    device = torch.device("cuda" if there and name != "cpu" else "cpu")
    if precision == BF16 and not _computes_bf16(device):
        kind = "GPU" if device.type == "cuda" else "processor"
        which = "from Ampere on" if device.type == "cuda" else "with AVX512_BF16, AMX_BF16 or Arm's BF16"
        raise InvalidInput(
            [f"--precision: bf16 needs a {kind} {which}, which this one lacks; `--precision fp32` runs everywhere"]
        )
    return device


def _computes_bf16(device: "torch.device") -> bool:
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    features = torch.cpu.get_capabilities()
    return any(features.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def computing_in(precision: str, device: "torch.device") -> "torch.autocast":
    """Returns a context that computes convolutions and matrix products in the precision.

    Weights, gradients, momentum and losses are always fp32, so that small steps are not rounded away.
    """
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=precision == BF16)
