"""A sweep on this machine goes on with the trainer that it was started with."""

import json
import os
import resource
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from filelock import FileLock

from stepsweep.client.clouds import trainers
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.which_trainer import remember_trainer
from stepsweep.contract.errors import InvalidInput
from stepsweep.local.endpoint import Endpoint
from stepsweep.local.preparing import code_of
from tests.support.command import Sweep
from tests.support.embedded import SCRIPTED


@pytest.mark.slow
def test_a_sweep_that_is_resumed_takes_the_trainer_that_it_was_started_with(sweep: Sweep) -> None:
    trainer = sweep.folder / "mine"
    shutil.copytree(SCRIPTED, trainer)
    asked = ("--set", "lr=0.1,0.2", "--epochs", "1", "--name", "first")
    planned = ("plan", *asked, "--trainer", "mine")
    assert "Time and cost are unknown" in sweep(*planned).stdout
    calibrated = sweep(*planned, "--calibrate")
    assert calibrated.returncode == 0, calibrated.stderr
    assert "Training one trial for one epoch" in calibrated.stderr
    assert ", as in 1 finished trial of this trainer on this machine.\n" in calibrated.stdout
    first = json.loads(sweep("run", *asked, "--trainer", "mine", "--json").stdout)
    # One epoch is a whole trial here, so the one that was measured is not trained again.
    assert json.loads(sweep(*planned, "--json").stdout)["measured_on"].startswith("2 finished trials ")

    with (trainer / "scripted.py").open("a") as script:
        script.write("# another version\n")
    assert "Time and cost are unknown" in sweep(*planned).stdout
    changed = sweep("resume", "first")
    assert changed.returncode == 2
    assert 'the trainer "mine" has changed since the sweep "first" was planned' in changed.stderr
    assert "The trainer has changed (scripted.py): 2 finished trials do not count." in changed.stdout
    assert "List files that trials do not need in .dockerignore." in changed.stdout
    kept = sweep("resume", "first", "--keep-results", "--json")
    assert kept.returncode == 0, kept.stderr
    assert "Keeping 2 finished trials of the trainer before its change" in kept.stderr
    assert "nothing left to run" in kept.stderr
    assert json.loads(kept.stdout)["winner"]["value"] == first["winner"]["value"]
    with (trainer / "scripted.py").open("a") as script:
        script.write("# a third version\n")

    trainer.rename(sweep.folder / "moved")
    gone = sweep("resume", "first")
    assert gone.returncode == 2
    assert gone.stderr.splitlines()[-1].startswith("sweep: --trainer: the trainer of the sweep first, ")

    accepted = sweep("resume", "first", "--trainer", "moved", "--accept-trainer")
    assert accepted.returncode == 0, accepted.stderr
    assert "2 planned." in accepted.stdout

    assert sweep("rm", "first-calibration", "--yes").returncode == 0
    assert sweep("rm", "first", "--yes").returncode == 0
    assert list((sweep.folder / ".stepsweep" / "trainers").iterdir()) == []


@pytest.mark.parametrize(
    ("trainer", "code", "said"),
    [
        ("", "old", "stepsweep's own trainer"),
        ("elsewhere", "old", "elsewhere"),
        (str(SCRIPTED), "old", f"an earlier version of {SCRIPTED}, which has changed since"),
    ],
)
def test_a_cloud_that_is_up_never_trains_another_trainer_than_the_command_names(
    tmp_path: Path, trainer: str, code: str, said: str
) -> None:
    up = Endpoint(
        url="http://127.0.0.1:9", region="us-east-1", access_key_id="key", secret_access_key="secret",  # noqa: S106
        pid=os.getpid(), assembly="", trainer=trainer, code=code, job_vcpus=1, container=False,
        ends_when_idle=False, started_here=False,
    )  # fmt: skip
    known = {name: value for name, value in asdict(up).items() if name != "started_here"}
    (tmp_path / "cloud.json").write_text(json.dumps(known))
    cloud = Cloud(
        on="local", directory=tmp_path, trainer=SCRIPTED, job_vcpus=2, container=True, profile=None, region=None,
        stack=None,
    )  # fmt: skip
    with FileLock(tmp_path / "cloud.lock"), pytest.raises(InvalidInput) as refused:
        cloud.kept_up(print)
    up_with = f"the cloud in {tmp_path} is up with {{}}; end its `sweep serve`, or use another --dir"
    assert refused.value.faults == (
        f"--trainer: {up_with.format(said)}",
        f"--job-vcpus: {up_with.format('1 a job')}",
        f"--container: {up_with.format('trials as processes')}",
    )


