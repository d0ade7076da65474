"""Parses the input of a sweep: checks every field, and reports all faults at once."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from stepsweep.contract.artifacts import patterns_bytes
from stepsweep.contract.diagram import Entangled
from stepsweep.contract.environment import overrides_bytes
from stepsweep.contract.given import Given
from stepsweep.contract.limits import (
    MAX_COMMAND_BYTES,
    MAX_CONCURRENCY,
    MAX_EPOCHS,
    MAX_FOLDS,
    MAX_NAME,
    MAX_OVERRIDES_BYTES,
    MAX_REPEATS,
    MAX_ROUNDS,
    MAX_SEED,
    MAX_TRIALS,
)
from stepsweep.contract.means import (
    MAX_RETRIES,
    MAX_TIMEOUT_MINUTES,
)
from stepsweep.contract.means_input import artifacts_in, environment_in, kept_in, resources_in, secrets_in
from stepsweep.contract.median import VARIABLE_BYTES
from stepsweep.contract.names import is_sweep
from stepsweep.contract.objective_input import faults_with_several, objectives_in
from stepsweep.contract.parameters_input import fixed_in, space_in
from stepsweep.contract.priority import Priority, fault_of
from stepsweep.contract.search import Method, Search
from stepsweep.contract.search_input import halving_in, has_method, known_in, rounds_in, search_in, stop_in
from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import (
    Parameter,
    Range,
    Value,
    as_option,
    is_listed,
    reads_as_json,
    shown,
    size_of,
)

FIELDS = (
    "parameters", "exclude", "try_first", "warm_start", "known", "search", "halving", "rounds", "stop", "fixed",
    "epochs", "objective", "objectives", "folds", "repeats", "seed", "name", "environment", "secrets", "resources",
    "timeout_minutes", "retries", "artifacts", "keep_artifacts", "max_concurrency", "priority",
    "budget_usd", "seconds_per_epoch", "fresh", "accept_trainer",
)  # fmt: skip

COMMENT = "Comment"
"""The console's default input has this field; the parser ignores it."""


