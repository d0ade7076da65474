"""The output of jobs in moto's log streams, whose memory is bounded whatever jobs print."""

import os
import stat
import threading
from collections import deque
from pathlib import Path
from typing import Any

MAX_BYTES = 64 * 2**10
MAX_LINES = 1_000
"""Most of an attempt's output in `aws logs`, from its end; the file has all."""

MAX_TOTAL_BYTES = 64 * 2**20
"""Most memory of all attempts together; the oldest lose theirs first."""

EVENT_BYTES = 1_000
"""About what moto keeps for an event beside its text."""


class JobLogs:
    """Copies the end of each attempt's output to its log stream, for `aws logs get-log-events` and the reducer.

    Thread-safe.
    """

    def __init__(self, *, max_total_bytes: int = MAX_TOTAL_BYTES) -> None:
        self._most = max_total_bytes
        self._kept: deque[tuple[Any, int]] = deque()
        self._total = 0
        self._lock = threading.Lock()

    def publish(self, backend: Any, group: str, stream: str, log: Path, *, now_ms: int) -> None:
        """Writes the last lines of a file to a log stream of moto's backend.

        A file that is missing, or no file any more, has no lines: a process that could not start has no log, and a
        person may delete files.
        """
        lines = last_lines(log)
        with self._lock:
            backend.ensure_log_group(group)
            backend.ensure_log_stream(group, stream)
            if not lines:
                return
            backend.put_log_events(group, stream, [{"timestamp": now_ms, "message": line} for line in lines])
            size = sum(len(line) + EVENT_BYTES for line in lines)
            self._kept.append((backend.groups[group].streams[stream], size))
            self._total += size
            while self._total > self._most:
                oldest, size = self._kept.popleft()
                oldest.events.clear()
                self._total -= size


def last_lines(log: Path) -> list[str]:
    """Returns the last lines of a file that are not empty, of at most `MAX_BYTES` together."""
    try:
        # A pipe that somebody has put there would block, were it not for the flag.
        descriptor = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return []
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            return []
        file.seek(max(0, status.st_size - MAX_BYTES))
        data = file.read(MAX_BYTES)
    return [line for line in data.decode(errors="replace").splitlines() if line.strip()][-MAX_LINES:]
