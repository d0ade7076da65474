"""The cloud's side of `local.host`: starts processes, waits for their end, and ends them."""

import contextlib
import itertools
import json
import logging
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from stepsweep.contract.errors import SweepError
from stepsweep.local.host_process import start_host
from stepsweep.local.preload import Preload

MAX_FAILURES = 3
"""Hosts in a row that end without an answer, after which no other is started."""


class HostGone(SweepError):
    """No host process runs."""


@dataclass(slots=True)
class Process:
    """A process on the host.

    Attributes:
        ended: set when the process has ended, or could not start.
        exit_code: its exit code; 128 + n if signal n ended it; None if it could not start, or was lost.
        error: why it has no exit code.
        is_lost: whether it ended with its host.
    """

    id: str
    ended: threading.Event = field(default_factory=threading.Event)
    pid: int | None = None
    exit_code: int | None = None
    error: str = ""
    is_lost: bool = False


class Machine:
    """Starts the host, and passes requests on. If the host ends, its processes are lost, and another host takes its
    place. Thread-safe.

    Args:
        is_bare: whether its processes can import only the standard library, unless they extend the path (`python -S`).

    Attributes:
        on_gone: called when hosts have ended again and again, so that no process can start any more.
    """

    def __init__(self, *, is_bare: bool = False) -> None:
        self.on_gone: Callable[[], None] = lambda: None
        self._is_bare = is_bare
        self._preload: dict[str, Any] = {}
        self._processes: dict[str, Process] = {}
        self._has_started_any = self._is_closed = self._is_gone = False
        self._ids = itertools.count()
        self._changed = threading.Condition()
        self._hosts = 0
        self._host = self._new_host()
        self._reader = threading.Thread(target=self._follow_hosts, name="host-answers", daemon=True)
        self._reader.start()

    def start(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        output: Path,
        stdin: Path | None = None,
        preload: Preload | None = None,
        copy_of: Path | None = None,
        copy: Path | None = None,
        after: Sequence[Sequence[str]] = (),
        said: Path | None = None,
    ) -> Process:
        """Starts a process, and appends its standard output and error to `output`.

        Args:
            copy: a new folder for a copy of `copy_of`, in which `cwd` lies. The host deletes it when the process
                ends, with the process's home folder and its folder for temporary files.
            after: commands that the host runs when the process has ended, even if the cloud has been killed.
            said: file to which it appends what these print.

        Raises:
            HostGone: the machine is closed, or no host stays up.
        """
        process = Process(str(next(self._ids)))
        self._has_started_any = True
        self._send(
            process,
            do="start",
            argv=list(argv),
            cwd=str(cwd),
            env=dict(env),
            output=str(output),
            stdin=str(stdin) if stdin else None,
            preload=asdict(preload or Preload()),
            copy_of=str(copy_of) if copy_of else None,
            copy=str(copy) if copy else None,
            after=[list(words) for words in after],
            said=str(said) if said else None,
        )
        return process

    def warm(self, preload: Preload) -> None:
        """Imports modules in advance. A process that starts meanwhile waits for the imports."""
        self._preload = asdict(preload)
        self._send(None, do="warm", preload=self._preload)

    def end(self, process: Process, *, grace_seconds: float) -> None:
        """Sends SIGTERM to the process, and SIGKILL to it and its descendants after the grace period."""
        self._send(None, do="end", id=process.id, grace_seconds=grace_seconds)

    def answers(self, *, timeout_seconds: float) -> bool:
        """Whether the host answers in time. It does not while it imports modules."""
        asked = Process(str(next(self._ids)))
        try:
            self._send(asked, do="ping")
        except HostGone:
            return False
        return asked.ended.wait(timeout_seconds) and asked.exit_code == 0

    def close(self, timeout_seconds: float = 15.0) -> None:
        """Ends every process. Returns when none is left."""
        # If the host has ended, closing tries to flush unsent requests, and fails.
        with self._changed, contextlib.suppress(OSError):
            self._is_closed = True
            _pipe(self._host.stdin).close()
        if not self._has_started_any:
            self._host.kill()  # it has no processes to end, and would notice the close only after its imports
        try:
            self._host.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._host.kill()
            self._host.wait()
        self._reader.join()

    def _new_host(self) -> "subprocess.Popen[bytes]":
        host = start_host(is_bare=self._is_bare)
        self._hosts += 1
        if self._preload:
            with contextlib.suppress(OSError):
                requests = _pipe(host.stdin)
                requests.write(_line(do="warm", preload=self._preload))
                requests.flush()
        return host

    def _send(self, process: Process | None, **request: Any) -> None:
        """Sends a request, to the next host if this one has ended.

        Args:
            process: that the host's answers are about, if it is a new one.
        """
        data = _line(**request, **({"id": process.id} if process else {}))
        with self._changed:
            while True:
                if self._is_closed or self._is_gone:
                    raise HostGone("the process that runs jobs has ended")
                host = self._hosts
                try:
                    requests = _pipe(self._host.stdin)
                    requests.write(data)
                    requests.flush()
                except (OSError, ValueError):
                    while self._hosts == host and not (self._is_closed or self._is_gone):
                        self._changed.wait()
                    continue
                if process:
                    self._processes[process.id] = process
                return

    def _follow_hosts(self) -> None:
        """Reads the answers of one host after the other."""
        failures = 0
        while True:
            has_answered = self._read_answers()
            failures = 0 if has_answered else failures + 1
            with self._changed:
                if not self._is_closed:
                    self._host.kill()  # if it closed its pipe alone
                    code = self._host.wait()
                    with contextlib.suppress(OSError):
                        _pipe(self._host.stdin).close()
                    logging.getLogger("moto").warning("a process that runs jobs has ended with %s", code)
                lost = list(self._processes.values())
                self._processes.clear()
                self._is_gone = failures == MAX_FAILURES
                is_over = self._is_closed or self._is_gone
                if not is_over:
                    try:
                        self._host = self._new_host()
                    except OSError:  # such as too many open files
                        self._is_gone = is_over = True
                self._changed.notify_all()
            for process in lost:
                _lose(process)
            if is_over:
                if self._is_gone:
                    self.on_gone()
                return

    def _read_answers(self) -> bool:
        """Reads what a host answers until it ends; returns whether it has answered at all."""
        has_answered = False
        with _pipe(self._host.stdout) as answers:
            for line in answers:
                has_answered = True
                answer = json.loads(line)
                with self._changed:
                    process = self._processes.get(answer["id"])
                    if not process:  # its end is told twice if it was killed between its answer and its exit
                        continue
                    if "started" in answer:
                        process.pid = answer["started"]
                        continue
                    del self._processes[process.id]
                    is_lost = not self._is_closed and self._host.poll() is not None
                if is_lost and answer.get("ended"):
                    _lose(process)
                    continue
                process.exit_code, process.error = answer.get("ended"), answer.get("error", "")
                process.ended.set()
        return has_answered


