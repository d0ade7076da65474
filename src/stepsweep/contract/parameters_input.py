"""Parses the parameters of a sweep: choices, ranges, lists of params by hand, and options that all trials share."""

import math
from dataclasses import replace
from typing import Any

from stepsweep.contract.given import Given, finite
from stepsweep.contract.limits import MAX_BOUND, MAX_FIXED, MAX_PARAMETERS, MAX_TRIALS, MIN_BOUND
from stepsweep.contract.search import Method
from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import Kind, Parameter, Range, Value, canonical, shown
from stepsweep.contract.space_input import conditions, exclusions, listed, tried_first


def space_in(given: Given) -> tuple[SearchSpace, tuple[dict[str, Value], ...]]:
    """Returns the space, and the params that are tried first."""
    search = given.data.get("search")
    if isinstance(search, dict) and search.get("method") == Method.LIST:
        return _list(given, search.get("trials"))
    parameters = _parameters(given)
    raw = given.data.get("parameters")
    space = SearchSpace(
        parameters=parameters,
        when=conditions(raw, parameters, given.faults) if isinstance(raw, dict) else {},
    )
    if (excluded := given.data.get("exclude")) not in (None, []):
        space = replace(space, exclude=exclusions(excluded, space, given.faults))
    if (by_hand := given.data.get("try_first")) in (None, []):
        return space, ()
    return space, tried_first(by_hand, space, given.faults)


def _list(given: Given, raw: object) -> tuple[SearchSpace, tuple[dict[str, Value], ...]]:
    """Returns the values and the params of a list by hand."""
    for name in ("parameters", "exclude", "try_first"):
        if given.data.get(name) not in (None, []):
            given.faults.append(f"{name}: a list tries the params in search.trials, and no others; leave it out")
    by_hand, parameters = listed(raw, given.faults)
    if len(parameters) > MAX_PARAMETERS:
        given.faults.append(f"search.trials: at most {MAX_PARAMETERS} names, got {len(parameters)}")
    known = {name: values for name, values in parameters.items() if given.option_name("search.trials", name)}
    return SearchSpace(parameters=known), by_hand


def _parameters(given: Given) -> dict[str, Parameter]:
    example = 'write {"lr": [0.1, 0.01]}'
    if "parameters" not in given.data:
        if "parameters" not in given.meant:
            given.faults.append(f"parameters: missing; {example}")
        return {}
    raw = given.data["parameters"]
    if not isinstance(raw, dict) or not raw:
        given.faults.append(
            f"parameters: must be an object of at least one name and its choices, got {shown(raw)}; {example}"
        )
        return {}
    if len(raw) > MAX_PARAMETERS:
        given.faults.append(f"parameters: at most {MAX_PARAMETERS} names, got {len(raw)}")
        return {}
    return {
        name: _parameter(given, f"parameters.{name}", item)
        for name, item in raw.items()
        if given.option_name("parameters", name)
    }


def _parameter(given: Given, where: str, raw: object) -> Parameter:
    """Returns the values of a parameter. An object is a range, or has choices with a condition."""
    if not isinstance(raw, dict):
        return _choices(given, where, raw)
    if "choices" not in raw:
        return _range(given, where, raw)
    given.unknown(raw, known=("choices", "when"), where=f"{where}.")
    return _choices(given, f"{where}.choices", raw["choices"])


def _choices(given: Given, where: str, raw: object) -> tuple[Value, ...]:
    if not isinstance(raw, list):
        example = '{"low": 0.001, "high": 0.1}'
        given.faults.append(
            f"{where}: must be a list of choices such as [0.1, 0.01] or a range such as {example}, got {shown(raw)}"
        )
        return ()
    if not raw:
        given.faults.append(f"{where}: must have at least one choice, got []")
        return ()
    if len(raw) > MAX_TRIALS:
        given.faults.append(f"{where}: at most {MAX_TRIALS} choices, got {len(raw)}")
        return ()
    choices: dict[str, Value] = {}
    for index, item in enumerate(raw):
        found = given.value(f"{where}[{index}]", item)
        for value in found:
            if canonical(value) in choices:
                are_sizes = isinstance(value, int) and not isinstance(value, bool)  # such as layers: [64, 64]
                of_list = "; a list as one choice has brackets of its own: [[64, 64]]" if are_sizes else ""
                given.faults.append(
                    f"{where}[{index}]: {shown(item)} stands in the list twice; give every choice once{of_list}"
                )
            choices[canonical(value)] = value
    return tuple(choices.values())


