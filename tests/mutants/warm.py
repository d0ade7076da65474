"""A pytest plugin that tries faults in forks of one process. To start pytest for each takes longer than most tests.

The process runs each test file once, and learns how long each test takes and which functions it calls; what it has
learned is kept, until the file or the room's code changes. Then each fault gets a fork, whose tests are those that call
the changed function, the fastest files first, until one fails. A fork inherits what was imported, and nothing that a
fixture opened: all has been closed. A test that finds a fault for the first time has to pass in a fork without one.
"""

import contextlib
import gc
import json
import math
import os
import resource
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from multiprocessing import connection, get_context
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test

JOB = "MUTANTS_JOB"
"""Names a file: the faults in their order, how many at once, and what is known of the tests."""

CALLS, RESULTS = "MUTANTS_CALLS", "MUTANTS_RESULTS"

FOUND, SURVIVED, HANGS = "found", "survived", "hangs"
UNCALLED, LEFT = "no test calls it", "tests that call it are left: see --seconds"
"""Of survivors."""

CACHE, TOOLS = "stepsweep", "aws-cdk-*"
"""Where the product keeps what npm has installed."""

TEMPORARY = "PYTEST_DEBUG_TEMPROOT"
"""Below it pytest makes its own folder."""

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
        self._kept = Path()
        self._shared: dict[Path, list[pytest.Item]] = {}
        self._failed = False
        self._current = ""
        self._sound: set[str] = set()
        self._found_by = Path(os.environ[RESULTS]).with_name("found-by")
        self._found_by.write_text("")
        self._temporary = os.environ[TEMPORARY]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        self._failed |= report.failed
        if report.failed:
            print(report.nodeid, report.when, report.longreprtext, sep="\n", file=sys.__stderr__, flush=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        job = json.loads(Path(os.environ[JOB]).read_text())
        self._kept = Path(job["kept"])
        calls = Path(os.environ[CALLS])
        by_file = [(path, list(items)) for path, items in groupby(session.items, key=lambda item: item.path)]
        self._shared = {path: items for path, items in by_file if str(path) in job["shared"]}
        lines = [
            line
            for path, items in reversed(by_file)  # the slowest last: what an interrupted run has learned is kept
            for line in self._calls_of(path, items, calls, job["code"])
        ]
        del os.environ[CALLS]
        tests = _tests_by_function(session.items, self._seconds, lines, shared=self._shared)
        gc.freeze()  # a fork that looks for garbage would copy all that there is
        with Path(os.environ[RESULTS]).open("a", buffering=1) as results:
            called = {fault: tests.get(fault.partition("__mutmut_")[0], []) for fault in job["faults"]}
            chosen = {fault: self._in_time(items, job["seconds"]) for fault, items in called.items()}
            for name, state in self._tried(chosen, at_once=job["processes"]):
                if state in (FOUND, HANGS):
                    self._check_without(name, chosen[name])
                is_cut = state == SURVIVED and len(chosen[name]) < len(called[name])
                results.write(f"{name}\t{LEFT if is_cut else state}\n")
        return True

    def _calls_of(self, path: Path, items: Sequence[pytest.Item], calls: Path, code: str) -> list[str]:
        """Returns which functions the tests of a file call, as seeded code writes it down."""
        ids = [item.nodeid for item in items]
        file = Path(self._kept, sha256("\0".join([code, *ids, path.read_text()]).encode()).hexdigest())
        if not file.exists():
            before = calls.stat().st_size
            set_mutant_under_test("stats")
            self._have_own_folders(items[0].config)
            self._run(items)
            if self._failed:
                raise pytest.Session.Failed("tests fail without a fault")
            set_mutant_under_test("")
            _forget()
            _keep_tools(self._kept)
            with calls.open(encoding="utf-8") as added:
                added.seek(before)
                lines = sorted(set(added.read().splitlines()))
            file.write_text(json.dumps([{id_: (self._seconds[id_], self._cpu_seconds[id_]) for id_ in ids}, lines]))
        seconds, lines = json.loads(file.read_text())
        for id_, (wall, cpu) in seconds.items():
            self._seconds[id_], self._cpu_seconds[id_] = wall, cpu
        return list(lines)

    def _in_time(self, items: Sequence[pytest.Item], seconds: float) -> list[pytest.Item]:
        """Returns the first tests that together take no longer, but one at least."""
        chosen: list[pytest.Item] = []
        taken = 0.0
        for item in items:
            taken += self._seconds[item.nodeid]
            if taken > seconds and chosen:
                break
            chosen.append(item)
        return chosen

    def _check_without(self, fault: str, items: Sequence[pytest.Item]) -> None:
        """Raises Failed if what found a fault fails in a fork without one too: then it would find every fault."""
        found_by = dict(line.split("\t") for line in self._found_by.read_text("utf-8").splitlines())
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
                cpu_seconds = CPU_SECONDS + TIMES * self._sum(self._cpu_seconds, items)
                process = forks.Process(target=self._try, args=(fault, items, math.ceil(cpu_seconds)))
                process.start()
                until = time.monotonic() + WALL_SECONDS + TIMES * self._sum(self._seconds, items)
                running.append(Fork(fault=fault, process=process, until=until))
            while running:
                yield from _ended(running)
        finally:
            for fork in running:  # interrupted
                _end(fork)

    def _sum(self, seconds: Mapping[str, float], items: Sequence[pytest.Item]) -> float:
        """Returns what tests take together. Of a shared file any test may make what the first one made."""
        files = {item.path for item in items} & self._shared.keys()
        ids = {item.nodeid for item in [*items, *(each for path in files for each in self._shared[path])]}
        return sum(seconds[each] for each in ids)

    def _try(self, fault: str, items: Sequence[pytest.Item], cpu_seconds: int) -> None:
        os.setsid()  # what the tests leave running ends with the fork
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        set_mutant_under_test(fault)
        self._have_own_folders(items[0].config)
        self._failed = False
        code = 1

        def note() -> None:
            with self._found_by.open("a", encoding="utf-8") as file:
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

    def _have_own_folders(self, config: pytest.Config) -> None:
        """Lets tests share no temporary files and no template of the stack with others: a fault may have made them."""
        own = tempfile.mkdtemp(prefix="", dir=self._temporary)
        os.environ[TEMPORARY] = os.environ["XDG_CACHE_HOME"] = own
        cache = Path(own, CACHE)
        cache.mkdir()
        for tool in self._kept.glob(TOOLS):
            (cache / tool.name).symlink_to(tool)
        config._tmp_path_factory._basetemp = None  # type: ignore[attr-defined]

    def _run(self, items: Sequence[pytest.Item], *, is_fork: bool = False) -> None:
        """Runs tests up to the first one that fails."""
        for item, following in zip(items, [*items[1:], None], strict=True):
            self._current, before = item.nodeid, sum(os.times()[:4])
            if is_fork:
                signal.alarm(math.ceil(WALL_SECONDS + TIMES * self._sum(self._seconds, [item])))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self._cpu_seconds[item.nodeid] = sum(os.times()[:4]) - before
            if self._failed:
                return


def _keep_tools(kept: Path) -> None:
    """Keeps the CDK CLI, which npm would install for each fault anew."""
    for tool in Path(os.environ["XDG_CACHE_HOME"], CACHE).glob(TOOLS):
        if not tool.is_symlink():
            tool.rename(kept / tool.name)
            tool.symlink_to(kept / tool.name)


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
    items: Sequence[pytest.Item], seconds: Mapping[str, float], calls: Sequence[str], *, shared: Collection[Path]
) -> dict[str, list[pytest.Item]]:
    """Returns the tests that call each function, those of the fastest files first.

    What a fixture calls, other tests of the file may judge, so they come last. So do those of a shared file.
    """
    by_id = {item.nodeid: item for item in items}
    by_file: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        by_file[item.path].append(item)
    calling: dict[str, set[pytest.Item]] = defaultdict(set)
    prepared: dict[str, set[Path]] = defaultdict(set)
    for line in calls:
        function, test, phase = line.split("\t")
        calling[function].add(by_id[test])
        if phase != "call" or by_id[test].path in shared:
            prepared[function].add(by_id[test].path)

    def fastest(tests: set[pytest.Item]) -> list[pytest.Item]:
        of_file: dict[Path, float] = defaultdict(float)
        for item in tests:
            of_file[item.path] += seconds[item.nodeid]
        return sorted(tests, key=lambda item: (of_file[item.path], item.path, seconds[item.nodeid], item.nodeid))

    return {
        function: fastest(tests) + fastest({item for path in prepared[function] for item in by_file[path]} - tests)
        for function, tests in calling.items()
    }


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Warm())
