"""What the cloud keeps of what jobs print."""

import os
import time
import tracemalloc
from pathlib import Path

from moto.logs.models import LogsBackend, logs_backends

from stepsweep.bucket.job_logs import MAX_BYTES, MAX_LINES, FileLastLines, last_lines, with_last_lines
from stepsweep.bucket.trials import Read
from stepsweep.contract.results import Result
from stepsweep.contract.trial import Outcome, Status, Trial
from stepsweep.local.job_logs import JobLogs


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


def failed(stream: str | None) -> Read:
    trial = Trial(trial_id="lr=1", params={}, options={}, epochs=1)
    outcome = Outcome(trial_id=trial.trial_id, status=Status.FAILED, reason="exit code 1")
    return Read(result=Result(trial=trial, outcome=outcome), log_stream=stream)


def test_the_reason_of_a_failed_job_ends_in_the_last_line_of_its_attempt_s_file(tmp_path: Path) -> None:
    (tmp_path / "lr=1").mkdir()
    (tmp_path / "lr=1" / "0a-b1-2.log").write_text("ImportError: \x1b[31mno tabnet\n\n")
    (tmp_path / "secret-1.log").write_text("not for others\n")
    read = [
        failed("job/default/0a-b1-2"),
        failed("job/default/0a-b1-3"),
        failed("job/default/../secret-1"),
        failed("job/default/..secret-1"),
        failed(None),
    ]
    reasons = [result.outcome.reason for result in with_last_lines(read, FileLastLines(tmp_path))]
    assert reasons == ["exit code 1: ImportError: [31mno tabnet", *["exit code 1"] * 4]
