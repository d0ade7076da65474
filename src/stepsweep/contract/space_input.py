"""Parses what an input says of its space beside the values: `when`, `exclude`, and params by hand.

Each function appends its faults to a list, and returns what is left without them.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from stepsweep.contract.diagram import Condition, Entangled
from stepsweep.contract.limits import MAX_EXCLUDED, MAX_TRIALS
from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import (
    Parameter,
    Value,
    canonical,
    index_in,
    is_listed,
    is_number,
    key_of,
    parse_value,
    shown,
)

Params = dict[str, Value]


def conditions(raw: Mapping[str, Any], parameters: Mapping[str, Parameter], faults: list[str]) -> dict[str, Condition]:
    """Returns the condition of each parameter that has one: the field `when` beside its choices or its range."""
    found: dict[str, Condition] = {}
    for name, item in raw.items():
        if not isinstance(item, dict) or item.get("when") is None or name not in parameters:
            continue
        where = f"parameters.{name}.when"
        if (condition := _condition(where, item["when"], parameters, faults)) is None:
            continue
        if name in condition:
            faults.append(f"{where}: {name} cannot depend on itself")
        else:
            found[name] = condition
    space = SearchSpace(parameters=parameters, when=found)
    if circle := space.circular:
        depend = "; ".join(f"{name} depends on {', '.join(found[name])}" for name in circle if name in found)
        faults.append(f"parameters: these depend on each other in a circle, so none ever applies: {depend}")
        return {}
    if all(parameters.values()):
        if not _is_countable(space, faults):
            return {}
        faults += [
            f"parameters.{name}.when: is never met: what it asks for excludes each other; leave part of it out"
            for name in found
            if space.example(name, last=False) is None
        ]
    return found


def exclusions(raw: object, space: SearchSpace, faults: list[str]) -> tuple[Condition, ...]:
    """Returns the conditions that no params meet; each must leave out some."""
    found: dict[str, Condition] = {}
    before = len(faults)
    for number, item in _objects("exclude", raw, '{"lr": 1, "momentum": 0.9}', MAX_EXCLUDED, faults):
        where = f"exclude[{number}]"
        if (condition := _condition(where, item, space.parameters, faults)) is None:
            continue
        text = canonical(tuple(sorted((name, *sorted(map(canonical, values))) for name, values in condition.items())))
        if text in found:
            faults.append(f"{where}: stands in the list twice; give it once")
        elif not _leaves_out_some(space, condition):
            faults.append(f"{where}: matches no params, since these never apply together; leave it out")
        found[text] = condition
    left = SearchSpace(parameters=space.parameters, when=space.when, exclude=tuple(found.values()))
    if len(faults) == before and _is_countable(left, faults) and not left.size:
        faults.append("exclude: leaves no params to try; exclude fewer")
    return tuple(found.values()) if len(faults) == before else ()


def tried_first(raw: object, space: SearchSpace, faults: list[str]) -> tuple[Params, ...]:
    """Returns the params that are tried before any others. They must be complete, and of the space."""
    found = []
    for where, params in _by_hand("try_first", raw, faults):
        # Values that are not of the space stand for another search than the one that `parameters` says.
        faults += [f"{where}: {fault}" for fault in space.faults_of(params)]
        found.append({name: params[name] for name in space.parameters if name in params})
    return tuple(found)


def listed(raw: object, faults: list[str]) -> tuple[tuple[Params, ...], dict[str, Parameter]]:
    """Returns the params of a list by hand, and the values that each parameter has in it."""
    found = [params for _, params in _by_hand("search.trials", raw, faults)]
    values: dict[str, dict[str, Value]] = {}
    for params in found:
        for name, value in params.items():
            values.setdefault(name, {})[canonical(value)] = value
    ordered = tuple({name: params[name] for name in values if name in params} for params in found)
    return ordered, {name: _in_order(list(each.values())) for name, each in values.items()}


def _in_order(values: list[Value]) -> tuple[Value, ...]:
    """Returns numbers in ascending order, and other values as they came."""
    numbers = [value for value in values if is_number(value)]
    return tuple(sorted(numbers)) if len(numbers) == len(values) else tuple(values)


def _by_hand(field: str, raw: object, faults: list[str]) -> list[tuple[str, Params]]:
    """Returns params as a person gave them, each with its place; none twice."""
    example = '{"lr": 0.1, "momentum": 0.9}'
    found: list[tuple[str, Params]] = []
    seen: set[frozenset[tuple[str, str]]] = set()
    for number, item in _objects(field, raw, example, MAX_TRIALS, faults):
        where = f"{field}[{number}]"
        if not item:
            faults.append(f"{where}: must name at least one parameter, got {{}}")
            continue
        params: Params = {}
        before = len(faults)
        for name, value in item.items():
            try:
                params[str(name)] = parse_value(value)
            except ValueError as error:
                faults.append(f"{where}.{shown(str(name))[1:-1]}: {error}")
        key = frozenset(key_of(params))
        if len(faults) == before and key in seen:
            faults.append(f"{where}: {shown(item)} stands in the list twice; give all params once")
        elif len(faults) == before:
            found.append((where, params))
        seen.add(key)
    return found


def _condition(
    where: str, raw: object, parameters: Mapping[str, Parameter], faults: list[str]
) -> dict[str, tuple[Value, ...]] | None:
    """Returns a condition; None if it has a fault."""
    if not isinstance(raw, dict) or not raw:
        faults.append(
            f'{where}: must be an object of parameters and their values, such as {{"optimizer": "sgd"}}, '
            f"got {shown(raw)}"
        )
        return None
    before = len(faults)
    condition: dict[str, tuple[Value, ...]] = {}
    for name, item in raw.items():
        if name not in parameters:
            near = difflib.get_close_matches(str(name), parameters, n=1)
            remedy = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(parameters)}"
            faults.append(f"{where}: there is no parameter {shown(name)}; {remedy}")
        elif not is_listed(parameters[name]):
            faults.append(f"{where}.{name}: a range without a step has no single values; give it a step or a list")
        else:
            condition[name] = _values(f"{where}.{name}", item, parameters[name], faults)
    return condition if len(faults) == before else None


def _values(where: str, raw: object, parameter: Parameter, faults: list[str]) -> tuple[Value, ...]:
    """Returns the values that meet a condition: one, or a list of them. A list as a value has brackets of its own."""
    found: dict[str, Value] = {}
    items = raw if isinstance(raw, list) else [raw]
    if not items:
        faults.append(f"{where}: must be a value or a list of values, got []")
    for item in items:
        try:
            value = parse_value(item)
        except ValueError as error:
            faults.append(f"{where}: {error}")
            continue
        if parameter and index_in(parameter, value) is None:
            known = f"; it has {', '.join(map(canonical, parameter[:10]))}" if isinstance(parameter, tuple) else ""
            faults.append(f"{where}: the parameter never has the value {shown(item)}{known}")
        if canonical(value) in found:
            faults.append(f"{where}: {shown(item)} stands in the list twice; give it once")
        found[canonical(value)] = value
    return tuple(found.values())


def _objects(
    field: str, raw: object, example: str, most: int, faults: list[str]
) -> Iterator[tuple[int, dict[Any, Any]]]:
    """Yields the objects of a list with their places, and reports what else is in it."""
    if not isinstance(raw, list) or not raw:
        faults.append(f"{field}: must be a list of objects such as [{example}], got {shown(raw)}")
    elif len(raw) > most:
        faults.append(f"{field}: at most {most}, got {len(raw)}")
    else:
        for number, item in enumerate(raw):
            if isinstance(item, dict):
                yield number, item
            else:
                faults.append(f"{field}[{number}]: must be an object such as {example}, got {shown(item)}")


def _leaves_out_some(space: SearchSpace, condition: Condition) -> bool:
    if not space.when or not all(space.parameters.values()):
        return True  # every value of every parameter meets every other
    try:
        return SearchSpace(parameters=space.parameters, when=space.when, exclude=(condition,)).size < space.size
    except Entangled:
        return True


def _is_countable(space: SearchSpace, faults: list[str]) -> bool:
    try:
        return space.size >= 0
    except Entangled:
        faults.append(
            "parameters: too many conditions and exclusions depend on each other to count the params; give fewer"
        )
        return False
