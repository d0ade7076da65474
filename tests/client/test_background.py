"""What keeps an embedded cloud up until nothing runs in it, and starts it in the background."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepsweep.client.clouds import background
from stepsweep.client.clouds.background import keep_up, up, wait_until_idle
from stepsweep.client.deployment import CloudError
from stepsweep.client.running.control import Control
from stepsweep.client.signals import ending_signals, handled_by
from stepsweep.contract.spec import SweepSpec
from stepsweep.local.joining import starting
from tests.support.stack import Stack

MINE = SweepSpec.from_json({"name": "mine", "parameters": {"lr": [0.1]}, "epochs": 1})


class Clock:
    """Goes on by what is slept; does something before each sleep."""

    def __init__(self, *does: Callable[[], object]) -> None:
        self.now, self.slept, self._does = 100.0, list[float](), list(does)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        if self._does:
            self._does.pop(0)()


def waits(monkeypatch: pytest.MonkeyPatch, *does: Callable[[], object]) -> Clock:
    clock = Clock(*does)
    monkeypatch.setattr(background, "time", clock)
    return clock


def test_a_cloud_stays_up_while_anything_runs_and_nothing_starts_once_it_ends(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    control, busy = Control(stack.deployment), list[Any]()
    arn = control.start(MINE).arn
    clock = waits(monkeypatch, lambda: stack.stop(arn))
    with contextlib.ExitStack() as until_it_is_down:
        wait_until_idle(until_it_is_down, tmp_path, control, on_busy=busy.append)
        assert (busy, clock.slept) == ([[arn]], [0.5])
        with pytest.raises(TimeoutError):
            starting(tmp_path).acquire(timeout=0)
    with starting(tmp_path).acquire(timeout=0):
        pass


def test_an_idle_cloud_lingers_and_begins_anew_after_each_start(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock, control = starting(tmp_path), Control(stack.deployment)
    clock = waits(monkeypatch, lambda: None, lock.acquire, lock.release)
    with contextlib.ExitStack() as until_it_is_down:
        wait_until_idle(until_it_is_down, tmp_path, control, linger_seconds=2)
    assert sum(clock.slept) == 1.5 + 2, "another command held the lock at 1.0"


@pytest.mark.parametrize("started_here", [True, False])
def test_the_background_process_ends_its_own_cloud_once_it_is_idle(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started_here: bool
) -> None:
    opened: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def cloud(directory: Path, **given: Any) -> Iterator[Any]:
        opened.append({"directory": directory, **given})
        yield SimpleNamespace(started_here=started_here, environment=lambda: stack.environment)

    monkeypatch.setattr(background, "embedded_cloud", cloud)
    monkeypatch.setattr(background, "on_endpoint", lambda given: {id(stack.environment): stack.deployment}[id(given)])
    clock = waits(monkeypatch)
    given: dict[str, Any] = {
        "on_status": print, "trainer": Path("mine"), "job_vcpus": 2, "container": True, "machines": None
    }  # fmt: skip
    keep_up(tmp_path, **given)
    assert opened == [{"directory": tmp_path, **given, "ends_when_idle": True}]
    assert sum(clock.slept) == (2.0 if started_here else 0.0)


class Process:
    """A background process that has ended with a code, or is up."""

    returncode: int | None = None
    ended = False

    def __init__(self, words: list[str], *, stdout: Any, **given: Any) -> None:
        self.words, self.given = words, given
        stdout.write(b"one\ntwo\nthree\nfour\nfive\n \xff six \n")

    def poll(self) -> int | None:
        return 1 if self.ended else None

    def terminate(self) -> None:
        self.returncode = -signal.SIGTERM

    def wait(self) -> None:
        pass


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The processes that are started."""
    started: list[Process] = []

    def start(words: list[str], **given: Any) -> Process:
        started.append(Process(words, **given))
        return started[-1]

    names = ("DEVNULL", "STDOUT")
    constants = {name: getattr(subprocess, name) for name in names}
    monkeypatch.setattr(background, "subprocess", SimpleNamespace(Popen=start, **constants))
    return started


def come_up(directory: Path, said: list[str], **options: Any) -> Any:
    return up(directory, said.append, **{"trainer": None, "job_vcpus": None, "container": False, **options})


def test_a_cloud_in_the_background_is_a_command_that_no_terminal_ends(
    process: list[Process], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    endpoint, said, answers = object(), list[str](), list[Any]()
    monkeypatch.setattr(background, "joined", lambda _directory: answers.pop(0))
    answers[:] = [endpoint]
    assert come_up(tmp_path, said) is endpoint
    assert (process, said) == ([], [])

    monkeypatch.chdir(tmp_path)
    answers[:] = [None, None, endpoint]
    Path("cloud.json").touch()
    clock = waits(monkeypatch)
    assert come_up(Path(), said, trainer=Path("mine"), job_vcpus=2, container=True) is endpoint
    assert (said, clock.slept) == (["Starting the embedded cloud in the background …"], [0.1])
    (started,) = process
    assert started.words == [
        sys.executable, "-P", "-m", "stepsweep", "serve", "--until-idle", "--dir", str(tmp_path),
        "--trainer", str(tmp_path / "mine"), "--job-vcpus", "2", "--container",
    ]  # fmt: skip
    given = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "start_new_session": True}
    assert (started.given, started.returncode) == (given, 0)


def test_a_cloud_that_does_not_start_has_the_last_lines_of_its_log(
    process: list[Process], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(background, "joined", lambda _directory: None)
    monkeypatch.setattr(Process, "ended", True)
    with pytest.raises(CloudError) as failed:
        come_up(tmp_path, [])
    assert str(failed.value) == (
        "the embedded cloud did not start in the background:\ntwo\nthree\nfour\nfive\n \ufffd six"
    )
    assert process[0].words[6:] == ["--dir", str(tmp_path)]


def test_an_interrupt_before_a_cloud_is_up_ends_it(
    process: list[Process], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(background, "joined", lambda _directory: None)
    waits(monkeypatch, interrupted)
    with pytest.raises(KeyboardInterrupt):
        come_up(tmp_path, [])
    assert process[0].returncode == -signal.SIGTERM


def test_signals_that_are_ignored_stay_so_and_the_others_are_handled_for_a_while() -> None:
    numbers, heard = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP), list[int]()
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    try:
        assert ending_signals() == [*numbers]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert ending_signals() == [signal.SIGINT, signal.SIGTERM]
        with handled_by(lambda number, _frame: heard.append(number)):
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.raise_signal(number)
        assert heard == [signal.SIGTERM, signal.SIGINT]
        assert [signal.getsignal(number) for number in numbers] == [signal.SIG_DFL, signal.SIG_DFL, signal.SIG_IGN]
    finally:
        for number, former in before.items():
            signal.signal(number, former)
