"""The values between trials over two ranges: means of the trials, weighed by their distance."""

from collections.abc import Sequence
from typing import Any

import numpy as np

STEPS = 40
"""Of the surface, on each side."""
LEAST = 10
"""Trials; fewer are points only."""


def surface(x: Sequence[float], y: Sequence[float], values: Sequence[float], *, steps: int = STEPS) -> Any:
    """Returns the values on a grid, as an array of rows from low to high `y`; masked where no trial is near.

    It is the Nadaraya-Watson estimate with a Gaussian kernel, and Scott's rule for evenly spread trials as its width:
    https://en.wikipedia.org/wiki/Kernel_regression. report/sweep.js computes the same.

    Args:
        x, y: the trials' positions between the lowest (0) and the highest (1) on each axis's scale.
    """
    width = 0.29 * len(values) ** (-1 / 6)
    ticks = np.linspace(0, 1, steps)
    across = (np.asarray(x)[:, None] - ticks[None, :]) ** 2
    down = (np.asarray(y)[:, None] - ticks[None, :]) ** 2
    weights = np.exp(-(down[:, :, None] + across[:, None, :]) / (2 * width * width))  # trial, row, column
    estimates = np.tensordot(np.asarray(values), weights, axes=(0, 0)) / np.maximum(weights.sum(axis=0), 1e-300)
    return np.ma.masked_where(weights.max(axis=0) < np.exp(-2), estimates)
