"""The search methods of a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DEFAULT_BATCH = 9
"""Params that a model proposes at once. Their trials run in parallel, and do not learn from each other."""


STARTUP = 9
"""How many outcomes a model needs before it proposes params; with fewer it does no better than chance. Until then
params are drawn, so that a model's first trials are those of a random search with the same seed."""


MAX_TURNS = 1_000
"""Trials of a free-running worker in one leg. A turn takes 13 of the 25,000 events of its execution, and more if a
state is retried; the sweep's next leg goes on with new workers."""


class Method(StrEnum):
    GRID = "grid"
    """Every combination."""
    RANDOM = "random"
    """Random combinations, decided by the seed."""
    TPE = "tpe"
    """Proposed by a model of the outcomes so far: Optuna's tree-structured Parzen estimator."""
    LIST = "list"
    """Params by hand, and no others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The method of a search, and how many params it tries.

    Attributes:
        trials: number of params, those by hand included; None for a grid.
        batch: number of new params per round; None unless a model proposes them in rounds.
    """

    method: Method = Method.GRID
    trials: int | None = None
    batch: int | None = None

    @property
    def learns(self) -> bool:
        """Whether later params depend on the outcomes of earlier ones."""
        return self.method is Method.TPE

    def to_json(self, by_hand: Sequence[Mapping[str, Any]]) -> str | dict[str, Any]:
        """Returns the input's field; `by_hand` are the params of a list."""
        if self.method is Method.GRID:
            return self.method.value
        if self.method is Method.LIST:
            return {"method": self.method.value, "trials": list(by_hand)}
        batch = {} if self.batch is None else {"batch": self.batch}
        return {"method": self.method.value, "trials": self.trials, **batch}
