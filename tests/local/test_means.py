"""What a trial is given beside its options: a script prints it, in a sweep on this machine."""

import hashlib
import json
import os
import signal
from pathlib import Path

import pytest

from stepsweep.local.cloud import default_vcpus
from stepsweep.local.joining import is_up
from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY, eventually, keep_template

TELLS = REPOSITORY / "tests" / "trainers" / "tells"
ASKED = ("--set", "lr=0.1", "--epochs", "1", "--trainer", str(TELLS))


def told(folder: Path, *, act: str = "tell") -> tuple[str, ...]:
    """Returns `ASKED`, in a folder that has the trainer's template already: to synthesize it takes seconds.

    Args:
        act: what the trainer does beside that it tells what it is given.
    """
    keep_template(folder / ".stepsweep", {"trainer": str(TELLS)})
    return ASKED if act == "tell" else (*ASKED, "--fixed", f"act={act}")


def seen(folder: Path) -> dict[str, str]:
    """Returns the environment that the script printed."""
    (log,) = (folder / ".stepsweep" / "logs").rglob("*.log")
    (line,) = (line for line in log.read_text().splitlines() if line.startswith("seen "))
    found: dict[str, str] = json.loads(line.removeprefix("seen "))
    return found


def test_a_trial_sees_the_variables_of_the_spec_and_of_the_shell_where_they_are_named(sweep: Sweep) -> None:
    asked = told(sweep.folder)
    (sweep.folder / "spec.yaml").write_text("environment: {OMP_NUM_THREADS: 3, BOTH: spec, A: file}\n")
    shell = {"FROM_SHELL": "shell's own = value", "NOT_NAMED": "x"}
    ran = sweep(
        "run", "spec.yaml", *asked, "--env", "A=option", "--env", "FROM_SHELL", "--name", "mine", environment=shell
    )
    assert ran.returncode == 0, ran.stderr
    found = seen(sweep.folder)
    wanted = {"OMP_NUM_THREADS": "3", "BOTH": "spec", "FROM_IMAGE": "image", "A": "option"}
    assert {name: found[name] for name in wanted} == wanted
    assert found["FROM_SHELL"] == "shell's own = value"
    assert "NOT_NAMED" not in found
    # By the job definition, as on AWS.
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-east-1"


def test_all_faults_are_said_before_anything_starts(sweep: Sweep) -> None:
    wrong = sweep("run", *ASKED, "--env", "WANDB_API_KEY", "--env", "A B=1", environment={"WANDB_API_KEY": "s3cr3t"})
    assert wrong.returncode == 2
    assert [line.split(";")[0].split(",")[0] for line in wrong.stderr.splitlines()] == [
        "sweep: environment.WANDB_API_KEY: looks like a secret",
        'sweep: environment: "A B" is not a name of a variable',
    ]
    assert "s3cr3t" not in wrong.stderr
    assert not (sweep.folder / ".stepsweep").exists()


def said(folder: Path) -> str:
    """Returns what trials printed."""
    return "".join(log.read_text() for log in (folder / ".stepsweep" / "logs").rglob("*.log"))


@pytest.mark.parametrize("command", [pytest.param("run", marks=pytest.mark.slow), "start"])
def test_a_secret_of_the_shell_reaches_the_trial_and_is_written_nowhere(sweep: Sweep, command: str) -> None:
    asked = told(sweep.folder)
    secret = "s3cr3t-of-the-shell"  # noqa: S105  nobody's
    shell = {"WANDB_API_KEY": secret, "HF_TOKEN": "another"}
    ran = sweep(command, *asked, "--secret", "WANDB_API_KEY", "--name", "mine", environment=shell)
    assert ran.returncode == 0, ran.stderr
    if command == "start":
        assert sweep("watch", "mine").returncode == 0
    assert f"secret {hashlib.sha256(secret.encode()).hexdigest()}" in said(sweep.folder)
    assert "HF_TOKEN" not in said(sweep.folder)
    eventually(lambda: not is_up(sweep.folder / ".stepsweep"))
    files = [file for file in sweep.folder.rglob("*") if file.is_file()]
    assert [file for file in files if secret.encode() in file.read_bytes()] == []
    assert secret not in ran.stdout + ran.stderr

    missing = sweep("resume", "mine")
    assert missing.returncode == 2
    assert (
        missing.stderr.splitlines()[-1]
        == "sweep: secrets.WANDB_API_KEY: the shell has no such variable; export it first"
    )


