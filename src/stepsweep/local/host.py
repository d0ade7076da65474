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
    {"do": "warm", "preload": {"modules": […], …}}       imports modules in advance; `machine.Preload` has the fields
    {"do": "ping", "id": "…"}                            answers as a process that ended with 0
    {"id": "…", "started": pid}   {"id": "…", "ended": exit code, 128 + n for signal n}   {"id": "…", "error": "…"}
"""

import atexit
import contextlib
import ctypes
import errno
import functools
import gc
import importlib
import io
import json
import os
import runpy
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, MappingProxyType, ModuleType
from typing import Any, NoReturn

import psutil

BARE = ("-S", "-P")
"""Options of a Python that can import only the standard library."""

FORK_IS_SAFE = sys.platform == "linux"
"""On macOS a forked process may not use the system libraries, so there every job is a new process."""

AFTER_SECONDS = 60.0
"""Longest time of a command that runs after a process."""

LAST_GRACE_SECONDS = 5.0
"""Grace period for processes that still run when the cloud is gone."""

END, KILL = signal.SIGTERM, signal.SIGUSR1
"""Signals from the host to a container: end its process, kill its process."""

ANSWERS = 3
"""File descriptor for answers. Not standard output, since an imported module could print to it."""

FULL = (errno.ENOSPC, errno.EDQUOT)

MAX_ERROR_LETTERS = 1_000
"""Several processes write answers to one pipe. Only short writes are atomic (4,096 bytes on Linux, 512 by POSIX)."""

EMPTY: Mapping[str, ModuleType] = MappingProxyType({})

FLUSH_FAILED = 120
"""Python's exit status when its last output cannot be written."""

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


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
        _adopt_orphans()
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
                answer(id=request["id"], error=_said(error))
        elif request["do"] == "warm":
            with contextlib.suppress(Exception, SystemExit):  # the process that needs the module will report the error
                if FORK_IS_SAFE:
                    _preload(request["preload"])
        elif request["do"] == "ping":
            answer(id=request["id"], ended=0)
        elif container := self._running.get(request["id"]):
            self._end(container, request["grace_seconds"])

    def _start(self, request: dict[str, Any]) -> None:
        if is_fork(request):
            _preload(request["preload"])
        own = []
        if request["copy"]:
            # Not below the cloud's folder: multiprocessing puts sockets there, and a socket's path has at most 107
            # characters.
            request["temporary"] = tempfile.mkdtemp(prefix="sweep-")
            own = _own_folders(request)
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
                    _run_after(container.request)
                    _delete([folder for folder in container.own if folder.exists()])
                    answer(id=job, ended=_exit_code(status))

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


def _preload(asked: dict[str, Any]) -> None:
    """Imports modules, and keeps the garbage collector off all objects. A collection writes to every object it
    visits, and a fork must copy each page that it writes to. Without the collector, importing also takes a seventh
    less time."""
    handler, package = asked["handler"], _packages.get(asked["package"], {})
    if not _preloaded >= set(asked["modules"]) or (handler and handler not in package):
        gc.disable()
        try:
            with _a_copy_to_import_from(asked):
                for module in asked["modules"]:
                    try:
                        importlib.import_module(module)
                    except (Exception, SystemExit) as error:  # noqa: BLE001  a module may raise anything
                        why = f"cannot import {module}, which the image's label stepsweep.preload names"
                        raise RuntimeError(f"{why}: {_said(error)}") from None
            if "boto3" in asked["modules"] and "boto3" not in _preloaded:
                share_what_botocore_reads()
            if handler:
                _packages[asked["package"]] = package | _of_package(asked["package"], handler, package)
        finally:
            gc.enable()
        gc.collect()
        gc.freeze()
        _preloaded.update(asked["modules"])


_preloaded: set[str] = set()

_packages: dict[str, dict[str, ModuleType]] = {}
"""The modules of each package that processes here have in common: its folder → its modules by name."""


