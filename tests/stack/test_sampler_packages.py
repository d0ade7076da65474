"""The layer of the function that asks a model: what it is made of, and when. A deploy fetches its real packages."""

import os
import re
import runpy
import stat
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from stepsweep.stack import packages, sampler_packages
from stepsweep.stack.sampler_packages import COMMAND, FOLDER, LOCK, built, made_of
from tests.support.embedded import REPOSITORY


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Offers pip one wheel for Lambda's machines, and no registry; returns the lock file that names it.

    The wheel needs another package, and a Python that nobody has, as one may say that is newer than the lock file.
    """
    info, tag = "thing-1.0.dist-info", "cp314-cp314-manylinux_2_28_aarch64"
    wheel = tmp_path / "offered" / f"thing-1.0-{tag}.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("thing.py", "")
        metadata = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nRequires-Python: >=3.99\nRequires-Dist: other\n"
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    lock = tmp_path / "package" / "statemachine" / "sampler.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text(f"thing==1.0 \\\n    --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n")
    monkeypatch.setattr(packages, "PACKAGE", lock.parents[1])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return lock


def test_a_layer_has_the_locked_packages_for_lambdas_machines_and_its_function_can_read_it(
    offered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """pip writes files by the umask, and the ZIP keeps their modes."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "new" / "layers"))
    monkeypatch.delitem(sys.modules, sampler_packages.__name__)
    before = os.umask(0o077)
    try:
        made = runpy.run_module(sampler_packages.__name__, run_name="__main__")
    finally:
        os.umask(before)
    out, err = capfd.readouterr()
    layer = Path(out.strip())
    assert layer == tmp_path / "new" / "layers" / f"{made['made_of']()}.zip"
    assert [*layer.parent.iterdir()] == [layer]
    assert err == "Fetching the packages of sampler.lock …\n"
    with zipfile.ZipFile(layer) as archive:
        files = {member.filename: member for member in archive.infolist() if not member.is_dir()}
        assert all(stat.S_IMODE(member.external_attr >> 16) & 0o044 == 0o044 for member in archive.infolist())
    info = {f"python/thing-1.0.dist-info/{name}" for name in ("INSTALLER", "METADATA", "RECORD", "REQUESTED", "WHEEL")}
    assert files.keys() == {"python/thing.py", *info}


def test_a_layer_that_lambda_would_not_take_is_an_error_with_both_sizes(
    offered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampler_packages, "LOCK", offered)
    monkeypatch.setattr(sampler_packages, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match=r"^the layer has \d{3} bytes, more than the 100 that Lambda takes$"):
        built(tmp_path / "layers")
    assert [*(tmp_path / "layers").iterdir()] == []


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
    pins = [line for line in LOCK.read_text().splitlines() if not line.startswith("    --hash=sha256:")]
    assert len(pins) >= 8
    assert [line for line in pins if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+ \\", line)] == []
