"""A sweep's life on this machine, with real processes: started, watched, stopped, killed, resumed, removed."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.command import Sweep, document
from tests.support.embedded import SCRIPTED, eventually, keep_template
from tests.support.processes import running

GRID = ("--set", "lr=0.1,0.01,0.001", "--set", "momentum=0.5,0.9", "--epochs", "2")
ENVIRONMENT = {"STEPSWEEP_TRAINER": str(SCRIPTED)}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a person works, with an embedded cloud that has its template already: to synthesize it takes seconds."""
    keep_template(tmp_path / ".stepsweep", {"trainer": str(SCRIPTED)})
    yield tmp_path
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):  # where a test failed half way
        background, _ = keeper(tmp_path)
        background.terminate()
        background.wait(60)


def keeper(folder: Path) -> tuple[psutil.Process, list[psutil.Process]]:
    """Returns the process in the background, and all that it has started."""
    process = psutil.Process(json.loads((folder / ".stepsweep" / "cloud.json").read_bytes())["pid"])
    return process, process.children(recursive=True)


def written(folder: Path) -> dict[str, int]:
    """Returns when each trial's metrics were written."""
    files = (folder / ".stepsweep" / "s3").glob("*/trials/*/metrics-e2.csv")
    return {file.parent.name: file.stat().st_mtime_ns for file in files}


@pytest.mark.slow
def test_a_sweep_has_its_winner_though_the_command_whose_cloud_it_joined_has_ended_first(folder: Path) -> None:
    """It is held while all trials end, as a slow machine holds it between two looks."""
    grid = ("--set", "lr=0.1,0.01", "--epochs", "2", "--fixed", "act=gate")
    first, second = ("run", *grid, "--name", "first"), ("run", *grid, "--name", "second", "--fresh", "--json")
    sweep = Sweep(folder=folder)
    with sweep.popen(*first, environment=ENVIRONMENT) as owner:
        eventually((folder / ".stepsweep" / "cloud.json").exists)
        with sweep.popen(*second, environment=ENVIRONMENT) as joined:
            eventually(
                lambda: any("second" in str(file) for file in (folder / ".stepsweep" / "s3").rglob("latest.json"))
            )
            joined.send_signal(signal.SIGSTOP)
            (folder / ".stepsweep" / "data" / "go").touch()
            out, err = owner.communicate(timeout=120)
            joined.send_signal(signal.SIGCONT)
            ended = subprocess.CompletedProcess(second, 0, *joined.communicate(timeout=60))
    assert (owner.returncode, "Winner" in out) == (0, True), err
    assert joined.returncode == 0, ended.stderr
    assert (document(ended)["status"], document(ended)["outcomes"]["SUCCEEDED"]) == ("SUCCEEDED", 2)
    assert "Winner" in ended.stderr
    assert "2/2  lr=" in ended.stderr, "what it did not see, it tells from the records"


def logged(folder: Path) -> list[str]:
    return [file.parent.name for file in (folder / ".stepsweep" / "logs").glob("*/*.log") if file.stat().st_size]


@pytest.mark.slow
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


