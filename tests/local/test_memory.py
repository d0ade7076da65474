"""The limit of a job's memory on this machine."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from stepsweep.local import memory
from stepsweep.local.machine import Process
from stepsweep.local.memory import MIB, MemoryWatch

HOLDS = """
import os, subprocess, sys
data = bytearray(60 << 20)
for at in range(0, len(data), 4096): data[at] = 1
if "forks" not in sys.argv or os.fork():
    print("ready", flush=True)
sys.stdin.read()
"""
BY_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', *sys.argv[1:]])"


@contextmanager
def running(*arguments: str) -> Iterator[Process]:
    """A program that holds 60 MiB, from the beginning of the context to its end."""
    command = [sys.executable, "-S", "-c", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        yield Process("holds", pid=program.pid)
        program.stdin.close()


def _ended(process: Process) -> Process:
    has_ended = Process("has ended", pid=process.pid)
    has_ended.ended.set()
    return has_ended


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which memory is shared")
@pytest.mark.parametrize("program", [(HOLDS,), (BY_A_CHILD, HOLDS)], ids=["itself", "a child"])
def test_what_uses_more_than_its_limit_with_all_it_started_is_ended(
    program: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0.01)
    ended: list[Process] = []
    is_ended = threading.Event()

    def end(process: Process) -> None:
        ended.append(process)
        is_ended.set()

    watch = MemoryWatch(end=end)
    with (
        running(*program) as process,
        running(HOLDS, "forks") as shares,
        watch.limited(Process("roomy", pid=process.pid), psutil.virtual_memory().total // MIB - 1) as roomy,
        # Two processes with the same pages, which count once.
        watch.limited(Process("shares", pid=shares.pid), 100) as shared,
        watch.limited(Process("not started"), 1) as not_started,
        watch.limited(_ended(process), 1) as not_running,
        watch.limited(process, 40) as exceeded,  # the last of each look
    ):
        assert is_ended.wait(60)
        looked = [event.is_set() for event in (roomy, shared, not_started, not_running, exceeded)]
    assert looked == [False, False, False, False, True]
    assert ended == [process]
    assert watch._limits == {}


def test_a_limit_that_the_machine_does_not_have_is_not_watched() -> None:
    watch = MemoryWatch(end=lambda _: None)
    total, before = psutil.virtual_memory().total, set(threading.enumerate())
    for limit in (None, -(-total // MIB)):
        with watch.limited(Process("1"), limit) as exceeded:
            assert not exceeded.is_set()
            assert set(threading.enumerate()) <= before
