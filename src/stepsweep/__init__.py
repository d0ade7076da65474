"""Hyperparameter search on your own AWS account, with nothing left running.

    from stepsweep import Sweeps

    sweep = Sweeps(on="local").run({"parameters": {"lr": [0.1, 0.01], "momentum": [0.5, 0.9]}, "epochs": 5})
    sweep.winner.params       # {"lr": 0.1, "momentum": 0.9}
    sweep.leaderboard         # a data frame
    sweep.plot_heatmap()      # a matplotlib figure

docs/python.md describes the Python API. Each name is imported on first use, because Lambda functions and training jobs
import this package too, and lack the client's dependencies.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stepsweep.client.api.best import Best
    from stepsweep.client.api.errors import NoWinner, SweepFailed
    from stepsweep.client.api.sweep import Sweep
    from stepsweep.client.api.sweeps import Sweeps
    from stepsweep.client.deployment import CloudError
    from stepsweep.contract.errors import InvalidInput, InvalidSweep, SweepError
    from stepsweep.contract.spec import SweepSpec

__all__ = [
    "Best",
    "CloudError",
    "InvalidInput",
    "InvalidSweep",
    "NoWinner",
    "Sweep",
    "SweepError",
    "SweepFailed",
    "SweepSpec",
    "Sweeps",
]

_MODULES = {
    "Best": "client.api.best",
    "CloudError": "client.deployment",
    "InvalidInput": "contract.errors",
    "InvalidSweep": "contract.errors",
    "NoWinner": "client.api.errors",
    "Sweep": "client.api.sweep",
    "SweepError": "contract.errors",
    "SweepFailed": "client.api.errors",
    "SweepSpec": "contract.spec",
    "Sweeps": "client.api.sweeps",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
