"""What the cloud keeps of what jobs print."""

import os
import time
import tracemalloc
from pathlib import Path

from moto.logs.models import LogsBackend, logs_backends

from stepsweep.local.job_logs import MAX_BYTES, MAX_LINES, JobLogs, last_lines


def backend() -> LogsBackend:
    return logs_backends["123456789012"]["eu-west-3"]


def test_the_end_of_a_log_is_kept_within_limits(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x\n" * 1_000_000 + "\nValueError: the last line\n")
    assert last_lines(log)[-1] == "ValueError: the last line"
    assert len(last_lines(log)) == MAX_LINES
    log.write_bytes(b"\xff" * 10_000_000 + b" the end")
    (line,) = last_lines(log)
    assert (line.endswith(" the end"), len(line) <= MAX_BYTES) == (True, True)


def test_all_attempts_together_have_a_limit_and_the_oldest_lose_theirs(tmp_path: Path) -> None:
    logs, log = JobLogs(max_total_bytes=10_000_000), tmp_path / "log"
    log.write_text("x\n" * 1_000_000 + "the last line\n")
    logs.publish(backend(), "others", "job", tmp_path / "missing", now_ms=1)  # moto loads what it needs
    tracemalloc.start()
    for number in range(15):
        logs.publish(backend(), "jobs", f"job/{number}", log, now_ms=int(time.time() * 1000))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 10_000_000
    kept = [stream.events for stream in backend().groups["jobs"].streams.values()]
    assert len(kept) == 15
    assert (kept[0], kept[-1][-1].message) == ([], "the last line")
    assert sum(len(events) for events in kept) < 10_000


def test_a_log_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    assert last_lines(tmp_path / "log") == []
    assert last_lines(tmp_path / "missing") == []
