"""The host that jobs and functions run on: a process that starts and ends other processes.

A separate process has three advantages. When the cloud is killed, even by SIGKILL, its pipe closes, and the host ends
every process it started. Each process has its own parent, like a container's init, which adopts and ends what the
process leaves behind. And if an image asks for it, a Python program starts as a fork of a process that has already
imported the slow libraries, which saves each trial the seconds of importing torch.

`python host.py` reads requests and writes answers, one JSON document per line:

    {"do": "start", "id": "…", "argv": […], "cwd": "…", "env": {…}, "output": file, "stdin": file, "preload": {…},
     "copy_of": folder, "copy": folder,                  makes this copy first, and deletes it at the end
     "after": [[…], …], "said": file}                    runs these when it has ended, and appends what they print
    {"do": "end", "id": "…", "grace_seconds": 30}        SIGTERM now, SIGKILL after that time
    {"do": "warm", "preload": {"modules": […], …}}       imports modules in advance; `preload.Preload` has the fields
    {"do": "ping", "id": "…"}                            answers as a process that ended with 0
    {"id": "…", "started": pid}   {"id": "…", "ended": exit code, 128 + n for signal n}   {"id": "…", "error": "…"}
"""

import contextlib
import json
import os
import selectors
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from stepsweep.local.contained import END, KILL, contain, delete, own_folders, run_after
from stepsweep.local.descent import adopt_orphans, exit_code
from stepsweep.local.forked import become
from stepsweep.local.host_answers import ANSWERS, answer, said
from stepsweep.local.preload import FORK_IS_SAFE, in_common, is_fork, preload

LAST_GRACE_SECONDS = 5.0
"""Grace period for processes that still run when the cloud is gone."""


@dataclass(slots=True)
class Container:
    """The parent of one requested process.

    Attributes:
        own: folders to delete when it has ended without doing so itself.
        request: what started it; its last commands run then too.
    """

    pid: int
    own: list[Path]
    request: dict[str, Any]
    kill_at: float = field(default=float("inf"))


class Forked(BaseException):
    """Unwinds the host's code in a forked process, which then becomes the requested program."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request


class Host:
    def __init__(self) -> None:
        self._running: dict[str, Container] = {}
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Handles requests until standard input ends, then ends all running processes.

        Raises:
            Forked: raised in the processes that it starts.
        """
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        # Ctrl-C in a terminal reaches every process of the group, but the cloud decides what to end, and how.
        signal.signal(signal.SIGINT, lambda *_: None)
        adopt_orphans()
        os.set_blocking(0, False)
        self._selector.register(0, selectors.EVENT_READ)
        self._selector.register(wake_read, selectors.EVENT_READ)
        pending = b""
        while True:
            for key, _ in self._selector.select(timeout=self._next_deadline()):
                with contextlib.suppress(BlockingIOError):
                    data = os.read(key.fd, 1 << 16)
                    if key.fd == 0:
                        if not data:
                            self._end_all()
                            return
                        *lines, pending = (pending + data).split(b"\n")
                        for line in lines:
                            self._handle(json.loads(line))
            self._reap()
            self._kill_overdue()

    def _handle(self, request: dict[str, Any]) -> None:
        if request["do"] == "start":
            try:
                self._start(request)
            except (Exception, SystemExit) as error:  # noqa: BLE001  a module that is imported may raise anything
                answer(id=request["id"], error=said(error))
        elif request["do"] == "warm":
            with contextlib.suppress(Exception, SystemExit):  # the process that needs the module will report the error
                if FORK_IS_SAFE:
                    preload(request["preload"])
        elif request["do"] == "ping":
            answer(id=request["id"], ended=0)
        elif container := self._running.get(request["id"]):
            self._end(container, request["grace_seconds"])

    def _start(self, request: dict[str, Any]) -> None:
        if is_fork(request):
            preload(request["preload"])
        own = []
        if request["copy"]:
            # Not below the cloud's folder: multiprocessing puts sockets there, and a socket's path has at most 107
            # characters.
            request["temporary"] = tempfile.mkdtemp(prefix="sweep-")
            own = own_folders(request)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._selector.close()
            raise Forked(request)
        self._running[request["id"]] = Container(pid, own, request)

    def _reap(self) -> None:
        ended = {}
        with contextlib.suppress(ChildProcessError):
            while (child := os.waitpid(-1, os.WNOHANG))[0]:
                ended[child[0]] = child[1]
        for job, container in list(self._running.items()):
            if container.pid in ended:
                del self._running[job]
                if status := ended[container.pid]:  # the container itself was killed before it answered
                    self._end_strays()
                    run_after(container.request)
                    delete([folder for folder in container.own if folder.exists()])
                    answer(id=job, ended=exit_code(status))

    def _end_strays(self) -> None:
        """Kills what a container has left that was killed: its processes are this host's children now."""
        while strays := self._strays():
            for stray in strays:
                for process in (*stray.children(recursive=True), stray):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(stray.pid, 0)

    def _strays(self) -> list[psutil.Process]:
        known = {container.pid for container in self._running.values()}
        return [child for child in psutil.Process().children() if child.pid not in known]

    def _end(self, container: Container, grace_seconds: float) -> None:
        for number in (signal.SIGCONT, END):  # a stopped process handles no signal
            os.kill(container.pid, number)
        container.kill_at = min(container.kill_at, time.monotonic() + grace_seconds)

    def _kill_overdue(self) -> None:
        for container in self._running.values():
            if container.kill_at <= time.monotonic():
                for number in (signal.SIGCONT, KILL):
                    os.kill(container.pid, number)
                container.kill_at = time.monotonic() + 1.0

    def _next_deadline(self) -> float | None:
        first = min((container.kill_at for container in self._running.values()), default=float("inf"))
        return None if first == float("inf") else max(0.0, first - time.monotonic())

    def _end_all(self) -> None:
        for container in self._running.values():
            self._end(container, LAST_GRACE_SECONDS)
        while self._running:
            time.sleep(0.05)
            self._reap()
            self._kill_overdue()


def main() -> None:
    os.dup2(1, ANSWERS, inheritable=False)
    os.dup2(2, 1)
    _forget_own_modules()
    try:
        Host().serve()
    except Forked as fork:
        request = fork.request
    else:
        os._exit(0)  # nothing is left to do, and tearing down the imports would take a while
    contain(request)
    become(request, in_common(request["preload"]["package"]))


def _forget_own_modules() -> None:
    """Lets each process import stepsweep from its own search path: a function's package has a copy of its own."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "stepsweep"]:
        del sys.modules[name]


if __name__ == "__main__":
    main()
