"""How a sweep finds the params that it tries."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DEFAULT_BATCH = 9
"""Trials that a model proposes at once. They run side by side, and it learns nothing from one another's outcome."""


class Method(StrEnum):
    GRID = "grid"
    """Every combination."""
    RANDOM = "random"
    """Some combinations, drawn by the seed."""
    TPE = "tpe"
    """Batch by batch, each proposed by a model of the outcomes so far: Optuna's tree-structured Parzen estimator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search tries, and how many params; None of both numbers in a grid.

    Attributes:
        trials: how many params are tried.
        batch: how many of them a round begins with; all at once, where nothing is learned from the earlier ones.
    """

    method: Method = Method.GRID
    trials: int | None = None
    batch: int | None = None

    @property
    def learns(self) -> bool:
        """Whether the params of a later round depend on the outcomes of the earlier ones."""
        return self.method is Method.TPE

    def to_json(self) -> str | dict[str, Any]:
        if self.method is Method.GRID:
            return self.method.value
        batch = {} if self.batch is None else {"batch": self.batch}
        return {"method": self.method.value, "trials": self.trials, **batch}
