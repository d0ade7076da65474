"""Execution environments of functions: which invocation gets which, and that none outlives its time or its cloud."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from stepsweep.local import environments
from stepsweep.local.environments import Environment, Environments, Exited, Made, TimedOut
from stepsweep.local.functions import PRELOAD
from stepsweep.local.machine import Machine
from tests.support.embedded import REPOSITORY, eventually

SOURCE = """
import os, time
asked = []
def handler(event, context):
    asked.append(event)
    if event == "exit":
        os._exit(3)
    if event == "sleep":
        time.sleep(600)
    if event == "raise":
        raise ValueError("no")
    return [os.getpid(), len(asked)]
"""


class Function:
    """A function, and how it is invoked.

    Attributes:
        made: what its next invocation needs.
    """

    def __init__(self, machine: Machine, folder: Path) -> None:
        folder.joinpath("index.py").write_text(SOURCE)
        self.machine = machine
        self.log = folder / "log"
        self.waiting = Environments(self._started)
        self.made = Made(
            function=cast(Any, SimpleNamespace(function_name="a")),
            code=folder,
            handler="index.handler",
            variables={"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"},
        )

    def _started(self, made: Made, until: float) -> Environment:
        return Environment.started(made, self.machine, log=self.log, preload=PRELOAD, until=until)

    def ask(self, event: object = None, *, seconds: float = 60.0) -> Any:
        """Returns the answer: the process's id, and how many events it has had."""
        answer, _ = self.waiting.invoke(self.made, json.dumps(event).encode(), until=time.monotonic() + seconds)
        return json.loads(answer)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    machine = Machine(is_bare=True)
    yield machine
    machine.close()


@pytest.fixture
def function(machine: Machine, tmp_path: Path) -> Function:
    return Function(machine, tmp_path)


def test_an_environment_answers_the_next_invocation_too_and_after_an_error_that_is_raised(function: Function) -> None:
    pid, number = function.ask()
    assert number == 1
    assert function.ask("raise")["errorMessage"] == "no"
    assert function.ask() == [pid, 3]


def test_an_event_of_any_size_comes_and_goes_whole(function: Function) -> None:
    large = "ü\n" * 500_000
    function.made.code.joinpath("index.py").write_text("def handler(event, context): return event")
    assert function.ask(large) == large


@pytest.mark.parametrize(("event", "error"), [("exit", Exited), ("sleep", TimedOut)])
def test_what_exits_or_is_too_slow_is_gone_and_the_next_invocation_has_a_new_one(
    function: Function, event: str, error: type[Exception]
) -> None:
    pid, _ = function.ask()
    with pytest.raises(error):
        function.ask(event, seconds=1)
    assert not psutil.pid_exists(pid)
    new, number = function.ask()
    assert (new != pid, number) == (True, 1)


def test_one_that_is_killed_while_it_waits_is_not_asked(function: Function) -> None:
    pid, _ = function.ask()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(pid))
    new, number = function.ask()
    assert (new != pid, number) == (True, 1)


@pytest.mark.parametrize("what", ["function", "variables", "handler"])
def test_one_that_was_made_of_something_else_is_ended(function: Function, what: str) -> None:
    pid, _ = function.ask()
    made = function.made
    other = {
        "function": SimpleNamespace(function_name="a", deleted_and_made_again=True),
        "variables": {**made.variables, "AWS_ACCESS_KEY_ID": "rotated"},
        "handler": "index.other",
    }[what]
    with function.made.code.joinpath("index.py").open("a") as file:
        file.write("other = handler\n")
    parts: dict[str, Any] = {name: getattr(made, name) for name in ("function", "code", "handler", "variables")}
    function.made = Made(**{**parts, what: other})
    new, number = function.ask()
    assert (new != pid, number) == (True, 1)
    assert not psutil.pid_exists(pid)


def test_one_that_nobody_asks_ends(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "IDLE_SECONDS", 0.1)
    pid, _ = function.ask()
    eventually(lambda: not psutil.pid_exists(pid))
    assert function.ask()[1] == 1


def test_no_name_leads_to_one_that_waits(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as places:
        monkeypatch.setattr("tempfile.tempdir", places)
        function.ask()
        assert list(Path(places).iterdir()) == []


def test_temporary_files_may_have_a_longer_path_than_a_socket(
    function: Function, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / ("long" * 30)
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert function.ask()[1] == 1


def test_none_outlives_a_cloud_that_is_killed(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from stepsweep.local.machine import Machine
from tests.local.test_environments import Function
print(Function(Machine(is_bare=True), Path(sys.argv[1])).ask()[0], flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as cloud:
        assert cloud.stdout is not None
        pid = int(cloud.stdout.readline())
        assert psutil.pid_exists(pid)
        cloud.kill()
    eventually(lambda: not psutil.pid_exists(pid))
