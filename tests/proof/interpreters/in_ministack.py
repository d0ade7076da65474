"""Runs stories in ministack's interpreter. Reads a list of stories, each with its definition, and writes what came of
each.

Its services are replaced by the scripts. What it does otherwise than AWS, and is put right here, is in
docs/decisions/024-three-interpreters.md.
"""

import contextvars
import json
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import ministack.services

from tests.proof.interpreters.stage import Scripted, Stage

# Importing it needs packages that nothing here uses.
sys.modules["ministack.services.s3"] = ministack.services.s3 = types.ModuleType("s3")

from ministack.services import stepfunctions  # noqa: E402

ROLE = "arn:aws:iam::111122223333:role/story"


class Stopped(SystemExit):
    """Ends the thread of a branch that is stopped. ministack catches each `Exception`, and would go on."""


class Branches:
    """The branches of a Parallel, which end together."""

    def __init__(self) -> None:
        self.has_failed = False


_stage: Stage
_branches: contextvars.ContextVar[Branches | None] = contextvars.ContextVar("branches", default=None)
_in_child: contextvars.ContextVar[bool] = contextvars.ContextVar("in_child", default=False)
_state: contextvars.ContextVar[str] = contextvars.ContextVar("state")


def _stopped() -> bool:
    branches = _branches.get()
    return branches is not None and branches.has_failed


def _end_if_stopped() -> None:
    if _stopped():
        raise Stopped


def _enter(state: dict[str, Any], context: dict[str, Any]) -> None:
    """Notes that a state is entered. Its name is its comment."""
    _end_if_stopped()
    index = context.get("Map", {}).get("Item", {}).get("Index")
    _stage.enter(state["Comment"], index, is_task=state["Type"] == "Task")
    _state.set(state["Comment"])


def _entering(original: Callable[..., Any], context_at: int) -> Callable[..., Any]:
    def handler(state: dict[str, Any], *arguments: Any) -> Any:
        _enter(state, arguments[context_at])
        return original(state, *arguments)

    return handler


def _wait(state: dict[str, Any], data: Any, _context: Any) -> Any:
    _stage.wait(stopped=_stopped)
    _end_if_stopped()
    return data, state["Next"]


def _asked(ask: Callable[[], Any]) -> Any:
    try:
        answer = ask()
    except Scripted as scripted:
        raise stepfunctions._ExecutionError(scripted.error, scripted.cause) from scripted
    _end_if_stopped()
    return answer


def _invoke(_resource: str, request: dict[str, Any]) -> Any:
    return _asked(lambda: _stage.request(_state.get(), request, stopped=_stopped))


def _items(reader: dict[str, Any], data: Any, context: Any) -> Any:
    source = stepfunctions._resolve_params_obj(reader["Parameters"], data, context)
    return _asked(lambda: _stage.items(_state.get(), source, stopped=_stopped))


def _with(variable: contextvars.ContextVar[Any], value: Callable[[], Any], original: Callable[..., Any]) -> Any:
    def run(*arguments: Any) -> Any:
        token = variable.set(value())
        try:
            return original(*arguments)
        finally:
            variable.reset(token)

    return run


def _branches_begin() -> Branches:
    _stage.begin_branches()
    return Branches()


def _ending_branches(original: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        try:
            return original(*arguments)
        except stepfunctions._ExecutionError:
            branches = _branches.get()
            if branches is not None and not _in_child.get():
                branches.has_failed = True
            raise

    return run


def _replace() -> None:
    module: Any = stepfunctions
    module.time = types.SimpleNamespace(**{**vars(time), "sleep": lambda _seconds: None})
    module._execute_wait = _wait
    for kind, context_at in (("pass", 1), ("choice", 1), ("wait", 1), ("task", 2), ("parallel", 2), ("map", 2)):
        name = f"_execute_{kind}"
        setattr(module, name, _entering(getattr(module, name), context_at))
    module._fail_state_error = _entering(module._fail_state_error, 1)
    original = module._apply_input_path

    def apply_input_path(state: dict[str, Any], data: Any, context: Any = None) -> Any:
        if state["Type"] == "Succeed":  # which has no handler
            _enter(state, context)
        return original(state, data, context)

    module._apply_input_path = apply_input_path
    module._invoke_resource = _invoke
    module._read_map_items = _items
    module._run_parallel_branches = _with(_branches, _branches_begin, module._run_parallel_branches)
    module._run_distributed_map = _with(_in_child, lambda: True, module._run_distributed_map)
    module._run_sub_machine = _ending_branches(module._run_sub_machine)
    module._emit_execution_status_event = lambda _execution: None


def told(story: dict[str, Any], number: int) -> dict[str, Any]:
    global _stage  # noqa: PLW0603  # the functions of ministack that are replaced belong to the module
    _stage = Stage(story)
    machine = f"arn:aws:states:us-east-1:111122223333:stateMachine:story-{number}"
    execution = f"arn:aws:states:us-east-1:111122223333:execution:story-{number}:story"
    definition = json.dumps(story["definition"])
    stepfunctions._state_machines[machine] = {"name": f"story-{number}", "definition": definition, "roleArn": ROLE}
    stepfunctions._executions[execution] = {
        "executionArn": execution,
        "stateMachineArn": machine,
        "name": "story",
        "status": "RUNNING",
        "startDate": "2026-11-23T05:30:12.345Z",
        "input": json.dumps(story["input"]),
        "events": [],
    }
    stepfunctions._run_execution(execution)
    ended = stepfunctions._executions[execution]
    output = json.loads(ended["output"]) if ended["status"] == "SUCCEEDED" else None
    return _stage.told(output=output, error=ended.get("error"), cause=ended.get("cause"))


if __name__ == "__main__":
    _replace()
    json.dump([told(story, number) for number, story in enumerate(json.load(sys.stdin))], sys.stdout)
