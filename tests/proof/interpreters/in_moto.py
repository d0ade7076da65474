"""Runs stories in moto's interpreter, with the embedded cloud's patches of it. Reads a list of stories, each with its
definition, and writes what came of each.

Its services are replaced by the scripts; that these are what they are is what tests/local is about.
"""

import json
import logging
import sys
import time
import types
from functools import cache
from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_eval_s3 import (
    ResourceEvalS3 as ReaderS3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval.resource_eval_s3 import (
    ResourceEvalS3 as WriterS3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl import BranchesDecl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_batch
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch import (
    StateTaskServiceBatch,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.state_type import StateType
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from stepsweep.local.patches import stepfunctions, stepfunctions_map, stepfunctions_tasks
from stepsweep.local.patches.stepfunctions import error_named
from stepsweep.local.patches.stepfunctions_tasks import failure
from tests.proof.interpreters.stage import Scripted, Stage
from tests.proof.interpreters.stories import RECORD

ROLE = "arn:aws:iam::111122223333:role/story"
_stage: Stage


class _AllAllowed:
    """Permissions are what tests/local/test_access.py is about."""

    def check(self, *_: str) -> None:
        pass


def _state(env: Environment) -> str:
    name: str = env.states.context_object.context_object_data["State"]["Name"]
    return name


def _index(env: Environment) -> int | None:
    item = env.states.context_object.context_object_data.get("Map")
    return item["Item"]["Index"] if item else None


def _answered(env: Environment, ask: Any) -> None:
    try:
        env.stack.append(ask(lambda: not env.is_running()))
    except Scripted as scripted:
        raise FailureEventException(failure(env, error_named(scripted.error), scripted.cause)) from scripted


def _enter(original: Any, self: CommonStateField, env: Environment) -> Any:
    _stage.enter(self.name, _index(env), is_task=self.state_type == StateType.Task)
    return original(self, env)


def _request(
    _self: StateTaskService,
    env: Environment,
    resource_runtime_part: Any,
    normalised_parameters: dict[str, Any],
    state_credentials: Any,
) -> None:
    _answered(env, lambda stopped: _stage.request(_state(env), normalised_parameters, stopped=stopped))


def _read(env: Environment, _part: Any, _credentials: Any) -> None:
    source = env.stack.pop()
    _answered(env, lambda stopped: json.dumps(_stage.items(_state(env), source, stopped=stopped)))


def _write(env: Environment, _part: Any, _credentials: Any) -> None:
    env.stack.pop()
    env.stack.pop()
    env.stack.append(RECORD)


def _replace() -> None:
    access: Any = _AllAllowed()
    stepfunctions.parallels_fail_with_the_error_of_their_branch()
    stepfunctions_map.percentages_can_be_whole()
    stepfunctions_map.maps_start_only_the_workers_they_need(access)
    stepfunctions_map.workers_go_from_item_to_item()
    stepfunctions_map.result_writers_read_the_input()
    stepfunctions_tasks.batch_tasks_name_shares()
    anything: Any = AmazonStateLanguageParser
    anything.parse = staticmethod(cache(AmazonStateLanguageParser.parse))  # which takes seconds
    anything = ExecutionWorker
    anything.start = ExecutionWorker._execution_logic  # without a thread
    for service in (StateTaskServiceLambda, StateTaskServiceAwsSdk, StateTaskServiceBatch):
        anything = service
        anything._eval_service_task = _request
        anything._normalise_parameters = anything._normalise_response = lambda *_, **__: None
    state_task_service_batch._SUPPORTED_API_PARAM_BINDINGS["submitjob"].add("PropagateTags")
    anything = StateTaskServiceCallback
    anything._eval_integration_pattern = lambda *_, **__: None
    anything = WaitFunction
    anything._wait_interval = lambda _self, env, wait_seconds: _stage.wait(stopped=lambda: not env.is_running())  # noqa: ARG005
    anything = retrier_decl
    anything.time = types.SimpleNamespace(**{**vars(time), "sleep": lambda _seconds: None})
    anything = ReaderS3
    anything._handle_get_object = staticmethod(_read)
    anything = WriterS3
    anything._handle_put_object = staticmethod(_write)
    anything = CommonStateField
    entered = anything._get_state_entered_event_details
    anything._get_state_entered_event_details = lambda self, env: _enter(entered, self, env)
    anything = BranchesDecl
    branches = anything._eval_body

    def begin_branches(self: BranchesDecl, env: Environment) -> None:
        _stage.begin_branches()
        branches(self, env)

    anything._eval_body = begin_branches


def told(story: dict[str, Any], number: int) -> dict[str, Any]:
    global _stage  # noqa: PLW0603  # the methods of moto that are replaced belong to its classes
    _stage = Stage(story)
    backend = StepFunctionsParserBackend("us-east-1", "111122223333")
    machine = backend.create_state_machine(f"story-{number}", json.dumps(story["definition"]), ROLE)
    execution = backend.start_execution(machine.arn, "story", json.dumps(story["input"]))
    return _stage.told(output=execution.output, error=execution.error, cause=execution.cause)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    _replace()
    json.dump([told(story, number) for number, story in enumerate(json.load(sys.stdin))], sys.stdout, default=str)
