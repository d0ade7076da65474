"""The cloud's side of `local.host`: start a process, wait for its end, end it."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from stepsweep.contract.errors import SweepError
from stepsweep.local.host import BARE


def threads(number: int) -> dict[str, str]:
    """Returns the environment of a process that is to have so many threads.

    Two processes with a thread each trained nine trials in 17.8 s on two cores, one with two threads in 19.6 s, two
    with the libraries' default threads in 41.3 s.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return dict.fromkeys(names, str(number))


class HostGone(SweepError):
    """The process that runs jobs has ended."""


@dataclass(slots=True)
class Process:
    """A process on the host.

    Attributes:
        ended: set when it has ended, or could not be started.
        exit_code: 128 + n when signal n ended it; None when it could not be started.
        error: why it could not be started.
    """

    id: str
    ended: threading.Event = field(default_factory=threading.Event)
    pid: int | None = None
    exit_code: int | None = None
    error: str = ""


class Machine:
    """Starts the host, and passes requests on. Thread-safe.

    Args:
        is_bare: what runs there finds the standard library only, until it says where else to look (`python -S`).
    """

    def __init__(self, *, is_bare: bool = False) -> None:
        # The host itself needs a package, and takes what PYTHONPATH names out of the search path of what it starts.
        bare = {"PYTHONPATH": sysconfig.get_path("purelib")} if is_bare else {}
        self._host = subprocess.Popen(
            # Not a module, and -P: what lies in the folder that the cloud was started in stays out of the search path.
            [sys.executable, *(BARE if is_bare else ("-P",)), str(Path(__file__).with_name("host.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **threads(1), **bare},
            start_new_session=True,  # Ctrl-C is for the cloud to answer
        )
        if self._host.stdin is None or self._host.stdout is None:
            raise HostGone("the process that runs jobs has no pipes")
        self._requests, self._answers = self._host.stdin, self._host.stdout
        self._processes: dict[str, Process] = {}
        self._has_started_any = False
        self._ids = itertools.count()
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read_answers, name="host-answers", daemon=True)
        self._reader.start()

    def start(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        output: Path,
        stdin: Path | None = None,
        preload: Sequence[str] = (),
        copy: Path | None = None,
    ) -> Process:
        """Starts a process; its standard output and error are appended to `output`.

        Args:
            copy: a folder that is not there yet, for a copy of `cwd` to run in. It is deleted when the process ends,
                as is the folder for temporary files that the process gets with it.

        Raises:
            HostGone: the host has ended.
        """
        process = Process(str(next(self._ids)))
        self._processes[process.id] = process
        self._has_started_any = True
        self._send(
            do="start",
            id=process.id,
            argv=list(argv),
            cwd=str(cwd),
            env=dict(env),
            output=str(output),
            stdin=str(stdin) if stdin else None,
            preload=list(preload),
            copy=str(copy) if copy else None,
        )
        return process

    def warm(self, preload: Sequence[str]) -> None:
        """Has modules imported before a process asks for them; whoever starts a process meanwhile waits for that."""
        self._send(do="warm", preload=list(preload))

    def end(self, process: Process, *, grace_seconds: float) -> None:
        """Asks the process and all it started to end (SIGTERM), and makes them (SIGKILL) when the time is over."""
        self._send(do="end", id=process.id, grace_seconds=grace_seconds)

    def close(self, timeout_seconds: float = 15.0) -> None:
        """Ends every process. Returns when none is left."""
        # What could not be sent to a host that has ended is tried again at the close.
        with self._lock, contextlib.suppress(OSError):
            self._requests.close()
        if not self._has_started_any:
            self._host.kill()  # it has nothing to end, and hears of the close only when it has imported everything
        try:
            self._host.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._host.kill()
            self._host.wait()
        self._reader.join()

    def _send(self, **request: Any) -> None:
        try:
            with self._lock:
                self._requests.write(json.dumps(request).encode() + b"\n")
                self._requests.flush()
        except (OSError, ValueError) as error:
            raise HostGone("the process that runs jobs has ended") from error

    def _read_answers(self) -> None:
        with self._answers as answers:
            for line in answers:
                answer = json.loads(line)
                if "started" in answer:
                    self._processes[answer["id"]].pid = answer["started"]
                    continue
                process = self._processes.pop(answer["id"])
                process.exit_code, process.error = answer.get("ended"), answer.get("error", "")
                process.ended.set()
        for process in list(self._processes.values()):
            process.error = "the process that runs jobs has ended"
            process.ended.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """One for functions and one for jobs: the planner need not wait until the libraries of jobs are imported."""

    functions: Machine
    jobs: Machine

    @classmethod
    def started(cls, *, functions: Sequence[str], jobs: Sequence[str]) -> Self:
        """Starts both, and has them import the modules that will be asked for."""
        machines = cls(jobs=Machine(), functions=Machine(is_bare=True))
        machines.jobs.warm(jobs)
        machines.functions.warm(functions)
        return machines

    def close(self) -> None:
        """Ends every process of both. May be called again."""
        self.jobs.close()
        self.functions.close()
