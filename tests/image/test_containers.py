"""`--container`: jobs of the embedded cloud as containers of Docker or Podman."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepsweep.local.container_engine import CLOUD_LABEL, Engine
from tests.support import containers
from tests.support.command import Sweep
from tests.support.containers import BASE
from tests.support.embedded import REPOSITORY, SCRIPTED, Cloud, eventually, running_cloud
from tests.support.jobs import ended, printed, running, submitted
from tests.support.tiny import tiny_app

pytestmark = pytest.mark.timeout(1800)

ALLOCATES = "exec python3 -c 'print(len(bytearray(300 << 20)))'"
SMALL = {"resourceRequirements": [{"type": "MEMORY", "value": "128"}]}


@pytest.fixture(scope="module")
def cloud(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("containers")
    with pytest.MonkeyPatch.context() as shell:
        for name, value in {**engine.environment, "NOT_FOR_JOBS": "1"}.items():
            shell.setenv(name, value)
        app = tiny_app(folder / "app", base=BASE)
        with running_cloud(folder / "cloud", app=str(app), context={}, vcpus=4, container=True) as running_one:
            yield running_one


def is_up(cloud: Cloud) -> bool:
    """Whether a job of this cloud has printed that it is up."""
    return any("up" in log.read_text() for log in cloud.directory.glob("logs/*/*.log"))


def left(engine: Engine, directory: Path) -> list[str]:
    """Returns the containers of a cloud."""
    listed = [engine.program, "ps", "--all", "--quiet", "--filter", f"label={CLOUD_LABEL}={directory}"]
    return containers.run(listed, engine.environment).stdout.split()


def test_a_job_has_the_variables_of_the_image_of_the_definition_and_of_batch_alone(cloud: Cloud) -> None:
    job = ended(cloud, submitted(cloud, "env"))
    lines = printed(cloud, job).splitlines()
    seen = dict(line.split("=", 1) for line in lines if "=" in line)
    assert job["status"] == "SUCCEEDED"
    assert (seen["FROM"], seen["OMP_NUM_THREADS"], seen["AWS_BATCH_JOB_ID"]) == ("definition", "1", job["jobId"])
    assert seen["AWS_ENDPOINT_URL"] == cloud.environment["AWS_ENDPOINT_URL"]
    assert seen["HOME"] == "/root"
    assert not {"NOT_FOR_JOBS", "TMPDIR", "CONTAINERS_CONF", "VIRTUAL_ENV"} & seen.keys()


def test_its_exit_code_its_log_and_why_it_could_not_start_are_those_of_batch(cloud: Cloud, engine: Engine) -> None:
    jobs = [submitted(cloud, "echo said; exit 3"), submitted(cloud, ALLOCATES, overrides=SMALL)]
    wrong, large = (ended(cloud, job) for job in jobs)
    assert wrong["container"]["exitCode"] == 3
    assert large["container"]["exitCode"] == 137
    # Podman on control groups of the first version does not say why.
    said = large["container"].get("reason", "OutOfMemoryError: Container killed due to memory usage")
    assert said == "OutOfMemoryError: Container killed due to memory usage"
    assert printed(cloud, wrong).splitlines()[-1] == "said"
    assert wrong["attempts"][0]["statusReason"] == "Essential container in task exited"

    missing = ended(cloud, submitted(cloud, "no-such-program", image="registry.example.com/assets:empty"))
    (attempt,) = missing["attempts"]
    assert attempt["statusReason"] == "Task failed to start"
    assert attempt["container"]["reason"].startswith("CannotStartContainerError: ")
    assert "executable file not found" in attempt["container"]["reason"]
    assert left(engine, cloud.directory) == []


def test_a_job_that_is_terminated_gets_sigterm_first(cloud: Cloud) -> None:
    job = submitted(cloud, "trap 'echo asked; exit 75' TERM; echo up; while :; do sleep 0.2; done")
    running(cloud, job)
    eventually(lambda: is_up(cloud))
    cloud.client("batch").terminate_job(jobId=job, reason="enough")
    found = ended(cloud, job)
    assert (found["statusReason"], found["attempts"][0]["container"]["exitCode"]) == ("enough", 75)
    assert printed(cloud, found).splitlines()[-1] == "asked"


@pytest.mark.parametrize("ends", ["with its cloud", "when its cloud is killed"])
def test_a_container_that_ignores_sigterm_ends(ends: str, engine: Engine, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as shell:
        for name, value in engine.environment.items():
            shell.setenv(name, value)
        app = tiny_app(tmp_path / "app", base=BASE)
        with running_cloud(tmp_path / "cloud", app=str(app), context={}, vcpus=1, container=True) as cloud:
            job = submitted(cloud, "trap '' TERM; echo up; while :; do sleep 0.2; done")
            running(cloud, job)
            eventually(lambda: is_up(cloud))
            assert len(left(engine, cloud.directory)) == 1
            if ends == "when its cloud is killed":
                os.kill(cloud.process.pid, signal.SIGKILL)
    eventually(lambda: left(engine, tmp_path / "cloud") == [])


def test_a_sweep_runs_in_containers_and_goes_on_in_them(engine: Engine, tmp_path: Path) -> None:
    shutil.copytree(SCRIPTED, tmp_path / "mine")
    file = tmp_path / "mine" / "Dockerfile"
    file.write_text(file.read_text().replace("python:3.13-slim", BASE))
    sweep = Sweep(folder=tmp_path)
    trials = ["--set", "lr=0.1,0.2", "--epochs", "2", "--trainer", "mine", "--name", "mine"]
    started = sweep("start", *trials, "--container", environment=engine.environment)
    assert started.returncode == 0, started.stderr
    ended = sweep("watch", "mine", environment=engine.environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    eventually(lambda: not (tmp_path / ".stepsweep" / "cloud.json").exists())
    shown = sweep("show", "mine", "--json")
    assert shown.returncode == 0, shown.stderr
    assert [trial["params"] for trial in json.loads(shown.stdout)["trials"]] == [{"lr": 0.1}, {"lr": 0.2}]
    # Nobody asks for containers again, and nothing can run without an engine.
    crashed = sweep("resume", "mine", environment={**engine.environment, "PATH": "/nowhere"})
    assert crashed.returncode == 2, crashed.stdout + crashed.stderr
    assert crashed.stderr.splitlines()[-1].startswith(
        "sweep: --container: needs Docker or Podman; docker is not installed"
    )


def test_the_example_is_checked_and_trained_in_its_image(engine: Engine, tmp_path: Path) -> None:
    sweep = Sweep(folder=tmp_path)
    spec = str(REPOSITORY / "examples" / "digits.yaml")
    trainer = str(REPOSITORY / "examples" / "your-trainer")
    example = [spec, "--trainer", trainer, "--container", "--epochs", "1", "--set", "alpha=0.01"]
    refused = sweep("run", *example, "--set", "hiden=8", environment=engine.environment)
    assert refused.returncode == 2
    assert "sweep: unrecognized arguments: --hiden 8" in refused.stderr.splitlines()
    ran = sweep("run", *example, "--json", environment=engine.environment)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["outcomes"]["SUCCEEDED"] == 3
