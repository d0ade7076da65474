"""The cloud's side of `local.host`: starts processes, waits for their end, and ends them."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from stepsweep.contract.errors import SweepError
from stepsweep.local.endpoint import WITHOUT_FILES
from stepsweep.local.host import BARE


def threads(number: int) -> dict[str, str]:
    """Returns the environment for a process with this number of threads.

    On two cores, nine trials took 17.8 s in two processes with one thread each, 19.6 s in one process with two
    threads, and 41.3 s in two processes with the libraries' default threads.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return dict.fromkeys(names, str(number))


NEEDED = (
    "HOME", "PATH", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH",
    "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip
"""Variables with which Python finds its modules and their libraries."""


def _needed(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns what a host needs of the person's environment.

    A job can read all that its host has, in /proc. And what is set for the real AWS is not for the embedded cloud: a
    broken setting would end the host.
    """
    return {name: environment[name] for name in NEEDED if name in environment}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preload:
    """The modules that a host imports once for several processes.

    Attributes:
        root: the folder of an image's files; empty for none.
        path: folders in `root` that may hold some of the modules. They are imported from a copy, and each process
            imports these again from its own files: what they import stays.
    """

    modules: tuple[str, ...] = ()
    root: str = ""
    path: tuple[str, ...] = ()


class HostGone(SweepError):
    """The host process has ended."""


@dataclass(slots=True)
class Process:
    """A process on the host.

    Attributes:
        ended: set when the process has ended, or could not start.
        exit_code: its exit code; 128 + n if signal n ended it; None if it could not start.
        error: why it could not start.
    """

    id: str
    ended: threading.Event = field(default_factory=threading.Event)
    pid: int | None = None
    exit_code: int | None = None
    error: str = ""


class Machine:
    """Starts the host, and passes requests on. Thread-safe.

    Args:
        is_bare: whether its processes can import only the standard library, unless they extend the path (`python -S`).
    """

    def __init__(self, *, is_bare: bool = False) -> None:
        # The host itself needs a package. It removes the entries of PYTHONPATH from the search path of its processes.
        bare = {"PYTHONPATH": sysconfig.get_path("purelib")} if is_bare else {}
        self._host = subprocess.Popen(
            # A file, not a module, and -P: this keeps the current folder out of the search path.
            [sys.executable, *(BARE if is_bare else ("-P",)), str(Path(__file__).with_name("host.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**_needed(os.environ), **WITHOUT_FILES, **threads(1), **bare},
            start_new_session=True,  # the cloud handles Ctrl-C
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
        preload: Preload | None = None,
        copy_of: Path | None = None,
        copy: Path | None = None,
    ) -> Process:
        """Starts a process, and appends its standard output and error to `output`.

        Args:
            copy: a new folder for a copy of `copy_of`, in which `cwd` lies. The host deletes it when the process
                ends, with the process's home folder and its folder for temporary files.

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
            preload=asdict(preload or Preload()),
            copy_of=str(copy_of) if copy_of else None,
            copy=str(copy) if copy else None,
        )
        return process

    def warm(self, preload: Preload) -> None:
        """Imports modules in advance. A process that starts meanwhile waits for the imports."""
        self._send(do="warm", preload=asdict(preload))

    def end(self, process: Process, *, grace_seconds: float) -> None:
        """Sends SIGTERM to the process, and SIGKILL to it and its descendants after the grace period."""
        self._send(do="end", id=process.id, grace_seconds=grace_seconds)

    def close(self, timeout_seconds: float = 15.0) -> None:
        """Ends every process. Returns when none is left."""
        # If the host has ended, closing tries to flush unsent requests, and fails.
        with self._lock, contextlib.suppress(OSError):
            self._requests.close()
        if not self._has_started_any:
            self._host.kill()  # it has no processes to end, and would notice the close only after its imports
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

    def close(self) -> None:
        """Ends every process of both. Further calls have no effect."""
        self.jobs.close()
        self.functions.close()