def _of_package(folder: str, handler: str, known: dict[str, ModuleType]) -> dict[str, ModuleType]:
    """Imports a module from a package, and returns it with all that it imported from there.

    This process forgets them again: another package may have modules of the same names. If the import fails, the
    process that needs the module fails in the same way, and says so.
    """
    before = [*sys.path]
    sys.modules.update(known)
    sys.path.insert(0, folder)
    try:
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(handler)
        files = {name: str(getattr(module, "__file__", "")) for name, module in sys.modules.items()}
        own = {name: sys.modules[name] for name, file in files.items() if file.startswith(f"{folder}/")}
        for name in own:
            del sys.modules[name]
        return own if handler in own else {}
    finally:
        sys.path[:] = before


@contextlib.contextmanager
def _a_copy_to_import_from(asked: dict[str, Any]) -> Iterator[None]:
    """Puts a trainer's own modules on the search path, and forgets them afterwards.

    They could keep the path of their file to write beside it, so each job must import its own copy. What remains are
    the libraries that they have imported.
    """
    places = [Path(place) for place in asked["path"]]
    tops = {module.partition(".")[0] for module in asked["modules"]}
    if not any((place / name).exists() for place in places for top in tops for name in (top, f"{top}.py")):
        yield
        return
    before, folder = [*sys.path], Path.cwd()
    scratch = Path(tempfile.mkdtemp(prefix="sweep-"))
    try:
        root = shutil.copytree(asked["root"], scratch / "root", symlinks=True)
        own = [root / place.relative_to(asked["root"]) for place in places]
        sys.path[:0] = [str(place) for place in own]
        os.chdir(own[0])
        yield
    finally:
        os.chdir(folder)
        sys.path[:] = before
        for name, module in list(sys.modules.items()):
            if any(str(scratch) in str(place) for place in (getattr(module, "__file__", None), *_paths_of(module))):
                del sys.modules[name]
        shutil.rmtree(scratch, ignore_errors=True)


def _paths_of(module: object) -> list[str]:
    return [*getattr(module, "__path__", ())]


def share_what_botocore_reads(of: Any = None) -> None:
    """Makes all botocore sessions of this process and its forks share parsed API models and event handlers. That
    saves almost every process an eighth of a second, for a client of S3.

    Args:
        of: the botocore session that reads them; by default a new one.
    """
    from botocore import hooks, session

    session.create_loader = functools.cache(session.create_loader)
    hooks.accepts_kwargs = functools.lru_cache(maxsize=1_000)(hooks.accepts_kwargs)
    # All sessions have the same aliases: botocore's own.
    alias = hooks.EventAliaser._alias_event_name  # type: ignore[attr-defined]
    known: dict[str, str] = {}

    def alias_once(aliaser: Any, name: str) -> str:
        if name not in known:
            known[name] = alias(aliaser, name)
        return known[name]

    hooks.EventAliaser._alias_event_name = alias_once  # type: ignore[attr-defined]
    (of or session.Session()).create_client(
        "s3",
        "us-east-1",
        aws_access_key_id="nobody",
        aws_secret_access_key="nobody",  # noqa: S106
    )


def is_fork(request: dict[str, Any]) -> bool:
    if not request["preload"]["modules"] or not FORK_IS_SAFE:
        return False
    argv: list[str] = request["argv"]
    return argv[:2] == [sys.executable, "-m"] or argv[:3] == [sys.executable, *BARE]


def answer(**document: object) -> None:
    with contextlib.suppress(BrokenPipeError):  # the cloud is gone; standard input ends too
        os.write(ANSWERS, json.dumps(document).encode() + b"\n")


def contain(request: dict[str, Any]) -> None:
    """Starts the process, waits for its end, ends what it leaves behind, and answers.

    Returns only in the forked process that becomes the program; otherwise this process ends here.
    """
    processes: list[int] = []
    asked: list[int] = []
    own = _own_folders(request)

    def hand_on(number: int, _: FrameType | None = None) -> None:
        # As on AWS, only the first process of a container gets SIGTERM; after its end, the others are killed.
        asked.append(number)
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if number == KILL else signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)

    signal.signal(KILL, hand_on)
    signal.signal(END, hand_on)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    host = os.getppid()
    _adopt_orphans()
    _get_signal_when_parent_ends(KILL)
    try:
        _give_own_folders(request)
        pid = _launched(request)
    except (OSError, ValueError, TypeError) as error:
        _delete(own)
        answer(id=request["id"], error=_why_not_started(error, request))
        os._exit(0)
    if pid == 0:
        return
    processes.append(pid)
    answer(id=request["id"], started=pid)
    # Signals that arrived before the process existed. Copied, since `hand_on` appends to the list.
    for number in [*asked] if os.getppid() == host else [*asked, KILL]:
        hand_on(number)
    status = None
    while status is None:
        ended, ending = os.wait()
        status = ending if ended == pid else None
    processes.clear()
    _run_after(request)
    _end_what_is_left(pid)
    _delete(own)
    answer(id=request["id"], ended=_exit_code(status))
    os._exit(0)


