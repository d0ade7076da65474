"""What options mean by their usual names, and which choices a person may want to try for them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stepsweep.client.proposing.script import Option
from stepsweep.client.proposing.short_run import Tried
from stepsweep.contract.names import known_direction
from stepsweep.contract.space import parse_value

EPOCHS = (
    "epochs", "num-epochs", "max-epochs", "n-epochs", "num-train-epochs", "nepochs", "num-boost-round", "rounds",
    "num-rounds", "n-rounds",
)  # fmt: skip
SEEDS = ("seed", "random-seed", "random-state", "manual-seed")

RATES = ("lr", "learning-rate", "alpha", "c", "gamma", "weight-decay", "wd", "reg", "lambda", "eta", "temperature")
"""Options to vary by factors of ten."""

PORTIONS = ("momentum", "dropout", "subsample", "label-smoothing", "beta", "beta1", "mixup")
"""Options with values between 0 and 1."""

SIZES = (
    "batch-size", "hidden", "hidden-size", "hidden-dim", "width", "dim", "depth", "layers", "num-layers", "units",
    "channels", "n-estimators", "max-depth", "num-leaves", "embedding-dim", "heads",
)  # fmt: skip
"""Options to vary by factors of two."""

CHECKPOINTS = (
    "resume", "resume-from", "resume-from-checkpoint", "resume-dir", "resume-path", "checkpoint", "checkpoints",
    "checkpoint-dir", "checkpoint-path", "checkpoints-dir", "ckpt", "ckpt-dir", "ckpt-path", "load-checkpoint",
    "restore",
)  # fmt: skip
"""Options that may name the folder from which a training goes on."""

OFF = {
    "dropout": [0.0, 0.2, 0.5],
    "label-smoothing": [0.0, 0.1],
    "mixup": [0.0, 0.2],
    "momentum": [0.0, 0.5, 0.9],
    "wd": [0.0, 0.0001, 0.01],
    "weight-decay": [0.0, 0.0001, 0.01],
}
"""Choices for options whose default, 0, leaves them out."""


def plain(option: Option) -> str:
    return plain_name(option.name)


def plain_name(name: str) -> str:
    """Returns the last part of a name such as `optim.learning_rate`, as it is compared with usual ones."""
    return name.rpartition(".")[2].lower().replace("_", "-")


def without_options(found: Tried, options: Sequence[Option]) -> Tried:
    """Returns a run whose metrics are none of the script's options, which it may have printed, nor usual ones."""
    names = {*map(plain, options), *EPOCHS, *SEEDS, *RATES, *PORTIONS, *SIZES}
    kept = tuple(name for name in found.measured.metrics if known_direction(name) or plain_name(name) not in names)
    return replace(found, measured=replace(found.measured, metrics=kept))


def choices_of(name: str, option: Option) -> list[Any]:
    default = usual_of(name, option) if option.default is None else option.default
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    if option.choices:
        return [value for value in option.choices if is_value(value)]
    if not is_number or default < 0:
        return []
    if default == 0:
        return OFF.get(name, [])
    if name == "gamma" and 0.1 < default < 1:  # of a schedule
        return sorted({_rounded(default / 2), default, 0.9})
    if name in PORTIONS:
        return sorted({0.0, default, 0.9 if name == "momentum" else 0.5})
    if name in RATES:
        return [_rounded(default / 10), default, _rounded(default * 10)]
    if name in SIZES and default >= 1:
        return sorted({max(1, int(default) // 2), int(default), int(default) * 2})
    return []


def usual_of(name: str, option: Option) -> float:
    """Returns a usual value for an option without a default; 0 if nobody knows one."""
    usual = {RATES: 0.01, PORTIONS: 0.5, SIZES: 32}
    value = next((value for names, value in usual.items() if name in names), 0)
    return value if option.kind in ("int", "float") and (option.kind == "float" or value >= 1) else 0


def is_value(value: object) -> bool:
    try:
        parse_value(value)
    except ValueError:
        return False
    return True


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def is_text(option: Option) -> bool:
    """Whether it takes one text, such as a path."""
    return option.kind in ("str", "NoneType", "Path", "path")
