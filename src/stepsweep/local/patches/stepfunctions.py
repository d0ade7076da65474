"""Step Functions' executions, where moto differs from AWS."""

import re
import uuid
from collections.abc import Callable
from typing import Any

from moto.stepfunctions import models as stepfunctions_models
from moto.stepfunctions.exceptions import InvalidName
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends

from stepsweep.local.patches.patching import patch


def state_machines_of_stacks_execute() -> None:
    """AWS executes a state machine that a stack created. moto creates it in the backend that cannot execute, while
    requests go to the one that can."""
    patch(stepfunctions_models, "stepfunctions_backends", stepfunctions_parser_backends)


def executions_have_names() -> None:
    """AWS generates a name for an execution that is started without one, and refuses an invalid name. moto uses None,
    in the ARN and in `$$.Execution.Name`, and accepts any name."""

    def start_execution(
        original: Callable[..., Any],
        self: StepFunctionsParserBackend,
        state_machine_arn: str,
        name: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        name = name or str(uuid.uuid4())
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
        if not re.fullmatch(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""", name):
            raise InvalidName(f"Invalid Name: '{name}'")
        return original(self, state_machine_arn, name, *args, **kwargs)

    patch(StepFunctionsParserBackend, "start_execution", start_execution, with_original=True)


def executions_end_with_their_output() -> None:
    """On AWS an execution that has ended has its output, or its error. moto sets the status first, so a request between
    the two gets SUCCEEDED with the output null, or FAILED without an error."""

    def reflect(original: Callable[..., None], self: BaseExecutionWorkerCommunication) -> None:
        environment = self.execution.exec_worker.env
        end = environment.program_state()
        if isinstance(end, ProgramEnded):
            self.execution.output = environment.states.get_input()
        elif isinstance(end, ProgramError):
            self.execution.error, self.execution.cause = end.error.get("error"), end.error.get("cause")
        original(self)

    patch(BaseExecutionWorkerCommunication, "_reflect_execution_status", reflect, with_original=True)


def error_named(error_name: str) -> ErrorName:
    """Returns the error of that name, which is one of Step Functions' own where it begins with `States.`."""
    if error_name.startswith("States."):
        return StatesErrorName(typ=StatesErrorNameType.from_name(error_name))
    return CustomErrorName(error_name=error_name)


def parallels_fail_with_the_error_of_their_branch() -> None:
    """On AWS a Parallel fails with the error of the branch that failed. In moto it fails with States.Runtime where that
    error is one of Step Functions' own, such as States.ItemReaderFailed."""
    patch(branches_decl, "CustomErrorName", error_named)
