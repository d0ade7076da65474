"""Lambda functions: what they answer, how they fail, and what they see."""

import io
import json
import re
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from stepsweep.local.functions import AT_ONCE
from tests.support.embedded import Cloud
from tests.support.processes import running

Call = Callable[..., Any]


@pytest.fixture
def call(tiny_cloud: Cloud) -> Call:
    """Creates a function from its source, and invokes it with an event; returns its answer, or raises its error."""
    client = tiny_cloud.client("lambda")

    def called(source: str, event: object = None, **settings: Any) -> Any:
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("handlers/index.py", dedent(source))
            archive.writestr("handlers/beside.py", "VALUE = 'from the package'")
        name = f"function-{time.time_ns()}"
        client.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=tiny_cloud.outputs["RoleArn"],
            Handler="handlers.index.handler",
            Code={"ZipFile": package.getvalue()},
            **settings,
        )
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        document = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            assert answer["FunctionError"] == "Unhandled"
            raise FunctionFailedError(document)
        return document

    return called


class FunctionFailedError(Exception):
    """The answer of a function that is an error."""

    @property
    def answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.args[0]
        return answer


EVENT = {"text": "ü\n'\"", "number": 0.1, "big": 2**53 + 1, "none": None, "list": [True, {}]}


def test_a_function_gets_the_event_and_its_answer_is_the_answer(call: Call) -> None:
    assert call("def handler(event, context): return [event, event]", EVENT) == [EVENT, EVENT]


def test_what_a_function_prints_is_not_its_answer(call: Call) -> None:
    source = """
        import os, sys
        def handler(event, context):
            print('{"printed": 1}', flush=True)
            print("to stderr", file=sys.stderr)
            return os.getpid()
    """
    assert isinstance(call(source), int)


def test_what_a_function_prints_is_in_its_log_and_a_report_ends_it(call: Call, tiny_cloud: Cloud) -> None:
    name = call(
        "import os\ndef handler(event, context):\n print('a line')\n return os.environ['AWS_LAMBDA_FUNCTION_NAME']"
    )
    said, report = (tiny_cloud.directory / "run" / f"{name}.log").read_text().splitlines()
    assert said == "a line"
    assert re.fullmatch(r"REPORT Duration: [\d.]+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB", report)


def test_an_error_that_is_raised_is_the_answer_with_its_type_message_and_trace(call: Call) -> None:
    source = """
        class InvalidSweep(Exception):
            pass

        def handler(event, context):
            raise InvalidSweep("lr: is missing\\nepochs: is missing")
    """
    with pytest.raises(FunctionFailedError) as failed:
        call(source)
    assert failed.value.answer["errorType"] == "InvalidSweep"
    assert failed.value.answer["errorMessage"] == "lr: is missing\nepochs: is missing"
    assert 'handlers/index.py", line 6, in handler' in failed.value.answer["stackTrace"][-1]


EXITED = "Error: Runtime exited with error: exit status"
NO_JSON = "Out of range float values are not JSON compliant"
TOO_LARGE = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."


@pytest.mark.parametrize(
    ("source", "error_type", "said"),
    [
        ("import nowhere", "ModuleNotFoundError", "No module named 'nowhere'"),
        ("def handler(event, context): return {1, 2}", "TypeError", "Object of type set is not JSON serializable"),
        (
            "def handler(event, context): return float('nan')",
            "ValueError",
            "Out of range float values are not JSON compliant",
        ),
        ("def handler(event, context) return 1", "SyntaxError", "expected ':' (index.py, line 1)"),
        ("def other(event, context): return 1", "AttributeError", "module 'handlers.index' has no attribute 'handler'"),
        ("def handler(event, context): raise SystemExit(3)", "Runtime.ExitError", f"{EXITED} 3"),
        ("def handler(event, context): import sys; sys.exit()", "Runtime.ExitError", f"{EXITED} 0"),
        ("import os\ndef handler(event, context): os._exit(0)", "Runtime.ExitError", f"{EXITED} 0"),
        ("import os\ndef handler(event, context): os.kill(os.getpid(), 9)", "Runtime.ExitError", f"{EXITED} 137"),
        ("def handler(event, context): return 'x' * (6 * 2**20)", "Function.ResponseSizeTooLarge", TOO_LARGE),
    ],
)
def test_a_function_that_fails_says_how(call: Call, source: str, error_type: str, said: str) -> None:
    with pytest.raises(FunctionFailedError) as failed:
        call(source)
    assert failed.value.answer["errorType"] == error_type
    assert failed.value.answer["errorMessage"].removesuffix(": nan") == said  # of newer versions of Python


