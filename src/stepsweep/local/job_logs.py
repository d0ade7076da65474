"""The output of jobs in moto's log streams, whose memory is bounded whatever jobs print."""

import threading
from collections import deque
from pathlib import Path
from typing import Any

from stepsweep.bucket.job_logs import last_lines

MAX_TOTAL_BYTES = 64 * 2**20
"""Most memory of all attempts together; the oldest lose theirs first."""

EVENT_BYTES = 1_000
"""About what moto keeps for an event beside its text."""


class JobLogs:
    """Copies the end of each attempt's output to its log stream, for `aws logs get-log-events` and the reducer.

    The file has all of it.

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
