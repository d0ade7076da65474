"""The command line as a fork of a process that has imported what it imports.

A new Python imports boto3, and moto for an embedded cloud, for a second, and tests start the command line hundreds of
times. The fork is a process of its own, with its own arguments, variables, folder and files. What it imports when, and
how a terminal or a signal reaches it, is tested on new processes.
"""

import atexit
import contextlib
import importlib
import json
import os
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

MODULES = ("boto3", "rich.live", "rich.progress", "rich.table", "stepsweep.local.template")
"""Beside those of the client: what its commands import late."""

_parents: dict[tuple[int, tuple[str | None, ...]], tuple["subprocess.Popen[bytes]", socket.socket]] = {}


def run(
    words: tuple[str, ...],
    *,
    folder: Path,
    environment: Mapping[str, str],
    text: str | None,
    timeout_seconds: float,
    output: int | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Runs `sweep` to its end, with `text` as its standard input.

    Args:
        output: a file descriptor in place of its standard output, or CLOSED; nothing of it is returned then.

    Raises:
        subprocess.TimeoutExpired: it takes longer; it has been killed.
    """
    connection = _parent(tuple(environment.get(name) for name in LOCALE))
    request = {
        "argv": [sys.executable, "-m", "stepsweep", *words],
        "env": dict(environment),
        "cwd": str(folder),
        "is_closed": output == CLOSED,
    }
    taken = None if output == CLOSED else output
    with contextlib.ExitStack() as files:
        asked, given, out, err = (files.enter_context(tempfile.TemporaryFile()) for _ in range(4))
        for file, content in ((asked, json.dumps(request)), (given, text or "")):
            file.write(content.encode())
            file.seek(0)
        socket.send_fds(connection, [b"1"], [asked.fileno(), given.fileno(), taken or out.fileno(), err.fileno()])
        connection.settimeout(timeout_seconds)
        pid = int.from_bytes(connection.recv(4))
        try:
            code = int.from_bytes(connection.recv(4), signed=True)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            connection.settimeout(None)
            connection.recv(4)
            raise subprocess.TimeoutExpired(["sweep", *words], timeout_seconds) from None
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(words, code, *said)


def _parent(locale: tuple[str | None, ...]) -> socket.socket:
    """Returns the connection to this process's own parent of commands, which it starts with the first command."""
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
    return _parents[mine][1]


def _end(process: "subprocess.Popen[bytes]", connection: socket.socket) -> None:
    connection.close()
    process.wait()


def _serve(connection: socket.socket) -> NoReturn:
    """Forks for each request, until nobody is left to ask."""
    _import()
    while (received := socket.recv_fds(connection, 1, 4))[0]:
        files = received[1]
        pid = os.fork()
        if pid == 0:
            connection.close()
            _become(files)
        for number in files:
            os.close(number)
        connection.sendall(pid.to_bytes(4))
        _, status = os.waitpid(pid, 0)
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, signed=True))
    os._exit(0)  # tearing down the imports would take a while


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