def test_a_function_is_ended_when_its_time_is_over(call: Call, tiny_cloud: Cloud) -> None:
    source = """
        import subprocess
        def handler(event, context):
            subprocess.run(["sleep", "600"])
    """
    with pytest.raises(FunctionFailedError) as failed:
        call(source, Timeout=1)
    assert failed.value.answer == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "Error: Task timed out after 1.00 seconds",
    }
    assert running("sleep 600", tiny_cloud.processes()) == []


def test_a_function_has_its_own_environment_and_what_lambda_adds(call: Call, tiny_cloud: Cloud) -> None:
    source = """
        import os
        def handler(event, context):
            return dict(os.environ)
    """
    seen = call(source, Environment={"Variables": {"BUCKET": "results", "AWS_REGION": "eu-north-1"}}, MemorySize=512)
    assert seen["BUCKET"] == "results"
    assert seen["AWS_REGION"] == "eu-north-1", "what the function says comes before what the cloud does"
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert seen["AWS_ENDPOINT_URL"] == tiny_cloud.environment["AWS_ENDPOINT_URL"]
    assert "PYTHONPATH" not in seen


def test_a_function_reaches_the_cloud_it_runs_in(call: Call, tiny_cloud: Cloud) -> None:
    source = """
        import boto3
        def handler(event, context):
            boto3.client("s3").put_object(Bucket=event, Key="from/a/function", Body=b"1")
    """
    call(source, tiny_cloud.outputs["Bucket"])
    assert tiny_cloud.objects("from/") == {"from/a/function": b"1"}


def test_a_function_finds_its_package_the_standard_library_and_what_is_installed(call: Call) -> None:
    source = """
        import boto3, json, sys
        from handlers.beside import VALUE
        def handler(event, context):
            return [VALUE, sys.path[0].split("/")[-2], boto3.__name__]
    """
    assert call(source) == ["from the package", "unpacked", "boto3"]


@pytest.mark.parametrize(
    "room", ["sweep", "statemachine", "stack", "trainer", "client", "local", "tests", "lambda_runtime"]
)
def test_a_function_does_not_find_the_checkout(call: Call, room: str) -> None:
    """So that a function whose package lacks a file fails here, as it would on AWS."""
    with pytest.raises(FunctionFailedError) as failed:
        call(f"import {room}")
    assert failed.value.answer["errorType"] == "ModuleNotFoundError"


def test_an_invocation_finds_what_the_one_before_has_left_in_memory_unless_the_function_has_changed(
    call: Call, tiny_cloud: Cloud
) -> None:
    """As on Lambda: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html."""
    source = """
        import os
        calls = []
        def handler(event, context):
            calls.append(event)
            return [calls, os.environ["AWS_LAMBDA_FUNCTION_NAME"]]
    """
    calls, name = call(source, 1)
    client = tiny_cloud.client("lambda")

    def called(event: int) -> list[int]:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event))
        return list(json.loads(answer["Payload"].read())[0])

    assert (calls, called(2)) == ([1], [1, 2])
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {"NEW": "1"}})
    assert (called(3), called(4)) == ([3], [3, 4])
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handlers/index.py", "def handler(event, context): return [[-event], '']")
    client.update_function_code(FunctionName=name, ZipFile=package.getvalue())
    assert called(5) == [-5]
    log = (tiny_cloud.directory / "run" / f"{name}.log").read_text()
    assert log.count("REPORT Duration: ") == 5, "each invocation has its report"


def test_invocations_wait_for_their_turn_where_there_are_more_than_cores_hold(
    call: Call, tiny_cloud: Cloud, tmp_path: Path
) -> None:
    source = """
        import os
        def handler(folder, context):
            if folder is None:
                return os.environ["AWS_LAMBDA_FUNCTION_NAME"]
            mine = os.path.join(folder, str(os.getpid()))
            open(mine, "x").close()
            at_once = len(os.listdir(folder))
            os.remove(mine)
            return at_once
    """
    name, client = call(source), tiny_cloud.client("lambda")

    def seen_at_once(_: int) -> int:
        return int(client.invoke(FunctionName=name, Payload=json.dumps(str(tmp_path)))["Payload"].read())

    with ThreadPoolExecutor(4 * AT_ONCE) as pool:
        assert max(pool.map(seen_at_once, range(4 * AT_ONCE))) <= AT_ONCE
