"""Lambda, where moto differs from AWS."""

from typing import Any, Protocol

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction, LayerVersion

from stepsweep.local.patches.patching import add, patch


class _ServiceError(LambdaClientError):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors"""

    code = 500

    def __init__(self, error: OSError) -> None:
        super().__init__("ServiceException", f"The embedded cloud cannot run the function: {error}")


class FunctionRunner(Protocol):
    """Runs Lambda functions."""

    def invoke(self, function: LambdaFunction, payload: bytes) -> tuple[bytes, bool]:
        """Returns the answer, and whether it is an error."""
        ...


def functions_run(runner: FunctionRunner) -> None:
    """AWS runs the function's code. moto runs it in Docker, or returns the input as the answer.

    Here `runner` runs it. Where it cannot, as on a full disk, the answer is Lambda's own error, which is tried again.
    """

    def invoke(
        self: LambdaBackend,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Any,  # noqa: ARG001
        response_headers: dict[str, str],
    ) -> bytes:
        function = self.get_function(function_name, qualifier)
        payload = body if isinstance(body, bytes) else (body or "{}").encode()
        try:
            answer, is_error = runner.invoke(function, payload)
        except OSError as error:
            raise _ServiceError(error) from error
        if is_error:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["Content-Length"] = str(len(answer))
        return answer

    patch(LambdaBackend, "invoke", invoke)


def layers_in_templates_are_arns() -> None:
    """A template's Ref to a layer is the ARN of its version. In moto it is an object, and the update of a function that
    has the layer fails, in the middle of the stack's update.
    """
    add(LayerVersion, "physical_resource_id", property(lambda self: self.arn))
