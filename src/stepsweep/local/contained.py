"""The parent of one requested process, like a container's init: its folders, its start, its end, and what follows."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from stepsweep.local.descent import (
    adopt_orphans,
    end_what_is_left,
    end_with_parent,
    exit_code,
    get_signal_when_parent_ends,
)
from stepsweep.local.host_answers import ANSWERS, MAX_ERROR_LETTERS, answer, said
from stepsweep.local.preload import is_fork

END, KILL = signal.SIGTERM, signal.SIGUSR1
"""Signals from the host to a container: end its process, kill its process."""

AWAITED = (END, KILL, signal.SIGCHLD)
"""Signals that a container waits for while its process runs."""

AFTER_SECONDS = 60.0
"""Longest time of a command that runs after a process."""


def contain(request: dict[str, Any]) -> None:
    """Starts the process, waits for its end, ends what it leaves behind, and answers.

    Returns only in the forked process that becomes the program; otherwise this process ends here.
    """
    own = own_folders(request)
    # Python would handle one that comes just before a wait for the process only after its end. These stay blocked, so
    # that each waits for `sigwait`; the host's handler of SIGCHLD stays, since a system may drop what is ignored.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    for number in (END, KILL):
        signal.signal(number, lambda *_: None)  # for what comes after the process's end
    signal.set_wakeup_fd(-1)
    host = os.getppid()
    adopt_orphans()
    get_signal_when_parent_ends(KILL)
    try:
        _giveown_folders(request)
        pid = _launched(request, before)
    except (OSError, ValueError, TypeError) as error:
        delete(own)
        answer(id=request["id"], error=_why_not_started(error, request))
        os._exit(0)
    if pid == 0:
        return
    answer(id=request["id"], started=pid)
    if os.getppid() != host:  # it ended before it was watched
        _hand_on(KILL, pid)
    while (status := _status_of(pid)) is None:
        asked = signal.sigwait(AWAITED)
        if asked != signal.SIGCHLD:
            _hand_on(asked, pid)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    run_after(request)
    end_what_is_left(pid)
    delete(own)
    answer(id=request["id"], ended=exit_code(status))
    os._exit(0)


def _hand_on(number: int, pid: int) -> None:
    """As on AWS, only the first process of a container gets SIGTERM; after its end, the others are killed."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL if number == KILL else signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)


def _status_of(pid: int) -> int | None:
    """Reaps all children that have ended, and returns the process's status; None while it runs."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == pid:
                status = ended[1]
    return status


def run_after(request: dict[str, Any]) -> None:
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


def own_folders(request: dict[str, Any]) -> list[Path]:
    """Returns a container's folders: of its files, its home, and of temporary files; none without a copy."""
    if not request["copy"]:
        return []
    files = Path(request["copy"])
    return [files, files.with_name(f"{files.name}-home"), Path(request["temporary"])]


def _giveown_folders(request: dict[str, Any]) -> None:
    """Creates a container's writable layer: a copy of its image's files, a home folder, and one for temporary files.

    Every file is copied, since writing through a hard or symbolic link would change the file for all others, and a
    trainer's folder has only a few megabytes. Copies keep their times, so that compiled modules stay valid.
    """
    if not request["copy"]:
        return
    files, home, temporary = own_folders(request)
    try:
        shutil.copytree(request["copy_of"], files, symlinks=True)
    except shutil.Error as error:
        from stepsweep.bucket.disk import first_of  # a host starts sooner without

        raise first_of(error) from None
    files.chmod(0o700)
    # Not the person's: what a library keeps or finds there, on AWS it does not.
    home.mkdir(0o700)
    request["env"] |= {"HOME": str(home), **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(temporary))}


def delete(folders: list[Path]) -> None:
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


def _launched(request: dict[str, Any], unblocked: set[int]) -> int:
    """Returns the process's id; in the process itself, if it is a fork, returns 0.

    Args:
        unblocked: the signal mask of the process.
    """
    if not request["argv"]:
        raise ValueError("neither the image nor the job says what to run")
    os.chdir(request["cwd"])
    stdin = os.open(request["stdin"] or os.devnull, os.O_RDONLY)
    output = os.open(request["output"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for source, target in ((stdin, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.closerange(ANSWERS + 1, os.sysconf("SC_OPEN_MAX"))

    def prepare() -> None:
        end_with_parent()
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)

    if not is_fork(request):
        try:
            process = subprocess.Popen(
                request["argv"],
                env=request["env"],
                start_new_session=True,
                preexec_fn=prepare,  # noqa: PLW1509  this process has one thread
            )
        except OSError as error:
            raise OSError(_in_dockers_words(request["argv"][0], error)) from None
        process.returncode = 0  # `contain` waits for it by its id
        return process.pid
    pid = os.fork()
    if pid == 0:
        for number in AWAITED:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.close(ANSWERS)
        prepare()
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


def _why_not_started(error: Exception, request: dict[str, Any]) -> str:
    """Returns the error of a process that was not started; of a full disk, also which one that is."""
    from stepsweep.bucket.disk import FULL, told  # a host starts sooner without

    if isinstance(error, OSError) and error.errno in FULL:
        return told(error, Path(request["output"]))[:MAX_ERROR_LETTERS]
    return said(error)