def _line(**request: Any) -> bytes:
    return json.dumps(request).encode() + b"\n"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise HostGone("the process that runs jobs has no pipes")
    return pipe


def _lose(process: Process) -> None:
    process.is_lost, process.error = True, "the process that runs jobs has ended"
    process.ended.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """One machine for functions and one for jobs, so that the planner need not wait for the imports of jobs."""

    functions: Machine
    jobs: Machine

    @classmethod
    def started(cls, *, functions: Preload, jobs: Sequence[Preload]) -> Self:
        """Starts both, and lets them import the modules in advance."""
        machines = cls(jobs=Machine(), functions=Machine(is_bare=True))
        for preload in jobs:
            machines.jobs.warm(preload)
        machines.functions.warm(functions)
        return machines

    def silent(self, *, timeout_seconds: float) -> list[str]:
        """Returns the names of the hosts that do not answer in time."""
        named = {"the functions' host": self.functions, "the jobs' host": self.jobs}
        with ThreadPoolExecutor(len(named)) as pool:
            answers = list(pool.map(lambda machine: machine.answers(timeout_seconds=timeout_seconds), named.values()))
        return [name for name, has_answered in zip(named, answers, strict=True) if not has_answered]

    def close(self) -> None:
        """Ends every process of both. Further calls have no effect."""
        self.jobs.close()
        self.functions.close()
