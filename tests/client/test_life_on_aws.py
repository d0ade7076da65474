"""A sweep's life on a stack that is found as a deployed one is, and whose jobs truly run."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Sweep, document, interrupt
from tests.support.embedded import Cloud, eventually, running_cloud
from tests.support.processes import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An embedded cloud that is reached as AWS is."""
    with running_cloud(tmp_path_factory.mktemp("cloud"), vcpus=2) as running:
        yield running


class OnAws:
    """The command line on such a stack."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self._sweep = Sweep(folder=folder)
        self._environment = cloud.environment

    def __call__(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self._sweep(*words, "--on", "aws", environment=self._environment)

    def popen(self, *words: str, terminal: int = subprocess.PIPE) -> "subprocess.Popen[str]":
        environment = {**self._environment, "TERM": "xterm-256color"}
        return self._sweep.popen(*words, "--on", "aws", environment=environment, terminal=terminal)


@pytest.fixture
def aws(tmp_path: Path, cloud: Cloud) -> OnAws:
    return OnAws(tmp_path, cloud)


def test_on_aws_a_sweep_is_watched_and_stopped_and_no_job_of_it_is_left(aws: OnAws, cloud: Cloud) -> None:
    other = document(
        aws("start", "--set", "lr=0.5", "--epochs", "1", "--fixed", "sleep=600", "--name", "other", "--json")
    )
    document(aws("start", "--set", "lr=0.5,0.1", "--epochs", "1", "--fixed", "sleep=600", "--name", "mine", "--json"))
    with aws.popen("watch", "mine", "--json") as process:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("2 planned."):
            assert line, "it ended before it began"
        out, err = interrupt(process, signal.SIGINT)
    assert process.returncode == 130
    assert json.loads(out)["status"] == "RUNNING"
    assert "  sweep watch mine --on aws\n" in err

    refused = aws("rm", "mine", "--yes")
    assert (refused.returncode, "stop it first" in refused.stderr) == (2, True)
    stopped = document(aws("stop", "mine", "--json"))
    assert (len(stopped["executions"]), len(stopped["jobs"]), stopped["left"]) == (1, 2, [])
    # The other sweep has a job of the same name, since it trains the same trial.
    alive = [job["tags"]["sweep"] for job in cloud.jobs("") if job["status"] in ("RUNNABLE", "RUNNING")]
    assert alive == ["other"]
    statuses = {entry["sweep"]: entry["status"] for entry in document(aws("list", "--json"))}
    assert statuses == {"mine": "INTERRUPTED", "other": "RUNNING"}
    assert aws("stop", "other").returncode == 0
    assert cloud.ended(other["execution_arn"])["status"] == "ABORTED"
    assert running("scripted.py", cloud.processes()) == []


class Screen:
    """What a program writes to a terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._shown = b""

    @property
    def plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown.decode(errors="replace"))

    def read_until(self, pattern: str) -> None:
        while not re.search(pattern, self.plain):
            assert self._read(), f"it ended without {pattern!r}: {self.plain}"

    def read_to_the_end(self) -> None:
        while self._read():
            pass

    def _read(self) -> bool:
        assert len(self._shown) < 1 << 18, f"not in 256 KiB: {self.plain[-2000:]}"
        assert select.select([self._terminal], [], [], 60)[0], f"nothing for a minute: {self.plain[-2000:]}"
        try:
            more = os.read(self._terminal, 1 << 16)
        except OSError:  # Linux says so that nobody has the terminal's other end any more
            return False
        self._shown += more
        return bool(more)

    def close(self) -> None:
        os.close(self._terminal)


def test_a_terminal_shows_what_trains(aws: OnAws, cloud: Cloud) -> None:
    (cloud.directory / "data").mkdir(exist_ok=True)
    (cloud.directory / "data" / "first").touch()
    words = ("--set", "lr=0.25", "--set", "momentum=0.75", "--epochs", "4", "--fixed", "act=gate", "--name", "shown")
    document(aws("start", *words, "--json"))
    ours, theirs = pty.openpty()
    with contextlib.closing(Screen(ours)) as screen, aws.popen("watch", "shown", terminal=theirs) as process:
        os.close(theirs)
        try:
            screen.read_until(r"0\.25 +0\.75 +1/4 +0\.6692 +0\.3308 +0\.3308")
            process.send_signal(signal.SIGINT)
            screen.read_until("sweep watch shown --on aws")
            screen.read_to_the_end()
        finally:
            process.kill()  # else a fault is a test that never ends
    assert re.search(r"▓{30}  0 done  1 running\s+0:00:\d\d, about 0:0\d:\d\d left", screen.plain)
    assert process.returncode == 130
    (cloud.directory / "data" / "go").touch()
    assert document(aws("watch", "shown", "--json"))["status"] == "SUCCEEDED"


