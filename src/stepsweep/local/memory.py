"""The limit of a job's memory, which a container's kernel enforces on AWS; here its processes are watched."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import psutil

from stepsweep.local.machine import Process

LOOK_SECONDS = 1.0
MIB = 2**20


class MemoryWatch:
    """Ends processes whose memory, with that of all they started, exceeds their limit. Thread-safe.

    Args:
        end: ends a process and all it started, at once.
    """

    def __init__(self, *, end: Callable[[Process], None]) -> None:
        self._end = end
        self._limits: dict[str, tuple[Process, int, threading.Event]] = {}
        self._lock = threading.Lock()
        self._is_watching = False
        self._total = psutil.virtual_memory().total

    @contextlib.contextmanager
    def limited(self, process: Process, limit_mib: int | None) -> Iterator[threading.Event]:
        """Watches a process while the context lasts; yields what is set when it is ended for its memory.

        A limit that this machine does not have is not watched.
        """
        exceeded = threading.Event()
        if limit_mib is None or limit_mib * MIB >= self._total:
            yield exceeded
            return
        with self._lock:
            self._limits[process.id] = (process, limit_mib * MIB, exceeded)
            if not self._is_watching:
                self._is_watching = True
                threading.Thread(target=self._watch, name="memory-watch", daemon=True).start()
        try:
            yield exceeded
        finally:
            with self._lock:
                del self._limits[process.id]

    def _watch(self) -> None:
        """Looks until nothing is left to watch."""
        while True:
            with self._lock:
                watched = list(self._limits.values())
                if not watched:
                    self._is_watching = False
                    return
            # Nobody uses more than all use together, and to look at every process takes a hundredth of a second.
            if psutil.virtual_memory().used > min(limit for _, limit, _ in watched):
                self._look(watched)
            time.sleep(LOOK_SECONDS)

    def _look(self, watched: list[tuple[Process, int, threading.Event]]) -> None:
        children = _children()
        for process, limit, exceeded in watched:
            if process.pid is None or exceeded.is_set() or process.ended.is_set():
                continue
            family = _family(process.pid, children)
            # Pages that several processes share count in each; to know better takes longer, and only here.
            if sum(map(_resident, family)) > limit and sum(map(_proportional, family)) > limit:
                exceeded.set()
                self._end(process)


def _children() -> Mapping[int, list[int]]:
    found: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        found.setdefault(process.info["ppid"], []).append(process.pid)
    return found


def _family(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return family


def _resident(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(pid: int) -> int:
    """Returns a process's memory, of what it shares its part; all of it where the system does not say."""
    try:
        found = psutil.Process(pid).memory_full_info()
        return int(getattr(found, "pss", found.rss))
    except psutil.Error:
        return 0