@pytest.mark.slow
def test_a_cloud_that_is_up_already_is_given_the_latest_value(sweep: Sweep) -> None:
    asked = told(sweep.folder)
    with sweep.popen("serve", "--trainer", str(TELLS), "--json") as serving:
        assert serving.stdout is not None
        serving.stdout.readline()
        for name, value in (("one", "first"), ("two", "second")):
            words = (*asked, "--secret", "WANDB_API_KEY", "--name", name, "--fresh")
            ran = sweep("run", *words, environment={"WANDB_API_KEY": value})
            assert ran.returncode == 0, ran.stderr
            assert hashlib.sha256(value.encode()).hexdigest() in said(sweep.folder)
        serving.send_signal(signal.SIGTERM)


@pytest.mark.slow
def test_another_environment_is_another_trial_and_under_the_same_name_another_sweep(sweep: Sweep) -> None:
    asked = told(sweep.folder)
    plain, one, again, other = (
        sweep("run", *asked, "--name", name, *env, "--json")
        for name, env in (
            ("plain", ()),
            ("one", ("--env", "A=1")),
            ("again", ("--env", "A=1")),
            ("one", ("--env", "A=2")),
        )
    )
    ids = [json.loads(ran.stdout)["winner"]["trial_id"] for ran in (plain, one, again)]
    assert ids[0] != ids[1] == ids[2]
    assert other.returncode == 2
    assert 'asked for something else (its field environment was {"A": "1"})' in other.stderr


@pytest.mark.slow
@pytest.mark.skipif(default_vcpus() < 2, reason="two trials have to run at once")
def test_gpus_are_handed_out_one_a_trial_by_index(sweep: Sweep) -> None:
    asked = told(sweep.folder, act="meet")
    (sweep.folder / "bin").mkdir()
    program = sweep.folder / "bin" / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n3\\n'\n")
    program.chmod(0o755)
    shell = {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    ran = sweep("run", "--set", "lr=1,2,3,4", *asked[2:], environment=shell)
    assert ran.returncode == 0, ran.stderr + said(sweep.folder)
    given = [line for line in said(sweep.folder).splitlines() if line.startswith("gpu ")]
    assert len(given) == 4
    assert set(given) == {"gpu 0", "gpu 3"}


@pytest.mark.parametrize(
    ("shell", "options", "given"),
    [
        pytest.param({"CUDA_VISIBLE_DEVICES": "2"}, (), "2", marks=pytest.mark.slow),
        pytest.param({"CUDA_VISIBLE_DEVICES": "GPU-1,GPU-2"}, (), "GPU-1", marks=pytest.mark.slow),
        pytest.param({"CUDA_VISIBLE_DEVICES": ""}, (), "", marks=pytest.mark.slow),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, ("--env", "CUDA_VISIBLE_DEVICES=0,1"), "0,1"),
    ],
)
def test_the_shell_says_which_gpus_there_are_and_the_spec_may_say_who_gets_which(
    sweep: Sweep, shell: dict[str, str], options: tuple[str, ...], given: str
) -> None:
    ran = sweep("run", *told(sweep.folder), *options, environment=shell)
    assert ran.returncode == 0, ran.stderr
    assert seen(sweep.folder)["CUDA_VISIBLE_DEVICES"] == given


@pytest.mark.slow
def test_a_trial_that_uses_more_memory_than_it_has_is_killed_with_all_it_started(sweep: Sweep) -> None:
    asked = told(sweep.folder, act="grow")
    (sweep.folder / "spec.yaml").write_text("resources: {memory_mib: 200}\n")
    ran = sweep("run", "spec.yaml", *asked)
    assert ran.returncode == 1
    assert "OutOfMemoryError: Container killed due to memory usage (killed at its 200 MiB)" in ran.stderr


@pytest.mark.slow
def test_a_trial_that_was_told_to_end_is_tried_again_as_often_as_the_spec_says(sweep: Sweep) -> None:
    asked = told(sweep.folder, act="leave")
    (sweep.folder / "spec.yaml").write_text("retries: 1\ntimeout_minutes: 3\n")
    ran = sweep("run", "spec.yaml", *asked)
    assert ran.returncode == 1
    assert "exit code 75, attempt 2" in ran.stderr
    again = sweep("run", *asked)
    assert "exit code 75, attempt 5" in again.stderr


def test_what_no_job_has_is_refused_before_anything_starts(sweep: Sweep) -> None:
    asked = told(sweep.folder)
    (sweep.folder / "spec.yaml").write_text("resources: {vcpus: 65, memory: 1}\n")
    wrong = sweep("run", "spec.yaml", *asked)
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines() == [
        "sweep: unknown field `resources.memory`; did you mean `resources.memory_mib`?",
    ]
    (sweep.folder / "spec.yaml").write_text("resources: {vcpus: 65}\n")
    wrong = sweep("run", "spec.yaml", *asked)
    assert wrong.returncode == 2
    assert "resources.vcpus: 65, and all jobs of the stack together have 64" in wrong.stderr
