"""Lambda, where moto differs from AWS."""

from typing import Any, Protocol

from moto.awslambda.models import LambdaBackend, LambdaFunction

from stepsweep.local.patches.patching import patch


class FunctionRunner(Protocol):
    """Runs Lambda functions."""

    def invoke(self, function: LambdaFunction, payload: bytes) -> tuple[bytes, bool]:
        """Returns the answer, and whether it is an error."""
        ...


def functions_run(runner: FunctionRunner) -> None:
    """AWS runs the function's code. moto runs it in Docker, or returns the input as the answer.

    Here `runner` runs it.
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
        answer, is_error = runner.invoke(function, payload)
        if is_error:
            response_headers["x-amz-function-error"] = "Unhandled"
        response_headers["Content-Length"] = str(len(answer))
        return answer

    patch(LambdaBackend, "invoke", invoke)
