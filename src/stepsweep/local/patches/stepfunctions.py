"""Step Functions' executions, where moto differs from AWS."""

import re
import uuid
from collections.abc import Callable
from typing import Any

from moto.stepfunctions import models as stepfunctions_models
from moto.stepfunctions.exceptions import InvalidName
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