def _range(given: Given, where: str, raw: dict[Any, Any]) -> Parameter:
    """Returns a range; an empty tuple of choices if it has a fault."""
    before = len(given.faults)
    given.unknown(raw, known=("low", "high", "log", "step", "type", "when"), where=f"{where}.")
    low, high = (_bound(given, where, name, raw) for name in ("low", "high"))
    step = _bound(given, where, "step", raw) if raw.get("step") is not None else None
    log = given.boolean(f"{where}.log", raw.get("log", False))
    if low is not None and high is not None and low > high:
        given.faults.append(f"{where}: low must be <= high, got {shown(low)} and {shown(high)}")
    if low is not None and log and low <= 0:
        given.faults.append(f"{where}.low: must be > 0 on a log scale, got {shown(low)}")
    elif low is not None and log and low < MIN_BOUND:
        given.faults.append(f"{where}.low: must be at least {MIN_BOUND:g} on a log scale, got {shown(low)}")
    if step is not None and step <= 0:
        given.faults.append(f"{where}.step: must be > 0, got {shown(step)}")
    elif step is not None and low is not None and high is not None and step < (gap := _gap(low, high, step)):
        given.faults.append(
            f"{where}.step: must be at least {gap:.2g}, since numbers near {shown(high)} are no closer, "
            f"got {shown(step)}"
        )
    if step is not None and log:
        given.faults.append(f"{where}.step: not on a log scale; leave one of the two out, or list the choices")
    kind = _kind(given, where, raw, [number for number in (low, high, step) if number is not None])
    if len(given.faults) > before or low is None or high is None:
        return ()
    return Range(low=low, high=high, log=log, step=step, kind=kind)


def _bound(given: Given, where: str, name: str, raw: dict[Any, Any]) -> int | float | None:
    if name not in raw:
        if f"{where}.{name}" not in given.meant:
            given.faults.append(f'{where}.{name}: missing; a range is written as {{"low": 0.001, "high": 0.1}}')
        return None
    value = finite(raw[name])
    if value is None or abs(value) > MAX_BOUND:
        given.faults.append(f"{where}.{name}: must be a number of at most {MAX_BOUND:g}, got {shown(raw[name])}")
        return None
    return value


def _kind(given: Given, where: str, raw: dict[Any, Any], numbers: list[int | float]) -> Kind:
    """Returns the type of a range. It is mandatory if ambiguous: 0 to 1 is two whole numbers, or many fractions."""
    whole = all(isinstance(number, int) for number in numbers)
    is_known = len(numbers) > 1  # else low or high has a fault of its own
    match raw.get("type"):
        case None if whole and is_known and raw.get("step") is None and f"{where}.type" not in given.meant:
            given.faults.append(
                f'{where}.type: missing, and low and high are whole; write "int" for whole numbers only, '
                'or "float" for all between them'
            )
            return Kind.FLOAT
        case None:
            return Kind.INT if whole else Kind.FLOAT
        case "int" if not whole:
            given.faults.append(f'{where}: low, high and step must be whole with type "int", got {shown(raw)}')
            return Kind.INT
        case "int" | "float" as kind:
            return Kind(kind)
        case wrong:
            given.faults.append(f'{where}.type: must be "int" or "float", got {shown(wrong)}')
            return Kind.FLOAT


def _gap(*numbers: int | float) -> float:
    """Returns the smallest step that keeps sums of these numbers apart; 0 for whole numbers, which are exact."""
    return 0 if all(isinstance(number, int) for number in numbers) else 2 * math.ulp(max(map(abs, numbers)))


def fixed_in(given: Given) -> dict[str, Value]:
    raw = given.data.get("fixed", {})
    if not isinstance(raw, dict):
        given.faults.append(f'fixed: must be an object of options such as {{"batch_size": 64}}, got {shown(raw)}')
        return {}
    if len(raw) > MAX_FIXED:
        given.faults.append(f"fixed: at most {MAX_FIXED} options, got {len(raw)}")
        return {}
    fixed: dict[str, Value] = {}
    for name, item in raw.items():
        if given.option_name("fixed", name):
            for value in given.value(f"fixed.{name}", item):
                fixed[name] = value
    return fixed
