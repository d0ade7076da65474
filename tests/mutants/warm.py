"""A pytest plugin that tries faults in forks of one process. To start pytest for each takes longer than most tests.

The process runs all tests once, and learns how long each takes and which functions it calls. Then each fault gets a
fork, whose tests are those that call the changed function, the fastest first, until one fails. A fork inherits what was
imported, and nothing that a fixture opened: all has been closed. A test that finds a fault for the first time has to
pass in a fork without one.
"""

import contextlib
import gc
import json
import math
import os
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test

JOB = "MUTANTS_JOB"
"""Names a file: the faults in their order, and how many at once."""

CALLS, RESULTS = "MUTANTS_CALLS", "MUTANTS_RESULTS"

FOUND, SURVIVED, HANGS, UNCALLED = "found", "survived", "hangs", "no test calls it"

CPU_SECONDS, WALL_SECONDS, TIMES = 5, 60, 10
"""What a fork may take beyond its tests' own times, and a test beyond its own, and how often these. A machine may have
other work."""

MEMORY = 8 << 30
"""For a fault that fills a list for ever."""

forks = get_context("fork")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    fault: str
    process: ForkProcess
    until: float


class Warm:
    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._cpu_seconds: dict[str, float] = {}
        self._failed = False
        self._current = ""
        self._sound: set[str] = set()
        self._found_by = Path(os.environ[RESULTS]).with_name("found-by")
        self._found_by.write_text("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        self._failed |= report.failed
        if report.failed:
            print(report.nodeid, report.when, report.longreprtext, sep="\n", file=sys.__stderr__, flush=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        job = json.loads(Path(os.environ[JOB]).read_text())
        set_mutant_under_test("stats")
        self._run(session.items)
        if self._failed:
            raise session.Failed("tests fail without a fault")
        set_mutant_under_test("")
        _forget()
        tests = _tests_by_function(session.items, self._cpu_seconds, Path(os.environ.pop(CALLS)))
        gc.freeze()  # a fork that looks for garbage would copy all that there is
        with Path(os.environ[RESULTS]).open("a", buffering=1) as results:
            chosen = {fault: tests.get(fault.partition("__mutmut_")[0], []) for fault in job["faults"]}
            for name, state in self._tried(chosen, at_once=job["processes"]):
                if state in (FOUND, HANGS):
                    self._check_without(name, chosen[name])
                results.write(f"{name}\t{state}\n")
        return True

    def _check_without(self, fault: str, items: Sequence[pytest.Item]) -> None:
        """Raises Failed if what found a fault fails in a fork without one too: then it would find every fault."""
        found_by = dict(line.split("\t") for line in self._found_by.read_text().splitlines())
        asked = [item for item in items if item.nodeid == found_by.get(fault, item.nodeid)]
        if new := [item for item in asked if item.nodeid not in self._sound]:
            for _, state in self._tried({"": new}, at_once=1):
                if state != SURVIVED:
                    raise pytest.Session.Failed(f"tests fail in a fork, without a fault: {new[0].nodeid}")
            self._sound.update(item.nodeid for item in new)

    def _tried(self, faults: Mapping[str, Sequence[pytest.Item]], *, at_once: int) -> Iterator[tuple[str, str]]:
        """Yields each fault and what became of it, as the forks end."""
        running: list[Fork] = []
        try:
            for fault, items in faults.items():
                if not items:
                    yield fault, UNCALLED
                    continue
                while len(running) >= at_once:
                    yield from _ended(running)
                cpu_seconds = CPU_SECONDS + TIMES * sum(self._cpu_seconds[item.nodeid] for item in items)
                process = forks.Process(target=self._try, args=(fault, items, math.ceil(cpu_seconds)))
                process.start()
                until = time.monotonic() + WALL_SECONDS + TIMES * sum(self._seconds[item.nodeid] for item in items)
                running.append(Fork(fault=fault, process=process, until=until))
            while running:
                yield from _ended(running)
        finally:
            for fork in running:  # interrupted
                _end(fork)

    def _try(self, fault: str, items: Sequence[pytest.Item], cpu_seconds: int) -> None:
        os.setsid()  # what the tests leave running ends with the fork
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        set_mutant_under_test(fault)
        self._failed = False
        code = 1

        def note() -> None:
            with self._found_by.open("a") as file:
                file.write(f"{fault}\t{self._current}\n")

        def end(_number: int, _frame: object) -> None:
            note()
            os.kill(os.getpid(), signal.SIGKILL)

        for number in (signal.SIGALRM, signal.SIGXCPU):
            signal.signal(number, end)
        try:
            self._run(items, is_fork=True)
            if self._failed:
                note()
            code = int(self._failed)
        finally:
            os._exit(code)

    def _run(self, items: Sequence[pytest.Item], *, is_fork: bool = False) -> None:
        """Runs tests up to the first one that fails."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            self._current, before = item.nodeid, sum(os.times()[:4])
            if is_fork:
                signal.alarm(math.ceil(WALL_SECONDS + TIMES * self._seconds[item.nodeid]))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self._cpu_seconds[item.nodeid] = sum(os.times()[:4]) - before
            if self._failed:
                return


def _forget() -> None:
    """Empties the services of moto, which a process has once: a test in a fork would find what the first run left."""
    if "moto" in sys.modules:
        from moto.moto_api._internal import moto_api_backend

        moto_api_backend.reset()


def _ended(running: list[Fork]) -> Iterator[tuple[str, str]]:
    """Waits for a fork to end, or ends one that has had its time."""
    wait = max(0.0, min(fork.until for fork in running) - time.monotonic())
    ended = connection.wait([fork.process.sentinel for fork in running], timeout=wait)
    for fork in list(running):
        is_late = time.monotonic() >= fork.until
        if fork.process.sentinel not in ended and not is_late:
            continue
        _end(fork)
        running.remove(fork)
        by_signal = (fork.process.exitcode or 0) < 0
        yield fork.fault, HANGS if by_signal else FOUND if fork.process.exitcode else SURVIVED


def _end(fork: Fork) -> None:
    """Ends a fork, and what its tests have left running."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(fork.process.pid or 0, signal.SIGKILL)
    fork.process.join()


def _tests_by_function(
    items: Sequence[pytest.Item], seconds: Mapping[str, float], calls: Path
) -> dict[str, list[pytest.Item]]:
    """Returns the tests that call each function, the fastest first."""
    by_id = {item.nodeid: item for item in items}
    found: dict[str, set[str]] = defaultdict(set)
    for line in calls.read_text().splitlines():
        function, test, _ = line.split("\t")
        found[function].add(test)
    return {
        function: sorted((by_id[test] for test in tests), key=lambda item: (seconds[item.nodeid], item.nodeid))
        for function, tests in found.items()
    }


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Warm())
