"""What earlier sweeps found, as a model is told it: outcomes of params that the search can have, or of part of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from stepsweep.contract.objective import Objective
from stepsweep.contract.reading import Fields
from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import Value, canonical, index_in, plain

MAX_KNOWN = 300
"""Outcomes that a model is told. More would say little, and every event that begins a leg holds them."""
MAX_BYTES = 60_000
"""Size of their JSON: an execution's input, which a resumed sweep sends again, has at most 262,144 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An outcome of an earlier sweep.

    Attributes:
        params: may lack some parameters of the search.
        value: None if the training diverged.
        epochs: after which the value was reached.
    """

    params: dict[str, Value]
    value: float | None
    epochs: int

    def to_json(self) -> dict[str, Any]:
        params = {name: plain(value) for name, value in self.params.items()}
        return {"params": params, "value": self.value, "epochs": self.epochs}

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        """Reads what `to_json` wrote. Raises InvalidDocument, which names the field."""
        fields = Fields(data, where)
        known = cls(params=fields.values("params"), value=fields.maybe_number("value"), epochs=fields.whole("epochs"))
        fields.done()
        return known


def told_of(found: Iterable[Known], space: SearchSpace, fixed: Mapping[str, Value]) -> list[Known]:
    """Returns what a model can learn from: the values of the parameters that it searches too.

    An outcome counts only if all of these have values that the search can try, and if none of its options has another
    value than the search fixes.

    Args:
        found: with the fixed options of the earlier sweep among the params.
    """
    told = []
    for each in found:
        shared = {name: each.params[name] for name in space.parameters if name in each.params}
        is_of_space = all(index_in(space.parameters[name], value) is not None for name, value in shared.items())
        differs = any(
            canonical(fixed[name]) != canonical(value) for name, value in each.params.items() if name in fixed
        )
        if shared and is_of_space and not differs:
            told.append(Known(params=space.applicable(shared), value=each.value, epochs=each.epochs))
    return told


def thinned(told: Sequence[Known], objective: Objective) -> tuple[Known, ...]:
    """Returns few enough of the outcomes, evenly over their ranking: a model learns from the bad ones too."""
    ranked = sorted(told, key=lambda each: (-each.epochs, each.value is None, objective.rank(each.value or 0.0)))
    step = max(1, -(-len(ranked) // MAX_KNOWN))
    while len(json.dumps([each.to_json() for each in ranked[::step]])) > MAX_BYTES:
        step += 1
    return tuple(ranked[::step])
