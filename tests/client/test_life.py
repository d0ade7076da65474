"""A sweep's life at the command line, with real processes: started, watched, stopped, killed, gone on with, removed."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.command import Sweep, interrupt
from tests.support.embedded import SCRIPTED, Cloud, eventually, running_cloud

GRID = ("--set", "lr=0.1,0.01,0.001", "--set", "momentum=0.5,0.9", "--epochs", "2")
ENVIRONMENT = {"STEPSWEEP_TRAINER": str(SCRIPTED)}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An embedded cloud that is reached as AWS is."""
    with running_cloud(tmp_path_factory.mktemp("cloud"), vcpus=2) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, cloud: Cloud) -> Iterator[Path]:
    """Where a person works, with an embedded cloud that has its template already: to synthesize it takes seconds."""
    (tmp_path / ".stepsweep").mkdir()
    (tmp_path / ".stepsweep" / "templates").symlink_to(cloud.directory / "templates")
    yield tmp_path
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):  # where a test failed half way
        background, _ = keeper(tmp_path)
        background.terminate()
        background.wait(60)


def document(ended: "subprocess.CompletedProcess[str]", code: int = 0) -> Any:
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout)


def keeper(folder: Path) -> tuple[psutil.Process, list[psutil.Process]]:
    """Returns the process in the background, and all that it has started."""
    process = psutil.Process(json.loads((folder / ".stepsweep" / "cloud.json").read_bytes())["pid"])
    return process, process.children(recursive=True)


def written(folder: Path) -> dict[str, int]:
    """Returns when each trial's metrics were written."""
    files = (folder / ".stepsweep" / "s3").glob("*/trials/*/metrics-e2.csv")
    return {file.parent.name: file.stat().st_mtime_ns for file in files}


def logged(folder: Path) -> list[str]:
    return [file.parent.name for file in (folder / ".stepsweep" / "logs").glob("*/*.log") if file.stat().st_size]


def test_a_sweep_whose_jobs_do_not_listen_is_stopped(folder: Path) -> None:
    """Its jobs take 30 s to end, in which no execution runs: the cloud in the background stays up for them."""
    sweep = Sweep(folder=folder)
    document(sweep("start", *GRID, "--fixed", "act=hang", "--name", "deaf", "--json", environment=ENVIRONMENT))
    background, children = keeper(folder)
    eventually(lambda: len(logged(folder)) == 2)

    stopped = document(sweep("stop", "deaf", "--json", environment=ENVIRONMENT))

    assert (len(stopped["executions"]), stopped["left"]) == (1, [])
    assert stopped["jobs"]
    assert psutil.wait_procs([background, *children], timeout=30)[1] == []


def test_a_sweep_in_the_background_is_stopped_killed_and_gone_on_with(folder: Path) -> None:
    def sweep(*words: str) -> "subprocess.CompletedProcess[str]":
        return Sweep(folder=folder)(*words, environment=ENVIRONMENT)

    started = sweep("start", *GRID, "--fixed", "act=gate", "--name", "mine", "--json")
    assert document(started)["status"] == "RUNNING"
    assert "  sweep watch mine\n" in started.stderr
    background, children = keeper(folder)
    (entry,) = document(sweep("list", "--json"))
    assert (entry["sweep"], entry["status"], entry["planned"]) == ("mine", "RUNNING", 6)
    again = sweep("start", *GRID, "--name", "mine")
    assert again.returncode == 2
    assert "the sweep mine runs already: `sweep watch mine` shows it" in again.stderr

    eventually(lambda: len(written(folder)) == 1)
    waiting = eventually(lambda: [trial for trial in logged(folder) if trial not in written(folder)])[0]
    with Sweep(folder=folder).popen("logs", "mine", waiting, "-f") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "act gate, attempt 1\n"
        stopped = document(sweep("stop", "mine", "--json"))
        assert following.communicate(timeout=60) == ("", "")
    assert following.returncode == 0
    assert (len(stopped["executions"]), stopped["left"]) == (1, [])
    assert stopped["jobs"]
    assert psutil.wait_procs([background, *children], timeout=30)[1] == []
    before = written(folder)
    assert len(before) == 1
    assert document(sweep("list", "--json"))[0]["status"] == "INTERRUPTED"
    assert "  sweep resume mine\n" in sweep("show", "mine").stdout
    assert "mine does not run" in sweep("stop", "mine").stdout

    assert document(sweep("resume", "mine", "--detach", "--json"))["status"] == "RUNNING"
    background, children = keeper(folder)
    eventually(lambda: any("scripted.py" in " ".join(child.cmdline()) for child in background.children(recursive=True)))
    children = background.children(recursive=True)
    background.kill()
    assert psutil.wait_procs(children, timeout=30)[1] == [], "a job outlived the process that ran its cloud"
    listed = sweep("list")
    assert "INTERRUPTED" in listed.stdout
    assert "mine was interrupted; go on with `sweep resume mine`\n" in listed.stdout
    watched = sweep("watch", "mine", "--json")
    assert (watched.returncode, json.loads(watched.stdout)["status"]) == (1, "INTERRUPTED")

    (folder / ".stepsweep" / "data" / "go").touch()
    ended = sweep("resume", "mine", "--json")
    resumed = document(ended)
    assert "\nSecond   lr=0.01 momentum=0.9  val_accuracy 0.867431, 0.0826 behind\n" in ended.stderr
    assert (resumed["status"], resumed["outcomes"]["SUCCEEDED"]) == ("SUCCEEDED", 6)
    after = written(folder)
    assert {name: after[name] for name in before} == before, "a finished trial was trained again"
    assert document(sweep("watch", "mine", "--json"))["winner"] == resumed["winner"]
    (entry,) = document(sweep("list", "--json"))
    assert (entry["status"], entry["ended"], entry["failed"]) == ("FINISHED", 6, 0)
    assert entry["options"] == "--lr 0.1 --momentum 0.9"

    check_removal(sweep)
    assert written(folder) == after


