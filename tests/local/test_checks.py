"""A trainer's own check of the trials, which its image's label names, before any of them starts."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from stepsweep.local.checks import CheckFailed, faults_of
from stepsweep.local.images import Image
from stepsweep.local.preload import Preload
from stepsweep.local.programs import fault_of_program
from stepsweep.trainer_script import Script

COMMANDS = (("--lr", "0.1"), ("--lr", "0.2", "--out=/tmp/out"))
DOCKERFILE = """FROM x
WORKDIR /app
COPY . .
ENV FROM=image
ENTRYPOINT ["python", "train.py", "--python=/tmp/venv/bin/python"]
LABEL stepsweep.check="python check.py --all"
"""
CHECK = """import json, os, sys
commands = json.load(sys.stdin)
open("written", "w").close()
around = [os.environ[name] for name in ("FROM", "STEPSWEEP_DATA_DIR")]
print(json.dumps([sys.argv[1:], commands, os.path.isfile("train.py"), *around]))
"""


def checked(
    folder: Path, check: str, *, dockerfile: str = DOCKERFILE, container: bool = False, said: Sequence[str] = ()
) -> list[str]:
    """Returns what the check finds, after it has told what is said meanwhile."""
    trainer = folder / "trainer"
    trainer.mkdir(exist_ok=True)
    for name, text in {"Dockerfile": dockerfile, "train.py": "", "check.py": check}.items():
        (trainer / name).write_text(text)
    told: list[str] = []
    found = faults_of(folder / "cloud", COMMANDS, trainer=trainer, container=container, on_status=told.append)
    assert [line for line in told if "template" not in line] == [*said]
    return found


SHARED = (
    "Trials on this machine share /tmp/out (the command). If a trial writes there, another may read it, and the winner "
    "may be wrong: let the script write to its working folder, or to tempfile's."
)


def test_a_check_reads_all_trials_in_a_copy_of_the_images_files(tmp_path: Path) -> None:
    commands = [list(command) for command in COMMANDS]
    data = str(tmp_path / "cloud" / "data")
    for _ in range(2):
        assert checked(tmp_path, CHECK, said=[SHARED]) == [["--all"], commands, True, "image", data]
    assert [*(tmp_path / "cloud").rglob("written")] == []


@pytest.mark.parametrize(
    ("check", "why"),
    [
        ("import sys; sys.exit('one\\nnot that one')", "not that one"),
        ("raise SystemExit(3)", "exit code 3"),
    ],
)
def test_a_check_that_fails_says_why(tmp_path: Path, check: str, why: str) -> None:
    with pytest.raises(CheckFailed) as failed:
        checked(tmp_path, check)
    assert str(failed.value) == f"the trainer's check (python check.py --all) failed: {why}"


def test_an_image_that_could_not_run_is_not_checked(tmp_path: Path) -> None:
    (fault,) = checked(tmp_path, "raise SystemExit(3)", dockerfile=f"{DOCKERFILE}ENTRYPOINT run\n", said=[SHARED])
    assert fault.startswith("the trainer's Dockerfile: its ENTRYPOINT must be a JSON list")


def test_a_check_runs_in_a_container_where_trials_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    docker, asked = tmp_path / "bin" / "docker", tmp_path / "asked"
    docker.write_text(
        f"""#!/bin/sh
echo "$*" >>{asked}
if [ "$1" = run ]; then /bin/cat >{tmp_path}/stdin; echo '["of the container"]'; fi
"""
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert checked(tmp_path, "", container=True) == ["of the container"]
    assert json.loads((tmp_path / "stdin").read_text()) == [list(command) for command in COMMANDS]
    ran = asked.read_text().splitlines()[-1].split(" ")
    image = ran[7]
    assert image.startswith("stepsweep:")
    assert ran == [
        *("run", "--pull", "never", "--rm", "--interactive", "--entrypoint", "python"),
        *(image, "check.py", "--all"),
    ]
    assert f"image inspect {image}" in asked.read_text().splitlines()


def test_a_program_that_this_machine_cannot_start_is_refused_before_the_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, venv = tmp_path / "project", tmp_path / "venv" / "bin"
    for name in (project / "train.py", project / "run.sh", venv / "own"):
        name.parent.mkdir(parents=True, exist_ok=True)
        name.touch()
    (project / "run.sh").chmod(0o755)
    (venv / "own").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    no_bit = "run chmod +x ./train.py, or write its interpreter before it"
    for program, fault in {
        "pyton": "there is no program pyton in the PATH; did you mean python?",
        "./train.py": f"./train.py is not executable; {no_bit}",
        "./run.sh": "",
    }.items():
        trainer = starting(program, project).written(tmp_path / "scripts")
        found = faults_of(tmp_path / "cloud", COMMANDS, trainer=trainer, container=False, on_status=print)
        assert found == ([f"command: {fault}"] if fault else [])
    as_python = "write ./train.py, or its interpreter before it, such as python train.py"
    for program, fault in {
        "train.py": f"there is no program train.py in the PATH; {as_python}",
        "mine": "there is no program mine in the PATH; install it, or name one that is there",
        "./out.sh": "trials do not get ./out.sh, since .gitignore or .dockerignore has it; take it out there",
        "python": "",
        "{lr}": "",
        "own": "",
    }.items():
        script = replace(starting(program, project), python=str(venv / "python"))
        image = Image(
            tag="", folder=project, workdir="/", entrypoint=(), command=(), environment={},
            preload=Preload(modules=(), root="", path=()),
        )  # fmt: skip
        assert fault_of_program(script, image) == (f"command: {fault}" if fault else None)


def starting(program: str, project: Path) -> Script:
    return Script(folder=project, entrypoint=("stepsweep-trial", "--", program, "{args}"))
