"""Runs the stories in each interpreter, and compares what each tells with what the story says."""

import copy
import json
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import Any

from tests.proof.interpreters.stories import RECORD, Story
from tests.proof.tools import HERE, ROOT, modules, node, run

Json = dict[str, Any]


Told = tuple[Json, Story]
"""A definition, and a story that is told of it."""


def in_ministack(stories: Sequence[Told]) -> list[Json]:
    command = [sys.executable, "-m", "tests.proof.interpreters.in_ministack"]
    return _told(command, [(_named(_without_writer(definition)), story) for definition, story in stories])


def in_local_stepfunctions(stories: Sequence[Told]) -> list[Json]:
    modules()
    command = [str(node()), str(HERE / "interpreters" / "in_local_stepfunctions.js")]
    return _told(
        command, [(_with_items(_with_causes(_without_writer(definition))), story) for definition, story in stories]
    )


def in_moto(stories: Sequence[Told]) -> list[Json]:
    return _told([sys.executable, "-m", "tests.proof.interpreters.in_moto"], stories)


INTERPRETERS: dict[str, Callable[[Sequence[Told]], list[Json]]] = {
    "moto": in_moto,
    "ministack": in_ministack,
    "aws-local-stepfunctions": in_local_stepfunctions,
}


def findings(stories: Sequence[Told], interpreters: Collection[str] = tuple(INTERPRETERS)) -> list[list[str]]:
    """Returns where an interpreter tells each story otherwise than it says, or than another interpreter."""
    found: list[list[str]] = [[] for _ in stories]
    requests: dict[int, list[Any]] = {}
    with ThreadPoolExecutor() as pool:
        running = {name: pool.submit(_numbered, name, stories) for name in interpreters}
    for name, ended in running.items():
        for number, told in ended.result().items():
            definition, story = stories[number]
            place = f"{story.says}: {name}:"
            found[number] += [f"{place} {fault}" for fault in _faults(definition, story, told)]
            mine = _requests(told)
            other = requests.setdefault(number, mine)
            if mine != other:
                differing = [pair for pair in zip_longest(mine, other) if pair[0] != pair[1]]
                found[number].append(f"{place} requests {differing[0][0]}, another interpreter {differing[0][1]}")
    return found


def _numbered(name: str, stories: Sequence[Told]) -> dict[int, Json]:
    numbers = [number for number, (_, story) in enumerate(stories) if name not in story.without]
    return dict(zip(numbers, INTERPRETERS[name]([stories[number] for number in numbers]), strict=True))


def _told(command: list[str], stories: Sequence[Told]) -> list[Json]:
    given = [{"definition": definition, **story.script()} for definition, story in stories]
    told: list[Json] = json.loads(run(command, cwd=ROOT, stdin=json.dumps(given)))
    return told


def _faults(definition: Json, story: Story, told: Json) -> Iterator[str]:
    if (told["output"], told["error"], told["cause"]) != (story.output, story.error, story.cause):
        yield f"ends with {told['output']}, {told['error']}, {told['cause']}"
    machines = _machines(definition)
    path: dict[str, list[str]] = {}
    for name, index in told["path"]:
        machine = machines.get(name, "nowhere")
        path.setdefault(machine if index is None else f"{machine} {index}", []).append(name)
    wanted = {machine: list(states) for machine, states in story.path.items()}
    for machine in sorted(wanted.keys() | path.keys()):
        if path.get(machine) != wanted.get(machine):
            yield f"goes {machine}: {path.get(machine)}"
    tries: Json = {}
    for state, who, _ in told["requests"]:
        if state not in story.items:
            named = tries.setdefault(state, {})
            named[who] = named.get(who, 0) + 1
    if tries != {state: named for state, named in story.tries().items() if named}:
        yield f"requests {tries}"


def _requests(told: Json) -> list[Any]:
    """Returns what was requested, in an order that does not depend on which child was first."""
    return sorted(
        (state, who, json.dumps(_comparable(request), sort_keys=True))
        for state, who, request in told["requests"]
        if state not in ("Train the trials", "Let the workers train")
    )


def _comparable(value: Any) -> Any:
    """Times are the interpreter's, spaces in JSON say nothing, and moto alone adds the variable that
    Step Functions adds to a job."""
    match value:
        case dict():
            return {name: "…" if name in ("started", "entered") else _comparable(item) for name, item in value.items()}
        case list():
            return [_comparable(item) for item in value if item != STARTED_BY_STEP_FUNCTIONS]
        case str() if value.startswith("{"):
            return json.loads(value)
        case _:
            return value


def _machines(definition: Json) -> dict[str, str]:
    """Returns the machine that each state belongs to: names are unique in the whole definition."""
    homes = dict.fromkeys(definition["States"], "whole")
    for state in definition["States"].values():
        for home, branch in zip(("training", "guard"), state.get("Branches", []), strict=False):
            homes.update(dict.fromkeys(branch["States"], home))
            for name, inner in branch["States"].items():
                homes.update(dict.fromkeys(inner.get("ItemProcessor", {}).get("States", {}), name))
    return homes


def _changed(machine: Json, change: Callable[[Json, str, Json], None]) -> Json:
    """Returns a copy of a machine in which each state, at every depth, is changed by `change(states, name, state)`."""
    machine = copy.deepcopy(machine)
    pending = [machine]
    while pending:
        states = pending.pop()["States"]
        for name, state in list(states.items()):
            pending += state.get("Branches", []) + ([state["ItemProcessor"]] if "ItemProcessor" in state else [])
            change(states, name, state)
    return machine


def _named(definition: Json) -> Json:
    """ministack's handlers get a state without its name, so the name takes the place of the comment."""

    def name_it(_states: Json, name: str, state: Json) -> None:
        state["Comment"] = name

    return _changed(definition, name_it)


def _without_writer(definition: Json) -> Json:
    """Neither interpreter knows a ResultWriter, so that a Map's result is told to be the place of its record."""

    def replace_it(_states: Json, _name: str, state: Json) -> None:
        if state.pop("ResultWriter", None):
            state["ResultSelector"] = RECORD

    return _changed(definition, replace_it)


def _with_items(definition: Json) -> Json:
    """aws-local-stepfunctions knows no ItemReader; it finds the items in the context object."""

    def replace_it(_states: Json, name: str, state: Json) -> None:
        if state.pop("ItemReader", None):
            state["ItemsPath"] = f"$$.Items['{name}']"

    return _changed(definition, replace_it)


STARTED_BY_STEP_FUNCTIONS = {"name": "MANAGED_BY_AWS", "value": "STARTED_BY_STEP_FUNCTIONS"}

CAUSE_OF = "Cause of "
"""Begins the name of a state that works out the cause of a Fail, and is not told of."""


def _with_causes(definition: Json) -> Json:
    """aws-local-stepfunctions knows intrinsic functions in templates, but not as a CausePath."""
    functions: list[str] = []

    def add_cause(states: Json, name: str, state: Json) -> None:
        if state.get("CausePath", "").startswith("States."):
            functions.append(name)
            states[f"{CAUSE_OF}{name}"] = {
                "Type": "Pass",
                "Parameters": {"text.$": state["CausePath"]},
                "ResultPath": "$.cause",
                "Next": name,
            }
            state["CausePath"] = "$.cause.text"

    def lead_there(_states: Json, name: str, state: Json) -> None:
        for place in (state, *state.get("Catch", []), *state.get("Choices", [])):
            if place.get("Next") in functions and not name.startswith(CAUSE_OF):
                place["Next"] = f"{CAUSE_OF}{place['Next']}"

    return _changed(_changed(definition, add_cause), lead_there)
