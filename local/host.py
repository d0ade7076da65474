"""The machine that jobs and functions run on: one process that starts others and ends them.

It stands between the embedded cloud and what runs in it for two reasons. When the cloud is killed, even by SIGKILL,
its pipe ends, and the host ends every process it started: nothing is left running. And where an image asks for it, a
Python module is started by a fork of a process that has the slow libraries imported already, which saves each trial
the seconds that importing torch takes.

`python -m local.host` reads requests and writes answers, a JSON document a line:

    {"do": "start", "id": "…", "argv": […], "cwd": "…", "env": {…}, "output": file, "stdin": file, "preload": […]}
    {"do": "end", "id": "…", "grace_seconds": 30}        SIGTERM now, SIGKILL after that
    {"id": "…", "started": pid}   {"id": "…", "ended": exit code, 128 + n for signal n}   {"id": "…", "error": "…"}
"""

import contextlib
import ctypes
import importlib
import json
import os
import runpy
import selectors
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import psutil

FORK_IS_SAFE = sys.platform == "linux"
"""macOS's own libraries may not be used in a forked process; there every job is a new process."""

LAST_GRACE_SECONDS = 5.0
"""For what still runs when the cloud is gone."""

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(slots=True)
class Running:
    """One process that was started, and everything it started."""

    pid: int
    kill_at: float = field(default=float("inf"))


class Host:
    def __init__(self) -> None:
        self._running: dict[str, Running] = {}
        self._ids: dict[int, str] = {}
        self._selector = selectors.DefaultSelector()

    def serve(self) -> None:
        """Handles requests until standard input ends, then ends everything that runs."""
        _adopt_orphans()
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        # Ctrl-C in a terminal reaches every process of its group; the cloud decides what to end, and how.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
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
        try:
            if request["do"] == "start":
                self._start(request)
            elif request["id"] in self._running:
                self._end(self._running[request["id"]], request["grace_seconds"])
        except (OSError, ValueError, ImportError) as error:
            answer(id=request["id"], error=str(error))

    def _start(self, request: dict[str, Any]) -> None:
        argv = request["argv"]
        if request["preload"] and FORK_IS_SAFE and argv[:2] == [sys.executable, "-m"]:
            pid = self._fork(request)
        else:
            with (
                Path(request["output"]).open("ab") as output,
                Path(request["stdin"] or os.devnull).open("rb") as stdin,
            ):
                # Reaped by _reap, not by Popen, which is dropped here on purpose.
                process = subprocess.Popen(
                    argv,
                    cwd=request["cwd"],
                    env=request["env"],
                    stdin=stdin,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                pid = process.pid
                process.returncode = 0
        self._running[request["id"]] = Running(pid)
        self._ids[pid] = request["id"]
        answer(id=request["id"], started=pid)

    def _fork(self, request: dict[str, Any]) -> int:
        for module in request["preload"]:
            importlib.import_module(module)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _become(request)
        return pid

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (job := self._ids.pop(pid, None)) is None:
                continue  # an orphan that was adopted
            # A container's processes end with its first one.
            _kill_tree(pid, signal.SIGKILL)
            del self._running[job]
            code = os.waitstatus_to_exitcode(status)
            answer(id=job, ended=code if code >= 0 else 128 - code)

    def _end(self, running: Running, grace_seconds: float) -> None:
        _kill_tree(running.pid, signal.SIGTERM)
        running.kill_at = min(running.kill_at, time.monotonic() + grace_seconds)

    def _kill_overdue(self) -> None:
        for running in self._running.values():
            if running.kill_at <= time.monotonic():
                _kill_tree(running.pid, signal.SIGKILL)
                running.kill_at = time.monotonic() + 1.0

    def _next_deadline(self) -> float | None:
        first = min((running.kill_at for running in self._running.values()), default=float("inf"))
        return None if first == float("inf") else max(0.0, first - time.monotonic())

    def _end_all(self) -> None:
        for running in self._running.values():
            self._end(running, LAST_GRACE_SECONDS)
        while self._running:
            time.sleep(0.05)
            with contextlib.suppress(BrokenPipeError):
                self._reap()
            self._kill_overdue()


def answer(**document: object) -> None:
    os.write(1, json.dumps(document).encode() + b"\n")


def _become(request: dict[str, Any]) -> NoReturn:
    """Turns this forked process into `python -m module …`, with the environment, folder and output of a new one."""
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stdin = os.open(request["stdin"] or os.devnull, os.O_RDONLY)
        output = os.open(request["output"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for source, target in ((stdin, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.set_blocking(0, True)
        os.closerange(3, 256)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        # What `python -m` would have: its folder first, and nothing of the cloud's own.
        sys.path[0] = request["cwd"]
        for name in [name for name in sys.modules if name.partition(".")[0] in ("local", "sweep")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        _, _, module, *arguments = request["argv"]
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ending:
        code = _exit_code(ending)
    except BaseException:  # noqa: BLE001  the interpreter's own way with what nobody caught
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _exit_code(ending: SystemExit) -> int:
    if ending.code is None:
        return 0
    if isinstance(ending.code, int):
        return ending.code & 0xFF
    print(ending.code, file=sys.stderr)
    return 1


def _kill_tree(pid: int, number: signal.Signals) -> None:
    """Signals a process, its session and all that descend from it, where they are still there."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(number)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _adopt_orphans() -> None:
    """On Linux what a job leaves behind becomes a child of this process, and is reaped."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    Host().serve()