def parse(given: Given, default_name: str | None, beside: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns the fields of a spec, and reports what is wrong. A field with a fault gets a stand-in.

    Args:
        default_name: of the sweep, if the input has none.
        beside: other fields of the document that the input was taken from.
    """
    given.unknown(given.data, known=(*beside, *FIELDS, COMMENT), where="")
    space, by_hand = space_in(given)
    parameters = dict(space.parameters)
    fixed = fixed_in(given)
    for name in fixed:
        if name in parameters:
            given.faults.append(f"fixed.{name}: already one of `parameters`; keep it in one of the two")
    values: dict[str, Any] = {
        "parameters": parameters,
        "when": dict(space.when),
        "exclude": tuple(space.exclude),
        "try_first": by_hand,
        "fixed": fixed,
        "name": _name(given, default_name),
        "rounds": (rounds := rounds_in(given)),
        "search": search_in(given, rounds=rounds, listed=len(by_hand)),
        "epochs": (epochs := _epochs(given)),
        "stop": stop_in(given, epochs, rounds=rounds),
        "halving": halving_in(given, epochs),
        "objective": (found := objectives_in(given, epochs=epochs))[0],
        "further": found[1:],
        "folds": given.integer("folds", default=None, low=2, high=MAX_FOLDS),
        "repeats": (repeats := given.integer("repeats", default=1, low=1, high=MAX_REPEATS)),
        "seed": given.integer("seed", default=0, low=0, high=MAX_SEED - repeats + 1),
        "environment": (environment := environment_in(given)),
        "secrets": secrets_in(given),
        "resources": resources_in(given),
        "timeout_minutes": given.integer("timeout_minutes", default=None, low=1, high=MAX_TIMEOUT_MINUTES),
        "retries": given.integer("retries", default=None, low=0, high=MAX_RETRIES),
        "artifacts": (artifacts := artifacts_in(given)),
        "keep_artifacts": kept_in(given, has_front=len(found) > 1),
        "max_concurrency": given.integer("max_concurrency", default=None, low=1, high=MAX_CONCURRENCY),
        "priority": _priority(given, given.data.get("priority", Priority.NORMAL)),
        "budget_usd": given.positive("budget_usd", "a number of US dollars above 0"),
        "seconds_per_epoch": given.positive("seconds_per_epoch", "a number of seconds above 0"),
        "fresh": given.boolean("fresh", given.data.get("fresh", False)),
        "accept_trainer": given.boolean("accept_trainer", given.data.get("accept_trainer", False)),
    }
    values |= known_in(given, values["search"], values["name"])
    if len(found) > 1:
        given.faults += faults_with_several(given.data)
    _check_trials(given, values, space)
    _check_bytes(given, parameters, fixed, environment, artifacts, medians=values["stop"].median is not None)
    return values


def _name(given: Given, default_name: str | None) -> str:
    raw = given.data.get("name", default_name)
    if not isinstance(raw, str) or not is_sweep(raw):
        what = "the execution's name" if "name" not in given.data and default_name else "name"
        remedy = "; give the sweep a `name` of its own" if what != "name" else ""
        given.faults.append(
            f"{what}: must be 1 to {MAX_NAME} letters, digits, - and _ that start with a letter or digit, "
            f"got {shown(raw)}{remedy}"
        )
        return "unnamed"
    return raw


def _epochs(given: Given) -> int:
    if "epochs" not in given.data and "epochs" not in given.meant:
        given.faults.append(f"epochs: missing; write the most epochs a trial may train, 1 to {MAX_EPOCHS}")
    return given.integer("epochs", default=1, low=1, high=MAX_EPOCHS)


def _priority(given: Given, raw: object) -> Priority:
    if isinstance(raw, str) and raw in tuple(Priority):
        return Priority(raw)
    given.faults.append(fault_of(raw))
    return Priority.NORMAL


def _check_trials(given: Given, values: Mapping[str, Any], space: SearchSpace) -> None:
    """Reports searches with too many trials, or with more params than the space has."""
    search: Search = values["search"]
    each = (values["folds"] or 1) * values["repeats"]
    several = "" if each == 1 else f", {each} times each for folds and repeats"
    if search.method is Method.GRID:
        if has_method(given):
            _check_grid(given, space, each, several)
        return
    params, by_hand = search.trials or 0, len(values["try_first"])
    if params * each > MAX_TRIALS:
        given.faults.append(f"search.trials: {params}{several} are {params * each} trials; at most {MAX_TRIALS}")
    if search.method is Method.LIST:
        return
    if 0 < (size := _size(space)) < params:
        there = "is only one set of params" if size == 1 else f"are only {size} sets of params"
        given.faults.append(
            f"search.trials: {params}, but there {there}; give at most {size}, "
            'or "search": "grid", which tries all of them'
        )
    if params < by_hand:
        given.faults.append(
            f"try_first: has {by_hand} sets of params, but search.trials is {params}, which counts them too"
        )
    if search.batch and (batches := -(-params // search.batch)) > MAX_ROUNDS:
        given.faults.append(
            f"search.batch: {params} trials in batches of {search.batch} are {batches} rounds; at most "
            f"{MAX_ROUNDS}, give a batch of at least {-(-params // MAX_ROUNDS)}"
        )


def _check_grid(given: Given, space: SearchSpace, each: int, several: str) -> None:
    if continuous := [name for name, parameter in space.parameters.items() if not is_listed(parameter)]:
        given.faults.extend(
            f"parameters.{name}: a grid cannot list a range without a step; give it a step or a list, or "
            'write "search": {"method": "random", "trials": 50}'
            for name in continuous
        )
    elif (size := _size(space)) * each > MAX_TRIALS:
        sizes = " x ".join(f"{name} {size_of(parameter)}" for name, parameter in space.parameters.items())
        sizes = textwrap.shorten(sizes, 200, placeholder=" …")
        given.faults.append(
            f"parameters: a grid of {size * each} trials ({sizes}{several}); at most {MAX_TRIALS}, give fewer choices"
        )


def _check_bytes(
    given: Given,
    parameters: Mapping[str, Parameter],
    fixed: Mapping[str, Value],
    environment: Mapping[str, str],
    artifacts: Sequence[str],
    *,
    medians: bool,
) -> None:
    options = {name: _widest(parameter) for name, parameter in parameters.items()}
    options |= {name: as_option(value) for name, value in fixed.items()}
    size = sum(len(json.dumps([f"--{name}", text])) for name, text in options.items())
    # The variable that names the texts among them.
    listed = {name: parameter for name, parameter in parameters.items() if not isinstance(parameter, Range)}
    values = {**listed, **{name: (value,) for name, value in fixed.items()}}
    texts = [
        name
        for name, choices in values.items()
        if any(isinstance(value, str) and reads_as_json(value) for value in choices)
    ]
    size += len(json.dumps(texts)) if texts else 0
    if size > MAX_COMMAND_BYTES:
        given.faults.append(
            f"parameters and fixed: {size} bytes of options per trial; at most {MAX_COMMAND_BYTES}, "
            "give fewer or shorter ones"
        )
    elif (
        both := size + overrides_bytes(environment) + patterns_bytes(artifacts) + (VARIABLE_BYTES if medians else 0)
    ) > MAX_OVERRIDES_BYTES:
        given.faults.append(
            f"environment{', stop.median' if medians else ''} and artifacts: {both} bytes, {size} of them of "
            "options; "
            f"Batch takes {MAX_OVERRIDES_BYTES} a trial, give fewer or shorter ones"
        )


def _size(space: SearchSpace) -> int:
    """Returns the number of params; 0 for a space that cannot be counted, which is a fault of its own."""
    try:
        return space.size
    except Entangled:
        return 0


def _widest(parameter: Parameter) -> str:
    """Returns the longest text of a choice; for a range a text at least as long as any of its values."""
    if isinstance(parameter, Range):
        ends = max((as_option(value) for value in (parameter.low, parameter.high)), key=len)
        return ends + "0" * 24  # no value of a range has more digits than a double
    return max(map(as_option, parameter), key=lambda text: len(json.dumps(text)), default="")
