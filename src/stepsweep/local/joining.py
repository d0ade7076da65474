"""Finds the embedded cloud that a process runs in a folder, by the lock that it holds and the file that it writes."""

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from stepsweep.local.endpoint import Endpoint
from stepsweep.local.limits import CloudFailed
from stepsweep.local.owner import checked

START_TIMEOUT_SECONDS = 120.0
CONNECT_SECONDS = 1.0

LOCK, ADDRESS = "cloud.lock", "cloud.json"
"""The cloud's process holds the lock, and writes its endpoint to the other file, with the key to it: only the person
whose cloud it is can read that file."""


def joined(directory: Path) -> Endpoint | None:
    """Returns the endpoint of the cloud of `directory`; None if no process runs it.

    Raises:
        CloudFailed: a process holds its lock, but it does not come up.
        InvalidInput: a stranger made the folder, and this person may write there.
    """
    if not directory.is_dir():
        return None
    if not os.access(directory, os.W_OK):
        return _joined_by_a_reader(directory.resolve())
    directory = checked(directory)
    lock = FileLock(directory / LOCK)
    endpoint = _waited_for(lock, directory / ADDRESS)
    if endpoint is None:
        lock.release()
    return endpoint


def _joined_by_a_reader(directory: Path) -> Endpoint | None:
    """Does so where this person may read only, such as results on a read-only disk. It waits for no start."""
    try:
        with (directory / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except BlockingIOError:
        with contextlib.suppress(OSError, ValueError, TypeError):
            endpoint = _published(directory / ADDRESS)
            return endpoint if _is_there(endpoint) else None
    except OSError:
        pass
    return None


@contextlib.contextmanager
def held(directory: Path) -> Iterator[Endpoint | None]:
    """Yields the endpoint of the cloud of `directory`; None if no process runs it, and none can during the context.

    Raises:
        CloudFailed: a process holds its lock, but it does not come up.
        OSError: this person may not write there.
    """
    directory = checked(directory)
    lock = FileLock(directory / LOCK)
    try:
        yield _waited_for(lock, directory / ADDRESS)
    finally:
        lock.release()


def is_up(directory: Path, *, url: str | None = None) -> bool:
    """Whether a process runs the cloud of `directory`, or is starting it.

    Args:
        url: of the cloud; one that has been started since is another.
    """
    try:
        with FileLock(directory.resolve() / LOCK).acquire(timeout=0):
            return False
    except Timeout:
        if url is None:
            return True
    with contextlib.suppress(OSError, ValueError, TypeError):
        return published(directory).url == url
    return False


@contextlib.contextmanager
def if_down(directory: Path) -> Iterator[bool]:
    """Yields whether no process runs the cloud of `directory`, or is starting it; then none can during the context."""
    with contextlib.ExitStack() as until_the_end:
        try:
            until_the_end.enter_context(FileLock(checked(directory) / LOCK).acquire(timeout=0))
        except Timeout:
            yield False
        else:
            yield True


def starting(directory: Path) -> FileLock:
    """Returns the lock that a client holds from finding a cloud until it has started an execution in it.

    An idle cloud takes it before it ends, so that nobody starts an execution in a cloud that is about to end.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return FileLock(checked(directory) / "starts.lock")


@contextlib.contextmanager
def publishing(endpoint: Endpoint, directory: Path) -> Iterator[None]:
    """Writes this process's endpoint, during the context, where others find it."""
    known = {name: value for name, value in asdict(endpoint).items() if name != "started_here"}
    address = directory / ADDRESS
    # Atomic, since others may read it at any moment.
    unfinished = address.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(known, file)
    unfinished.replace(address)
    try:
        yield
    finally:
        address.unlink(missing_ok=True)


def published(directory: Path) -> Endpoint:
    """Returns the endpoint of the cloud of `directory`, as its process has written it; that may be gone.

    Raises:
        OSError, ValueError, TypeError: there is no such file, or it cannot be read.
    """
    return _published(directory.resolve() / ADDRESS)


def _published(address: Path) -> Endpoint:
    """Reads the file that a cloud's process writes for others."""
    return Endpoint(**json.loads(address.read_bytes()), started_here=False)


def _waited_for(lock: FileLock, address: Path) -> Endpoint | None:
    """Returns the endpoint of the process that holds the lock, which may be starting or ending its cloud.

    Returns None if no process holds the lock any more; then this process has acquired it.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            return None
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            endpoint = _published(address)
            if _is_there(endpoint):
                return endpoint
        time.sleep(0.1)
    raise CloudFailed(f"another process holds {lock.lock_file} but its cloud does not answer")


def _is_there(endpoint: Endpoint) -> bool:
    """Whether the process that published an endpoint is there: one that was killed leaves its file.

    Whoever holds the lock now may be starting a cloud, or only look whether there is one.
    """
    try:
        os.kill(endpoint.pid, 0)
    except ProcessLookupError:
        # Its id means nothing where the process is in another container, with the same network.
        place = urlsplit(endpoint.url)
        with contextlib.suppress(OSError), socket.create_connection((place.hostname, place.port), CONNECT_SECONDS):
            return True
        return False
    except PermissionError:  # another person's
        pass
    return True