@pytest.mark.parametrize(
    ("ends_when_idle", "remedy"), [(False, "end its `sweep serve`"), (True, "wait until its sweeps have ended")]
)
def test_an_own_script_is_not_checked_by_the_trainer_of_a_cloud_that_cannot_run_it(
    sweep: Sweep, ends_when_idle: bool, remedy: str
) -> None:
    directory = sweep.folder / ".stepsweep"
    directory.mkdir()
    up = {
        "url": "http://127.0.0.1:9", "region": "us-east-1", "access_key_id": "key", "secret_access_key": "secret",
        "pid": os.getpid(), "assembly": "", "trainer": "", "code": "", "job_vcpus": 1, "container": False,
        "ends_when_idle": ends_when_idle,
    }  # fmt: skip
    (directory / "cloud.json").write_text(json.dumps(up))
    (sweep.folder / "train.py").write_text("print('val_accuracy=0.5')\n")
    (sweep.folder / "sweep.yaml").write_text("command: python train.py\nparameters: {depth: [1, 2]}\nepochs: 1\n")
    with FileLock(directory / "cloud.lock"):
        refused = sweep("run")
    why = "the cloud in .stepsweep is up with stepsweep's own trainer"
    assert refused.returncode == 2
    assert refused.stderr == f"Taking sweep.yaml.\nsweep: command: {why}; {remedy}, or use another --dir\n"


def test_what_has_changed_since_the_cloud_came_up_is_named(tmp_path: Path) -> None:
    trainer = tmp_path / "mine"
    trainer.mkdir()
    (trainer / "Dockerfile").write_text('FROM python\nCOPY . .\nENTRYPOINT ["python", "train.py"]\n')
    (trainer / "train.py").write_text("lr = 1\n")
    cloud = Cloud(
        on="local", directory=tmp_path, trainer=trainer, job_vcpus=None, profile=None, region=None, stack=None
    )
    remember_trainer(cloud, "first")
    endpoint = Endpoint(
        url="http://127.0.0.1:9", region="us-east-1", access_key_id="key", secret_access_key="secret",  # noqa: S106
        pid=os.getpid(), assembly="", trainer=str(trainer), code="old", job_vcpus=1, container=False,
        ends_when_idle=False, started_here=False,
    )  # fmt: skip
    for name in ("out.txt", "train.py"):
        (trainer / name).write_text("lr = 2\n")
    with pytest.raises(InvalidInput, match=r"which has changed since \(out\.txt, train\.py\); end its"):
        cloud.check_it_is_as_asked(endpoint)


def test_the_code_of_a_trainer_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nCOPY . .\n")
    (tmp_path / "train.py").write_text("lr = 1\n")
    before = code_of(tmp_path)
    assert code_of(tmp_path) == before != code_of(None)
    (tmp_path / "train.py").write_text("lr = 2\n")
    assert code_of(tmp_path) != before


def test_a_full_disk_does_not_make_a_sweep_forget_its_trainer(tmp_path: Path) -> None:
    trainers.remember(tmp_path, "first", SCRIPTED, container=False)
    had = trainers.remembered(tmp_path, "first")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            trainers.remember(tmp_path, "first", SCRIPTED, container=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert had is not None
    assert trainers.remembered(tmp_path, "first") == had
