"""Execution environments of Lambda functions: processes that stay for the next invocation, as Lambda keeps them.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html

A new process would import, make its clients and read what the last one knew: of a question in a free-running search
that takes most of its time.
"""

import contextlib
import os
import socket
import sys
import sysconfig
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from stepsweep.local.machine import HostGone, Machine, Process
from stepsweep.local.preload import BARE, Preload

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaFunction

RUNTIME = Path(__file__).with_name("lambda_runtime.py")

IDLE_SECONDS = 20.0
"""After which an environment that nobody asks is ended. Lambda keeps them for minutes; here they take memory of a
laptop that trains meanwhile, and where questions come minutes apart, a new process does not count."""

LONGEST_FOLDER = 75
"""Bytes of a path that leave room for a socket below it."""

CONNECTED_SECONDS = 0.05
"""How often a new environment that has not connected is looked at: it may have ended."""


class TimedOut(Exception):
    """No answer in time; the environment has ended."""


class Exited(Exception):
    """The environment has ended without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What an environment is made of. One that another function, code or variable made is not used again.

    Attributes:
        function: itself, since a deleted and made again one is another with the same name.
        code: the folder of its unpacked package.
        variables: with the credentials of its role.
    """

    function: "LambdaFunction"
    code: Path
    handler: str
    variables: Mapping[str, str]


class Environment:
    """A process that answers one invocation after the other. Only who made it can reach it: its socket has no name
    any more as soon as it is connected."""

    def __init__(self, made: Made, machine: Machine, process: Process, connection: socket.socket) -> None:
        self.made = made
        self.idle_since = 0.0
        self._machine = machine
        self._process = process
        self._connection = connection

    @classmethod
    def started(cls, made: Made, machine: Machine, *, log: Path, preload: Preload, until: float) -> Self:
        """Starts one, which is connected.

        Raises:
            TimedOut, Exited: it is not.
        """
        with (
            tempfile.TemporaryDirectory(prefix="sweep-", dir=_short_folder()) as folder,
            socket.socket(socket.AF_UNIX) as listening,
        ):
            address = str(Path(folder, "environment"))
            listening.bind(address)
            listening.listen(1)
            listening.settimeout(CONNECTED_SECONDS)
            process = machine.start(
                [sys.executable, *BARE, str(RUNTIME), str(made.code), made.handler]
                + [address, sysconfig.get_path("purelib")],
                cwd=made.code,
                env=made.variables,
                output=log,
                preload=preload,
            )
            while True:
                with contextlib.suppress(TimeoutError):
                    return cls(made, machine, process, listening.accept()[0])
                if process.ended.is_set():
                    raise Exited(_how(process))
                if time.monotonic() > until:
                    _end(machine, process)
                    raise TimedOut

    @property
    def is_alive(self) -> bool:
        """Whether it waits for an event. All that can be read from one that does not is its end."""
        self._connection.setblocking(False)
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return not self._process.ended.is_set()
        except OSError:
            pass
        return False

    def invoke(self, payload: bytes, *, until: float) -> tuple[bytes, bool]:
        """Returns the answer, and whether it is an error.

        Raises:
            TimedOut, Exited: there is none, and the environment has ended.
        """
        try:
            self._connection.settimeout(max(0.001, until - time.monotonic()))
            self._connection.sendall(b"%d\n%b" % (len(payload), payload))
            with self._connection.makefile("rb") as answers:
                if first := answers.readline():
                    is_error, size = map(int, first.split())
                    answer = answers.read(size)
                    if len(answer) == size:
                        return answer, bool(is_error)
        except TimeoutError:
            self.end()
            raise TimedOut from None
        except ConnectionError:
            pass
        # It has closed the connection, and so ended, or it ends soon.
        if not self._process.ended.wait(max(0.0, until - time.monotonic())):
            self.end()
            raise TimedOut
        self._connection.close()
        raise Exited(_how(self._process))

    def end(self) -> None:
        """Ends it, and all that it has started, at once; returns when nothing of it is left."""
        self._connection.close()
        _end(self._machine, self._process)


class Environments:
    """The environments that wait for the next invocation of their function. Thread-safe.

    Args:
        start: starts an environment.
    """

    def __init__(self, start: Callable[[Made, float], Environment]) -> None:
        self._start = start
        self._idle: dict[str, list[Environment]] = defaultdict(list)
        self._has_timer = False
        self._lock = threading.Lock()

    def invoke(self, made: Made, payload: bytes, *, until: float) -> tuple[bytes, bool]:
        """Returns the answer of a waiting environment, or else of a new one; see `Environment.invoke`."""
        environment = self._waiting(made) or self._start(made, until)
        answer = environment.invoke(payload, until=until)
        self._keep(environment)
        return answer

    def _waiting(self, made: Made) -> Environment | None:
        """Returns the one that was used last, and ends those that no invocation can use any more."""
        found, useless = None, []
        with self._lock:
            waiting = self._idle[made.function.function_name]
            while waiting and found is None:
                last = waiting.pop()
                if last.made == made and last.is_alive:
                    found = last
                else:
                    useless.append(last)
        for each in useless:
            each.end()
        return found

    def _keep(self, environment: Environment) -> None:
        with self._lock:
            environment.idle_since = time.monotonic()
            self._idle[environment.made.function.function_name].append(environment)
            if not self._has_timer:
                self._look_after(IDLE_SECONDS)

    def _look_after(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self._end_idle)
        timer.daemon = True
        timer.start()
        self._has_timer = True

    def _end_idle(self) -> None:
        before = time.monotonic() - IDLE_SECONDS
        overdue = []
        with self._lock:
            for name, waiting in self._idle.items():
                overdue += [each for each in waiting if each.idle_since <= before]
                self._idle[name] = [each for each in waiting if each.idle_since > before]
            self._has_timer = False
            if left := [each.idle_since for waiting in self._idle.values() for each in waiting]:
                self._look_after(min(left) - before)
        for each in overdue:
            each.end()


def _short_folder() -> str:
    """Returns where a folder with a socket can be. The whole path of a socket has at most 103 bytes on macOS, 107 on
    Linux. So it is not in the cloud's folder."""
    folder = tempfile.gettempdir()
    # Whoever makes a folder there is the only one who can open it.
    return folder if len(os.fsencode(folder)) <= LONGEST_FOLDER else "/tmp"  # noqa: S108


def _end(machine: Machine, process: Process) -> None:
    with contextlib.suppress(HostGone):  # so it has ended too
        machine.end(process, grace_seconds=0)
    process.ended.wait()


def _how(process: Process) -> str:
    return process.error or f"exit status {process.exit_code}"
