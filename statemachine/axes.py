"""The parameters in the model's form: which are ordered, which have a log scale, and how values get there and back."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from stepsweep.contract.space import Kind, Parameter, Range, Value, canonical, is_number
from stepsweep.contract.spec import SweepSpec

UNORDERED = 10
"""Up to so many choices the model takes a list of numbers as unordered. Its kernel over a few places is so wide that it
hardly tells neighbours apart: on eleven public tables, none with longer lists, it finds better params without the order
(docs/search.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A parameter in the model's form.

    Attributes:
        told: converts a value to the model's form.
        value: converts the model's proposal to a value.
    """

    distribution: BaseDistribution
    told: Callable[[Any], Any]
    value: Callable[[Any], Value]


def axes_of(spec: SweepSpec) -> dict[str, Axis]:
    """Returns the model's form of every parameter."""
    return {name: _axis(parameter) for name, parameter in spec.parameters.items()}


def _axis(parameter: Parameter) -> Axis:
    """Returns the model's form of a parameter: numbers are ordered, also those of a long list; others are not."""
    match parameter:
        case Range() if parameter.log and parameter.kind is Kind.INT:
            scale = IntDistribution(int(parameter.low), int(parameter.high), log=True)
            return Axis(distribution=scale, told=_itself, value=parameter.nearest)
        case Range() if not parameter.is_listed:
            continuous = FloatDistribution(parameter.low, parameter.high, log=parameter.log)
            return Axis(distribution=continuous, told=_itself, value=parameter.nearest)
        case Range():
            places = IntDistribution(0, parameter.size - 1)
            return Axis(distribution=places, told=parameter.index_of, value=parameter.value_at)
        case _ if len(parameter) > UNORDERED and all(map(is_number, parameter)):
            return _listed(sorted(parameter, key=_number), IntDistribution(0, len(parameter) - 1))
        case _:
            # Places, since Optuna stores no lists, and takes true for 1.
            return _listed(parameter, CategoricalDistribution(range(len(parameter))))


def _listed(choices: Sequence[Value], places: BaseDistribution) -> Axis:
    place_of = {canonical(choice): place for place, choice in enumerate(choices)}
    return Axis(distribution=places, told=lambda value: place_of[canonical(value)], value=choices.__getitem__)


def _number(choice: Value) -> int | float:
    return choice if is_number(choice) else math.nan


def _itself(value: Any) -> Any:
    return value
