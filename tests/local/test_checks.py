"""A trainer's own check of the trials, which its image's label names, before any of them starts."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from stepsweep.local.checks import CheckFailed, faults_of

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
