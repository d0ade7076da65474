"""What a deployment includes can be read by the users that images and functions run as, whatever the person's umask."""

import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stepsweep.local.template import node_environment
from stepsweep.stack.packages import FUNCTION_FILES, staged
from stepsweep.trainer_files import contents, copy


def modes(folder: Path) -> dict[str, set[str]]:
    """Returns the modes of folders and files below a folder."""
    found: dict[str, set[str]] = {"folders": set(), "files": set()}
    for path in folder.rglob("*"):
        kind = "folders" if path.is_dir() else "files"
        found[kind].add(oct(stat.S_IMODE(path.stat().st_mode)))
    return found


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Sets a umask of 077, and returns a trainer's folder that was written under it."""
    before = os.umask(0o077)
    monkeypatch.setattr(os, "umask", os.umask)
    try:
        (tmp_path / "mine" / "data").mkdir(parents=True)
        (tmp_path / "mine" / "Dockerfile").write_text('FROM python:3.11-slim\nENTRYPOINT ["python", "train.py"]\n')
        (tmp_path / "mine" / "data" / "values.csv").write_text("1\n")
        (tmp_path / "mine" / "run.sh").touch(mode=0o700)
        copy(contents(tmp_path / "mine"), tmp_path / "copied")
        staged(FUNCTION_FILES, tmp_path / "staged")
    finally:
        os.umask(before)
    return tmp_path


def test_files_are_staged_with_normal_modes(private: Path) -> None:
    assert modes(private / "copied") == {"folders": {"0o755"}, "files": {"0o644", "0o755"}}
    assert os.access(private / "copied" / "run.sh", os.X_OK)
    assert modes(private / "staged") == {"folders": {"0o755"}, "files": {"0o644"}}


def test_the_assets_of_a_synthesis_have_normal_modes(private: Path) -> None:
    out = private / "cdk.out"
    context = {"image": None, "trainer": str(private / "mine")}
    environment = {**os.environ, **node_environment(), "CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)}
    script = "import os, runpy; os.umask(0o077); runpy.run_module('stepsweep.stack.app', run_name='__main__')"
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True)
    for asset in out.glob("asset.*"):
        if asset.is_dir():
            assert modes(asset)["folders"] <= {"0o755"}, asset
            assert modes(asset)["files"] <= {"0o644", "0o755"}, asset


def test_a_layer_can_be_read_by_its_function(private: Path) -> None:
    """`pip` writes files by the umask, and the ZIP keeps their modes."""
    code = private / "layer.py"
    code.write_text(
        "import os, pathlib, runpy, sys, subprocess\n"
        "os.umask(0o077)\n"
        "real = subprocess.run\n"
        "def run(argv, **rest):\n"
        "    folder = pathlib.Path(argv[argv.index('--target') + 1], 'optuna'); folder.mkdir(parents=True)\n"
        "    (folder / '__init__.py').write_text('')\n"
        "subprocess.run = run\n"
        "runpy.run_module('stepsweep.stack.sampler_packages', run_name='__main__')\n"
    )
    environment = {**os.environ, "STEPSWEEP_LAYERS": str(private / "layers")}
    ended = subprocess.run([sys.executable, str(code)], env=environment, check=True, capture_output=True, text=True)
    with zipfile.ZipFile(ended.stdout.strip()) as archive:
        for member in archive.infolist():
            mode = stat.S_IMODE(member.external_attr >> 16)
            assert mode & 0o044 == 0o044, member.filename
