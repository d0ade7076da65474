"""Attempts of jobs as processes: what a process is given, and the words in which it ends."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepsweep.local.attempts import Attempt, Ending, ProcessAttempts
from stepsweep.local.images import Image
from stepsweep.local.machine import Machine, Process
from stepsweep.local.preload import Preload
from stepsweep.local.share import Share

TELLS = """
import json, os, sys
print(json.dumps([sys.argv[1:], os.getcwd(), "colorsys" in sys.modules, dict(os.environ)]))
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    machine = Machine()
    yield machine
    machine.close()


def attempt(folder: Path, *, own: bool = False, secrets: dict[str, str] | None = None, **image: Any) -> Attempt:
    """Returns the second attempt of a job that a person submitted.

    Args:
        own: whether its submission has variables.
        image: what its image has beside a program that tells what it is given.
    """
    files = folder / "image"
    (files / "app").mkdir(parents=True, exist_ok=True)
    (files / "app" / "tells.py").write_text(TELLS)
    job = SimpleNamespace(
        job_id="job",
        job_definition=SimpleNamespace(container_properties={"jobRoleArn": "role"}),
        job_queue=SimpleNamespace(name="queue"),
        command=["--at", "/app/tells.py"],
        defined_environment={"A": "definition", "B": "definition", "C": "definition", "OMP_NUM_THREADS": "definition"},
        submitted_environment={"B": "submission", "C": "submission", "MKL_NUM_THREADS": "submission"},
        has_variables_of_its_own=own,
    )
    given = {
        "tag": "tag",
        "folder": files,
        "workdir": "/app",
        "entrypoint": ("python", "-m", "tells"),
        "command": ("--not", "this"),
        "environment": {"A": "image", "IMAGE": "/app/tells.py", "PATH": "/app:/bin"},
        "preload": Preload(modules=("colorsys",)),
    }
    share = Share(vcpus=2, gpus=("1", "3"), is_alone=True)
    named: Any = job
    return Attempt(
        job=named,
        number=2,
        image=Image(**{**given, **image}),
        share=share,
        secrets=secrets or {},
        log=folder / "log",
    )


def ran(machine: Machine, folder: Path, this: Attempt) -> Ending:
    (folder / "attempts").mkdir(exist_ok=True)
    attempts = ProcessAttempts(
        machine,
        environment=lambda role: {"PATH": os.environ["PATH"], "AWS_ROLE": role, "A": "around", "IMAGE": "around"},
        folders=folder / "attempts",
    )
    process = attempts.start(this)
    assert process.ended.wait(60)
    return attempts.ending(this, process)


def test_a_process_has_its_own_files_and_the_variables_of_those_that_may_say_more(
    machine: Machine, tmp_path: Path
) -> None:
    this = attempt(tmp_path, secrets={"C": "secret"})
    assert ran(machine, tmp_path, this) == Ending(
        status_reason="Essential container in task exited", container={"exitCode": 0}
    )
    root = tmp_path / "attempts" / "job-2"
    words, folder, _, seen = json.loads((tmp_path / "log").read_text())
    assert words == ["--at", f"{root}/app/tells.py"]
    assert folder == f"{root}/app"
    temporary = {seen.pop(name) for name in ("TMPDIR", "TMP", "TEMP")}
    assert len(temporary) == 1
    assert not Path(temporary.pop()).exists()
    assert seen == {
        "PATH": f"{root}/app:{os.environ['PATH']}",
        "HOME": f"{root}-home",
        "AWS_ROLE": "role",
        "A": "definition",
        "B": "submission",
        "C": "secret",
        "IMAGE": "around",
        "OMP_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "submission",
        "OPENBLAS_NUM_THREADS": "2",
        "VECLIB_MAXIMUM_THREADS": "2",
        "CUDA_VISIBLE_DEVICES": "1,3",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "AWS_BATCH_JOB_ID": "job",
        "AWS_BATCH_JOB_ATTEMPT": "2",
        "AWS_BATCH_JQ_NAME": "queue",
        **({"LC_CTYPE": seen["LC_CTYPE"]} if "LC_CTYPE" in seen else {}),  # of Python itself
    }
    assert not root.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="modules are forked on Linux only")
def test_what_a_module_may_read_when_it_is_imported_is_not_of_another_process(machine: Machine, tmp_path: Path) -> None:
    def is_fork(**options: Any) -> bool:
        ran(machine, tmp_path, attempt(tmp_path, **options))
        return bool(json.loads((tmp_path / "log").read_text().splitlines()[-1])[2])

    assert [is_fork(), is_fork(own=True), is_fork(secrets={"A": "secret"})] == [True, False, False]


def test_a_process_ends_in_the_words_of_batch(machine: Machine, tmp_path: Path) -> None:
    failed = attempt(tmp_path, entrypoint=("sh", "-c", "exit 3"))
    assert ran(machine, tmp_path, failed) == Ending(
        status_reason="Essential container in task exited", container={"exitCode": 3}
    )
    missing = attempt(tmp_path, entrypoint=("/app/missing",))
    said = 'unable to start container process: exec: "/app/missing": stat /app/missing: no such file or directory'
    assert ran(machine, tmp_path, missing) == Ending(
        status_reason="Task failed to start", container={"reason": f"CannotStartContainerError: {said}"}
    )
    attempts = ProcessAttempts(machine, environment=lambda _: {}, folders=tmp_path)
    assert attempts.ending(failed, Process("1", exit_code=1, is_lost=True)) == Ending(
        status_reason="Host EC2 (of the embedded cloud) terminated.", container={}
    )