def test_on_aws_logs_are_those_of_every_attempt(aws: OnAws) -> None:
    words = ("--set", "lr=0.1", "--set", "act=temporary,crash", "--epochs", "1", "--name", "logged", "--json")
    assert document(aws("run", *words))["outcomes"] == {"SUCCEEDED": 1, "FAILED": 1, "MISSING": 0, "INVALID": 0}
    assert aws("logs", "logged", "act=temporary").stdout.splitlines() == [
        "--- attempt 1",
        "act temporary, attempt 1",
        "--- attempt 2",
        "act temporary, attempt 2",
        "--- attempt 3",
        "act temporary, attempt 3",
    ]
    by_rank = document(aws("logs", "logged", "1", "--json"))
    assert [attempt["number"] for attempt in by_rank["attempts"]] == [1, 2, 3]
    assert aws("logs", "logged", "act=crash").stdout.endswith("ValueError: this trainer was told to crash\n")
    for trial, fault in (
        (("lr=0.1",), "lr=0.1 means 2 trials"),
        (("2",), "no trial has rank 2; the last rank is 1"),
        (("x",), 'no trial\'s id starts with "x"; name one by its rank, its params (lr=0.1 act=temporary), or'),
    ):
        ended = aws("logs", "logged", *trial)
        assert (ended.returncode, fault in ended.stderr) == (2, True), ended.stderr
    document(aws("rm", "logged", "--yes", "--json"))
    assert aws("show", "logged").returncode == 2


def test_a_selftest_records_what_it_saw_and_leaves_nothing(aws: OnAws, cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(
        json.dumps({"parameters": {"lr": [0.1, 0.2]}, "fixed": {"act": "temporary", "sleep": 1}, "epochs": 1})
    )
    before = {entry["sweep"] for entry in document(aws("list", "--json"))}
    asked = aws("selftest", "mine.json")
    assert (asked.returncode, "costs at most 0.80 USD" in asked.stderr) == (2, True), asked.stderr
    assert "add --yes" in asked.stderr

    with aws.popen("selftest", "mine.json", "--yes") as process:
        eventually(lambda: any(job["tags"]["sweep"].endswith("-train") for job in cloud.jobs("RUNNING")))
        _, err = interrupt(process, signal.SIGINT)
    assert process.returncode == 130, err
    assert not [job for job in cloud.jobs("") if job["status"] in ("RUNNABLE", "RUNNING")]
    assert {entry["sweep"] for entry in document(aws("list", "--json"))} == before

    found = {each["check"]: each for each in document(aws("selftest", "mine.json", "--yes", "--json"))}
    states = {check: each["state"] for check, each in found.items()}
    assert states == {
        "submission": "ok",
        "end of a job": "ok",
        "trial": "ok",
        "region of a job": "ok",
        "exit code 75": "ok",
        "log": "ok",
        "GPU driver": "unknown",
        "conditional write": "ok",
        "unconditional write": "ok",
        "stop ends jobs": "ok",
        "a job that cannot start": "unknown",
        "left": "ok",
        "reclaimed Spot machine": "unknown",
        "sweep that never starts": "unknown",
        "machine's credentials": "unknown",
        "destroy": "unknown",
    }
    assert found["exit code 75"]["found"] == "was tried again: the attempts ended with 75, 75, 0"
    (record,) = tmp_path.glob("selftest-*.txt")
    text = record.read_text()
    assert "Region us-east-1, NOT AWS: another endpoint answered\n" in text
    assert f"ok      stop ends jobs: {found['stop ends jobs']['found']}\n" in text
    for name in ("123456789012", "arn:", cloud.outputs["Bucket"]):
        assert name not in text
    assert {entry["sweep"] for entry in document(aws("list", "--json"))} == before
    assert not [job for job in cloud.jobs("") if job["status"] in ("RUNNABLE", "RUNNING")]
    assert running("scripted.py", cloud.processes()) == []