def _run_after(request: dict[str, Any]) -> None:
    """Runs the commands that a request names for its end, one after the other, whatever becomes of each."""
    if not request["after"]:
        return
    try:
        said = Path(request["said"]).open("ab")  # noqa: SIM115
    except OSError:  # such as a full disk: a container is removed all the same
        said = Path(os.devnull).open("ab")  # noqa: SIM115
    with said:
        for argv in request["after"]:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    argv,
                    env=request["env"],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.DEVNULL,
                    timeout=AFTER_SECONDS,
                    check=False,
                )


def _own_folders(request: dict[str, Any]) -> list[Path]:
    """Returns a container's folders: of its files, its home, and of temporary files; none without a copy."""
    if not request["copy"]:
        return []
    files = Path(request["copy"])
    return [files, files.with_name(f"{files.name}-home"), Path(request["temporary"])]


def _give_own_folders(request: dict[str, Any]) -> None:
    """Creates a container's writable layer: a copy of its image's files, a home folder, and one for temporary files.

    Every file is copied, since writing through a hard or symbolic link would change the file for all others, and a
    trainer's folder has only a few megabytes. Copies keep their times, so that compiled modules stay valid.
    """
    if not request["copy"]:
        return
    files, home, temporary = _own_folders(request)
    try:
        shutil.copytree(request["copy_of"], files, symlinks=True)
    except shutil.Error as error:  # with an entry for each file, of which one tells enough
        _, target, why = error.args[0][0]
        number = next((each for each in FULL if os.strerror(each) in why), errno.EIO)
        raise OSError(number, os.strerror(number) if number in FULL else why, target) from None
    files.chmod(0o700)
    # Not the person's: what a library keeps or finds there, on AWS it does not.
    home.mkdir(0o700)
    request["env"] |= {"HOME": str(home), **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(temporary))}


def _delete(folders: list[Path]) -> None:
    for folder in folders:
        try:
            shutil.rmtree(folder)
        except OSError:
            # A program may have removed its own write permission.
            for root, below, _ in os.walk(folder):
                for name in below:
                    path = Path(root, name)
                    if not path.is_symlink():
                        path.chmod(0o700)
            shutil.rmtree(folder, ignore_errors=True)


