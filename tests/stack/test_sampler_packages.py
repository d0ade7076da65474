"""The layer of the function that asks a model: what it is made of, and when. That it can be made is for a deploy."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stepsweep.stack import sampler_packages
from stepsweep.stack.sampler_packages import COMMAND, FOLDER, LOCK, built, made_of
from tests.support.embedded import REPOSITORY


def test_the_command_that_a_deploy_runs_says_where_the_layer_is_and_no_more(tmp_path: Path) -> None:
    kept = tmp_path / f"{made_of()}.zip"
    kept.write_bytes(b"built before")
    ended = subprocess.run(
        [sys.executable, *COMMAND[1:]],
        cwd=REPOSITORY,
        env={FOLDER: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(ended.stdout.strip()) == kept
    assert ended.stderr == ""
    assert kept.read_bytes() == b"built before"


def test_what_cannot_be_fetched_leaves_nothing_that_a_later_deploy_would_take_for_the_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(subprocess.CalledProcessError):
        built(tmp_path / "layers")
    assert "No matching distribution found" in capfd.readouterr().err
    assert list((tmp_path / "layers").iterdir()) == []


def test_another_lock_file_is_another_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made_of()
    changed = tmp_path / "sampler.lock"
    changed.write_text(LOCK.read_text().replace("optuna==", "optuna==1."))
    monkeypatch.setattr(sampler_packages, "LOCK", changed)
    assert made_of() != before


def test_every_package_is_pinned_and_for_one_python_only() -> None:
    """A marker would be read by the Python that deploys, and not by the one on Lambda."""
    packages = [line for line in LOCK.read_text().splitlines() if not line.startswith("    --hash=sha256:")]
    assert len(packages) >= 8
    assert [line for line in packages if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+ \\", line)] == []
