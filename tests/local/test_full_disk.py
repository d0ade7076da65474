"""A state folder on a disk that is full: a real one, of a few megabytes."""

import contextlib
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepsweep.bucket.disk import told
from stepsweep.bucket.folder import UNFINISHED, files_below
from stepsweep.local.cloud import _log_to
from stepsweep.local.machine import Machine
from stepsweep.local.template import SynthFailed, synthesized
from tests.support.command import Sweep
from tests.support.embedded import SCRIPTED, keep_template
from tests.support.one_job import ended_job

MEGABYTES = 40
"""What a sweep of two trials leaves takes half of them."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The folder of a small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = (shutil.which(name) or name for name in ("mount", "umount"))
    size = f"size={MEGABYTES}m"
    try:
        subprocess.run([mount, "-t", "tmpfs", "-o", size, "none", str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this user cannot mount a disk: {error}")
    yield folder
    subprocess.run([umount, "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def filled(disk: Path, *, but: int) -> Iterator[None]:
    """Fills the disk up to some bytes while the context lasts."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - but)
    yield
    ballast.unlink()


def unfinished(disk: Path) -> list[Path]:
    return [Path(folder, name) for folder, _, names in os.walk(disk) for name in names if name.startswith(UNFINISHED)]


@pytest.mark.slow
def test_a_full_disk_is_named_and_the_next_start_leaves_nothing_unfinished(disk: Path) -> None:
    keep_template(disk / "state", {"trainer": str(SCRIPTED)})
    sweep, words = Sweep(folder=disk), ("--set", "lr=0.1,0.2", "--epochs", "1", "--name", "mine", "--dir", "state")
    with filled(disk, but=40_000):
        full = sweep("run", *words, "--trainer", str(SCRIPTED))
    assert full.returncode == 1
    assert f"free on the disk at {disk}" in full.stderr + full.stdout
    assert "Traceback" not in full.stderr
    left = disk / "state" / "s3" / "bucket" / f"{UNFINISHED}1"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_text("half of an obj")  # of a process that was killed
    again = sweep("run", *words, "--trainer", str(SCRIPTED))
    assert (again.returncode, "Winner   --lr 0.1" in again.stdout) == (0, True), again.stderr
    assert unfinished(disk) == []
    assert list(files_below(disk / "state" / "s3" / "bucket")) == []


def test_a_job_whose_files_have_no_room_says_which_disk_is_full(disk: Path, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.mkdir()
    for number in range(9):
        (image / f"{number}.bin").write_bytes(bytes(50_000))
    machine = Machine()
    try:
        with filled(disk, but=100_000):
            process = machine.start(
                ["true"], cwd=disk / "copy", env={}, output=tmp_path / "log", copy_of=image, copy=disk / "copy"
            )
            assert process.ended.wait(60)
    finally:
        machine.close()
    assert process.exit_code is None
    assert re.fullmatch(
        rf"{disk}/copy/\d\.bin: No space left on device: \d\.\d MB are free on the disk at {disk}", process.error
    )
    assert not (disk / "copy").exists()


@pytest.mark.parametrize("container", [{"exitCode": 1}, {"exitCode": 0}, {"exitCode": 137, "reason": "killed"}])
def test_a_job_that_fails_while_the_disk_is_full_says_which(disk: Path, container: dict[str, Any]) -> None:
    assert ended_job(disk, container, meanwhile=lambda: None).attempts[0]["container"].get("reason") == container.get(
        "reason"
    )
    with filled(disk, but=100_000):
        job = ended_job(disk, container, meanwhile=lambda: None)
    said = job.attempts[0]["container"].get("reason")
    if container == {"exitCode": 1}:
        assert re.fullmatch(rf"the disk is full: 0\.\d MB are free on the disk at {disk}", said)
    else:
        assert said == container.get("reason")


@pytest.mark.parametrize("cache", ["on this disk", "elsewhere"])
def test_a_template_that_has_no_room_is_one_line(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str((disk if cache == "on this disk" else tmp_path) / "cache"))
    app = disk / "stack" / "app.py"
    app.parent.mkdir()
    app.write_text(
        "import os, pathlib\npathlib.Path(os.environ['CDK_OUTDIR'], 'asset').write_bytes(bytes(1_000_000))\n"
    )
    with filled(disk, but=100_000), pytest.raises(SynthFailed) as failed:
        synthesized(disk / "templates", app=app)
    (line,) = str(failed.value).splitlines()
    assert re.fullmatch(
        rf"the stack could not be synthesized: .*No space left on device: 0\.\d MB are free on the disk at {disk}", line
    )
    assert list((disk / "templates").iterdir()) == []


def test_other_errors_name_no_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory") as error:
        (tmp_path / "missing" / "file").read_bytes()
    assert told(error.value, tmp_path) == f"{tmp_path}/missing/file: No such file or directory"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a file on a disk that is always full")
def test_what_the_log_of_the_cloud_has_no_room_for_is_not_shown_to_a_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("moto", "werkzeug"):
        for field in ("handlers", "propagate", "level"):  # which are as before after the test
            logger = logging.getLogger(name)
            monkeypatch.setattr(logger, field, getattr(logger, field))
    _log_to(Path("/dev/full"))
    (handler,) = logging.getLogger("moto").handlers
    logging.getLogger("moto").warning("with %s", "arguments")
    with contextlib.suppress(OSError):
        handler.close()
    assert capsys.readouterr().err == ""
