"""The command line, or an embedded cloud, as a fork of a process that has imported what it imports.

A new Python imports boto3, and moto for an embedded cloud, for a second, and tests start hundreds of them. The fork is
a process of its own, with its own arguments, variables, folder and files. What it imports when, and how a terminal or a
signal reaches it, is tested on new processes.
"""

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from stepsweep.local.forked import become
from stepsweep.local.preload import share_what_botocore_reads

REPOSITORY = Path(__file__).resolve().parents[2]
VARIABLES = {"PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "error"}
"""What a Python reads at its start: the fork's are those of its parent."""

LOCALE = ("LC_ALL", "PYTHONUTF8")
"""Read at a Python's start too: there is a parent for each of their values that is asked for."""

CLOSED = -1
"""In place of a file descriptor for standard output: it is closed, as by `>&-`."""

SERVICES = (
    "autoscaling", "batch", "cloudformation", "ec2", "ecr", "logs", "resourcegroupstaggingapi", "s3", "service-quotas",
    "sns", "ssm", "stepfunctions", "sts",
)  # fmt: skip
"""Whose models the parent has parsed: `sweep doctor` would do so for a second."""

ANSWERED = ("batch", "cloudformation", "iam", "lambda", "logs", "s3", "stepfunctions", "sts")
"""The parent has parsed moto's models of these too, which would take each embedded cloud half a second."""

MODULES = ("boto3", "rich.live", "rich.progress", "rich.table", "stepsweep.local.template")
"""Beside those of the client: what its commands import late."""

_parents: dict[tuple[int, tuple[str | None, ...]], tuple["subprocess.Popen[bytes]", socket.socket]] = {}


class Process:
    """A process that was forked; this process is not its parent."""

    def __init__(self, pid: int, told: socket.socket) -> None:
        self.pid = pid
        self._told = told
        self._code: int | None = None

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Returns its exit code once it has ended.

        Raises:
            TimeoutError: it takes longer.
        """
        if self._code is None:
            self._told.settimeout(timeout_seconds)
            code = self._told.recv(4)
            assert code, "the parent of forks has died"
            self._code = int.from_bytes(code, signed=True)
            self._told.close()
        return self._code

    def poll(self) -> int | None:
        """Returns its exit code; None while it runs."""
        if self._code is None and not select.select([self._told], [], [], 0)[0]:
            return None
        return self.wait()

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def start(
    words: tuple[str, ...],
    files: tuple[int, int, int],
    *,
    folder: Path,
    environment: Mapping[str, str],
    is_closed: bool = False,
) -> Process:
    """Starts `python -m WORDS` with three files.

    Args:
        is_closed: whether its standard output is closed.
    """
    request = {
        "argv": [sys.executable, "-m", *words],
        "env": dict(environment),
        "cwd": str(folder),
        "is_closed": is_closed,
    }
    parent, connection = _parent(tuple(environment.get(name) for name in LOCALE))
    ours, theirs = socket.socketpair()
    with theirs, tempfile.TemporaryFile() as asked:
        asked.write(json.dumps(request).encode())
        asked.seek(0)
        socket.send_fds(connection, [b"1"], [theirs.fileno(), asked.fileno(), *files])
        # One that ends before it takes the request leaves it, and our pipe, in the connection: it would never end.
        ended = os.pidfd_open(parent.pid)
        ready, _, _ = select.select([ours.fileno(), ended], [], [])
        os.close(ended)
        if ours.fileno() not in ready:
            ours.close()
            raise AssertionError(f"the parent of forks has ended with {parent.wait()}")
        pid = int.from_bytes(ours.recv(4))
    return Process(pid, ours)


def run(
    words: tuple[str, ...],
    *,
    folder: Path,
    environment: Mapping[str, str],
    text: str | None,
    timeout_seconds: float,
    output: int | None = None,
    keyboard: int | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Runs `sweep` to its end, with `text` as its standard input.

    Args:
        output: a file descriptor in place of its standard output, or CLOSED; nothing of it is returned then.
        keyboard: a file descriptor in place of `text`.

    Raises:
        subprocess.TimeoutExpired: it takes longer; it has been killed.
    """
    taken = None if output == CLOSED else output
    with contextlib.ExitStack() as opened:
        given, out, err = (opened.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        given.write((text or "").encode())
        given.seek(0)
        files = (keyboard or given.fileno(), taken or out.fileno(), err.fileno())
        process = start(
            ("stepsweep", *words), files, folder=folder, environment=environment, is_closed=output == CLOSED
        )
        try:
            code = process.wait(timeout_seconds)
        except TimeoutError:
            process.kill()
            process.wait()
            raise subprocess.TimeoutExpired(["sweep", *words], timeout_seconds) from None
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(words, code, *said)


def _parent(locale: tuple[str | None, ...]) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    """Returns this process's own parent of commands, which starts with the first one, and the connection to it."""
    mine = os.getpid(), locale
    if mine not in _parents:
        of_locale = {name: value for name, value in zip(LOCALE, locale, strict=True) if value is not None}
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.support.forked", str(theirs.fileno())],
            cwd=REPOSITORY,
            env={**os.environ, **VARIABLES, **of_locale},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        _parents[mine] = process, ours
        atexit.register(_end, process, ours)
    return _parents[mine]


def _end(process: "subprocess.Popen[bytes]", connection: socket.socket) -> None:
    connection.close()
    process.wait()


def _serve(connection: socket.socket) -> NoReturn:
    """Forks for each request, and tells of each end, until nobody is left to ask."""
    _import()
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        ready, _, _ = select.select([connection.fileno(), *running], [], [])
        for watched in running.keys() & set(ready):
            pid, told = running.pop(watched)
            os.close(watched)
            _, status = os.waitpid(pid, 0)
            with told, contextlib.suppress(BrokenPipeError):  # nobody waits for it
                told.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))
        if connection.fileno() not in ready:
            continue
        asked, numbers = socket.recv_fds(connection, 1, 5)[:2]
        if not asked:
            os._exit(0)  # tearing down the imports would take a while
        told_at, *files = numbers
        told = socket.socket(fileno=told_at)
        pid = os.fork()
        if pid == 0:
            for each in (connection, told, *(told for _, told in running.values())):
                each.close()
            for watched in running:
                os.close(watched)
            _become(files)
        for number in files:
            os.close(number)
        told.sendall(pid.to_bytes(4))
        running[os.pidfd_open(pid)] = pid, told