def _launched(request: dict[str, Any]) -> int:
    """Returns the process's id; in the process itself, if it is a fork, returns 0."""
    if not request["argv"]:
        raise ValueError("neither the image nor the job says what to run")
    os.chdir(request["cwd"])
    stdin = os.open(request["stdin"] or os.devnull, os.O_RDONLY)
    output = os.open(request["output"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for source, target in ((stdin, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(ANSWERS + 1, os.sysconf("SC_OPEN_MAX"))
    if not is_fork(request):
        try:
            process = subprocess.Popen(
                request["argv"],
                env=request["env"],
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509  this process has one thread
            )
        except OSError as error:
            raise OSError(_in_dockers_words(request["argv"][0], error)) from None
        process.returncode = 0  # `contain` waits for it by its id
        return process.pid
    # Otherwise a signal between the fork and the reset of the handler would be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, {END})
    pid = os.fork()
    if pid == 0:
        for number in (END, KILL):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        _end_with_parent()
        os.close(ANSWERS)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {END})
    return pid


def _in_dockers_words(program: str, error: OSError) -> str:
    """Returns why a program could not be started, as Docker says it."""
    if "/" not in program:
        why = f'exec: "{program}": executable file not found in $PATH'
    elif not os.path.lexists(program):
        why = f'exec: "{program}": stat {program}: no such file or directory'
    elif error.errno == errno.EACCES:
        why = f'exec: "{program}": {"is a directory" if Path(program).is_dir() else "permission denied"}'
    else:  # such as a script whose first line names no program, or one that is missing
        why = f"exec {program}: {(error.strerror or str(error)).lower()}"
    return f"unable to start container process: {why}"


def become(request: dict[str, Any], modules: Mapping[str, ModuleType] = EMPTY) -> NoReturn:
    """Runs `python -m module …` or `python -S -P file …` in this forked process, with the environment and search path
    of a new one.

    Args:
        modules: that it has imported already, by name.
    """
    old_path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ.clear()
    os.environ.update(request["env"])
    is_module = request["argv"][1] == "-m"
    new_path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    new_path = [str(Path.cwd()), *new_path] if is_module else new_path
    sys.path[:] = [*new_path, *(entry for entry in sys.path if entry not in old_path)]
    sys.path_importer_cache.clear()
    sys.modules.update(modules)
    tempfile.tempdir = None  # the host's own, if it has looked
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False  # it belongs to the parent: torch has 144 of them
    if os.environ.get("PYTHONUNBUFFERED"):
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=True)
    sys.argv = request["argv"][2 if is_module else 1 + len(BARE) :]
    try:
        if is_module:
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except KeyboardInterrupt:  # the interpreter ends the process by the signal
        raise
    except SystemExit as leaving:
        leave(_status_of(leaving))
    except BaseException as error:  # noqa: BLE001  as the interpreter does it, without this file's line in the traceback
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        leave(1)
    leave(0)


def _status_of(leaving: SystemExit) -> int:
    """Returns the exit status for `sys.exit(code)`, and prints a code that is a message."""
    if leaving.code is None or isinstance(leaving.code, int):
        return (leaving.code or 0) & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


def leave(status: int, *, closes_its_files: bool = False) -> NoReturn:
    """Ends this process as the interpreter does, but without tearing down modules.

    The teardown takes a third of a second with moto. In a forked job with torch it takes 0.7 s of CPU, since it
    copies the parent's memory. https://docs.python.org/3/c-api/init.html#c.Py_FinalizeEx

    Args:
        closes_its_files: whether the program closes its files, so that there are none to flush.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as `multiprocessing` does it
    atexit._run_exitfuncs()
    if not closes_its_files:
        _write_out_open_files()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError:
            status = status or FLUSH_FAILED
    os._exit(status)


def _write_out_open_files() -> None:
    """Flushes files that are still open, which the teardown of modules would do."""
    gc.collect()  # only the program's own objects; all others are frozen
    # By type, since `isinstance` would resolve a weak proxy, whose object may be gone.
    held = [thing for thing in gc.get_objects() if issubclass(type(thing), io.TextIOBase | io.BufferedIOBase)]
    for file in sorted(held, key=lambda thing: isinstance(thing, io.BufferedIOBase)):  # texts into their buffers first
        with contextlib.suppress(OSError, ValueError):
            file.flush()


def _end_what_is_left(pid: int) -> None:
    """Kills all descendants of this process, and the process group of the ended one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                for descendant in psutil.Process().children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        descendant.kill()
                os.wait()


def _adopt_orphans() -> None:
    """On Linux, makes this process the parent of descendants whose parent has ended."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _end_with_parent() -> None:
    """On Linux, kills this process when its parent ends, even by SIGKILL."""
    _get_signal_when_parent_ends(signal.SIGKILL)


def _get_signal_when_parent_ends(number: int) -> None:
    _prctl(PR_SET_PDEATHSIG, number)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        _libc().prctl(option, value, 0, 0, 0)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _why_not_started(error: Exception, request: dict[str, Any]) -> str:
    """Returns the error of a process that was not started; of a full disk, also which one that is."""
    if not isinstance(error, OSError) or error.errno not in FULL:
        return _said(error)
    from stepsweep.bucket.disk import told  # a host starts sooner without

    return told(error, Path(request["output"]))[:MAX_ERROR_LETTERS]


def _said(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:MAX_ERROR_LETTERS]


def main() -> None:
    os.dup2(1, ANSWERS, inheritable=False)
    os.dup2(2, 1)
    try:
        Host().serve()
    except Forked as fork:
        request = fork.request
    else:
        os._exit(0)  # nothing is left to do, and tearing down the imports would take a while
    contain(request)
    become(request, _packages.get(request["preload"]["package"], EMPTY))


if __name__ == "__main__":
    main()