def check_removal(sweep: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    asked = sweep("rm", "mine")
    assert asked.returncode == 2
    assert "add --yes" in asked.stderr
    assert document(sweep("rm", "mine", "--yes", "--json"))["removed"] > 6
    assert "There is no sweep in " in sweep("list").stdout
    assert sweep("show", "mine").returncode == 2


class OnAws:
    """The command line on a stack that is found as a deployed one is, and whose jobs truly run."""

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
    assert not [child for child in cloud.processes() if "scripted.py" in " ".join(child.cmdline())]


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
        (("2",), "no trial has rank 2; 1 have one"),
        (("x",), 'no trial\'s id starts with "x"; name one by its rank, its params (lr=0.1 act=temporary), or'),
    ):
        ended = aws("logs", "logged", *trial)
        assert (ended.returncode, fault in ended.stderr) == (2, True), ended.stderr
    document(aws("rm", "logged", "--yes", "--json"))
    assert aws("show", "logged").returncode == 2


def test_a_run_ends_its_cloud_only_when_nothing_else_runs_in_it(folder: Path) -> None:
    sweep = Sweep(folder=folder)
    with sweep.popen(
        "run", "--set", "lr=0.1", "--epochs", "1", "--fixed", "sleep=2", "--name", "host", environment=ENVIRONMENT
    ) as run:
        eventually((folder / ".stepsweep" / "cloud.json").exists)
        (folder / ".stepsweep" / "data").mkdir()
        (folder / ".stepsweep" / "data" / "first").touch()
        started = sweep("start", "--set", "lr=0.05", "--epochs", "1", "--fixed", "act=gate", "--name", "guest")
        assert started.returncode == 0, started.stderr
        assert run.stdout is not None
        said = next(line for line in run.stdout if line.startswith("Other executions run"))
        (folder / ".stepsweep" / "data" / "go").touch()
        run.communicate(timeout=100)
    assert run.returncode == 0
    assert said.startswith("Other executions run in this cloud, and it ends with them: guest-")
    assert not (folder / ".stepsweep" / "cloud.json").exists()
    (entry,) = [entry for entry in document(sweep("list", "--json")) if entry["sweep"] == "guest"]
    assert entry["status"] == "FINISHED"
    assert os.listdir(folder) == [".stepsweep"]  # noqa: PTH208


def test_a_sweep_that_its_trainer_cannot_run_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """With stepsweep's own trainer, in a folder without a data set; the second time the template is there."""
    sweep = Sweep(folder=tmp_path)
    words = ("--set", "lr=0.1,-1", "--epochs", "1", "--name", "mine")
    for command in ("run", "run", "start"):
        ended = sweep(command, *words)
        assert ended.returncode == 2
        assert "Starting the embedded cloud" not in ended.stdout
        option, data = ended.stderr.splitlines()
        assert option == 'sweep: --lr: must be a finite number > 0, got "-1"'
        assert data.startswith("sweep: --dataset: mnist is not ready in ")
        assert f"--data-dir {tmp_path}/.stepsweep/data`" in data
    assert document(sweep("list", "--json")) == []