def _import() -> None:
    import gc
    import pkgutil

    from stepsweep import client
    from stepsweep.local.moto_imports import leave_out_what_nothing_asks_for

    gc.disable()
    for name in MODULES:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(client.__path__, f"{client.__name__}."):
        importlib.import_module(module.name)
    share_what_botocore_reads()
    session = importlib.import_module("botocore.session").Session()
    session.set_credentials("nobody", "nobody")
    for service in SERVICES:
        session.create_client(service, "us-east-1")
    leave_out_what_nothing_asks_for()
    utils = importlib.import_module("moto.core.utils")
    for service in ANSWERED:
        utils.get_service_model(service)
    asl = importlib.import_module("moto.stepfunctions.parser.asl.parse.asl_parser")
    # All lexers of a process share what one of them has learned about the words of state machines.
    words = " ".join(name[1:-1] for name in asl.ASLLexer.literalNames if name != "<INVALID>")
    asl.ASLLexer(asl.InputStream(words)).getAllTokens()
    # The module itself tells a command that it runs an embedded cloud.
    package, _, name = "stepsweep.local.engine".rpartition(".")
    importlib.import_module(f"{package}.{name}")
    del sys.modules[f"{package}.{name}"]
    delattr(sys.modules[package], name)
    gc.enable()
    gc.freeze()


def _become(files: list[int]) -> NoReturn:
    with os.fdopen(files[0], "rb") as asked:
        request: dict[str, Any] = json.load(asked)
    for target, number in enumerate(files[1:]):
        os.dup2(number, target)
        os.close(number)
    # As this process's locale reads the bytes of a shell.
    folder, *request["argv"] = [_read(word) for word in (request["cwd"], *request["argv"])]
    request["env"] = {name: _read(value) for name, value in request["env"].items()}
    os.chdir(folder)
    # As a new Python has them: of the parent's, Python knows that one can seek in them, which one cannot in a pipe.
    sys.stderr = open(2, "w", 1, encoding=sys.stderr.encoding, errors=sys.stderr.errors, closefd=False)  # noqa: SIM115
    if request["is_closed"]:
        os.close(1)
        request["env"].pop("PYTHONUNBUFFERED", None)  # for which a fork opens it again
        sys.stdout = None
    else:
        sys.stdout = open(1, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False)  # noqa: SIM115
    # As a new Python has it: what a shell runs in the background ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    become(request)


def _read(text: str) -> str:
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
