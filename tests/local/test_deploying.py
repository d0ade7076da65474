"""Packages of functions, as they are uploaded into the embedded cloud."""

import io
import os
import shutil
import zipfile
from pathlib import Path

from stepsweep.local.deploying import zipped


def test_a_package_is_the_same_bytes_for_the_same_files(tmp_path: Path) -> None:
    files = {"b.py": "b", "a/deep/c.py": "c", "a/d.txt": "ü", "empty": ""}
    packages = []
    for number, names in enumerate((list(files), list(reversed(files)))):
        folder = tmp_path / str(number)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(files[name])
            os.utime(folder / name, (number * 1e9, number * 1e9))
        packages.append(zipped(folder))
    assert packages[0] == packages[1]
    with zipfile.ZipFile(io.BytesIO(packages[0])) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == files


def test_a_package_differs_when_a_file_or_its_name_does(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.py").write_text("a")
    package = zipped(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two" / "a.py").rename(tmp_path / "two" / "b.py")
    assert zipped(tmp_path / "two") != package
    (tmp_path / "one" / "a.py").write_text("b")
    assert zipped(tmp_path / "one") != package