def stopped_while_its_log_is_followed(folder: Path, waiting: str) -> Any:
    """Stops the sweep `mine` while the log of one of its trials is followed; returns the document of the stop."""
    (log,) = (folder / ".stepsweep" / "logs" / waiting).glob("*.log")
    eventually(lambda: "act gate" in log.read_text())
    with log.open("a") as file:
        file.write("\x1b]0;a title\x07\n")
    with Sweep(folder=folder).popen("logs", "mine", waiting, "-f") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "act gate, attempt 1\n"
        assert following.stdout.readline() == " ]0;a title \n", "no escape reaches a terminal"
        stopped = document(Sweep(folder=folder)("stop", "mine", "--json", environment=ENVIRONMENT))
        assert following.communicate(timeout=60) == ("", "")
    assert following.returncode == 0
    return stopped


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
    assert "the sweep mine is already running: `sweep watch mine` shows it" in again.stderr

    eventually(lambda: len(written(folder)) == 1)
    waiting = eventually(lambda: [trial for trial in logged(folder) if trial not in written(folder)])[0]
    stopped = stopped_while_its_log_is_followed(folder, waiting)
    assert (len(stopped["executions"]), stopped["left"]) == (1, [])
    assert stopped["jobs"]
    assert psutil.wait_procs([background, *children], timeout=30)[1] == []
    before = written(folder)
    assert len(before) == 1
    assert document(sweep("list", "--json"))[0]["status"] == "INTERRUPTED"
    assert "  sweep resume mine\n" in sweep("show", "mine").stdout
    assert "mine does not run" in sweep("stop", "mine").stdout

    assert document(sweep("resume", "mine", "--detach", "--priority", "high", "--json"))["status"] == "RUNNING"
    (planned,) = (folder / ".stepsweep" / "s3").glob("*/sweeps/mine/round-0/to-run.json")
    assert {each["share"][:8] for each in json.loads(planned.read_text())} == {"highmine"}
    background, children = keeper(folder)
    eventually(lambda: running("scripted.py", background.children(recursive=True)))
    children = background.children(recursive=True)
    background.kill()
    assert psutil.wait_procs(children, timeout=30)[1] == [], "a job outlived the process that ran its cloud"
    listed = sweep("list")
    assert "INTERRUPTED" in listed.stdout
    assert "mine was interrupted; continue with `sweep resume mine`\n" in listed.stdout
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


def test_nothing_that_is_set_for_the_real_aws_reaches_a_sweep_on_this_machine(folder: Path) -> None:
    (folder / "broken").write_text("[broken\n")
    nowhere = "http://127.0.0.1:9"
    environment = {
        **ENVIRONMENT,
        "HOME": str(folder),
        "AWS_PROFILE": "not-there",
        "AWS_CONFIG_FILE": str(folder / "broken"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "broken"),
        "AWS_REGION": "us-gov-west-1",
        "AWS_CA_BUNDLE": str(folder / "not-there.pem"),
        **dict.fromkeys(("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_DEFAULTS_MODE", "AWS_USE_FIPS_ENDPOINT"), "abc"),
        **dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "http_proxy", "ALL_PROXY"), nowhere),
    }
    said = Sweep(folder=folder)(
        "run", "--set", "lr=0.1,0.01", "--epochs", "1", "--name", "here", environment=environment
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert "2 SUCCEEDED" in said.stdout


@pytest.mark.slow
def test_a_run_ends_its_cloud_only_when_nothing_else_runs_in_it(folder: Path) -> None:
    sweep = Sweep(folder=folder)
    with sweep.popen(
        "run", "--set", "lr=0.1", "--epochs", "1", "--fixed", "sleep=2", "--name", "host", environment=ENVIRONMENT
    ) as run:
        eventually((folder / ".stepsweep" / "cloud.json").exists)
        (folder / ".stepsweep" / "data").mkdir()
        (folder / ".stepsweep" / "data" / "first").touch()
        started = sweep(
            "start",
            "--set",
            "lr=0.05",
            "--epochs",
            "1",
            "--fixed",
            "act=gate",
            "--name",
            "guest",
            environment=ENVIRONMENT,
        )
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
    """With stepsweep's own trainer, in a folder without a data set."""
    keep_template(tmp_path / ".stepsweep", {})
    sweep = Sweep(folder=tmp_path)
    words = ("--set", "lr=0.1,-1", "--epochs", "1", "--name", "mine")
    for command in ("run", "start"):
        ended = sweep(command, *words)
        assert ended.returncode == 2
        assert "Starting the embedded cloud" not in ended.stdout
        option, data = ended.stderr.splitlines()
        assert option == 'sweep: --lr: must be a finite number > 0, got "-1"'
        assert data.startswith("sweep: --dataset: mnist is not ready in ")
        assert f"--data-dir {tmp_path}/.stepsweep/data`" in data
    assert document(sweep("list", "--json")) == []
