"""The Python API: run sweeps from a notebook or a script, and read what came out as data frames and pictures.

from stepsweep import Sweeps

sweep = Sweeps(on="local").run({"parameters": {"lr": [0.1, 0.01], "momentum": [0.5, 0.9]}, "epochs": 5})
sweep.winner.params       # {"lr": 0.1, "momentum": 0.9}
sweep.leaderboard         # a data frame
sweep.plot_heatmap()      # a matplotlib figure

docs/python.md has the rest.
"""

from client.deployment import CloudError
from stepsweep.errors import NoWinner, SweepFailed
from stepsweep.sweep import Best, Sweep
from stepsweep.sweeps import Sweeps
from sweep.errors import InvalidInput, InvalidSweep, SweepError
from sweep.spec import SweepSpec

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
