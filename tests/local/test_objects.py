"""The files of objects, and their keys."""

import os
import resource
import stat
from pathlib import Path

import pytest

from stepsweep.bucket.folder import UNFINISHED, files_below, key_of, path_of, remove_unfinished, write_whole
from stepsweep.bucket.stores import FolderStore


@pytest.mark.parametrize("key", ["a", "a/b.csv", "a//b", ".hidden/..", "a b+ü%/%41", "/a/"])
def test_a_key_comes_back_from_its_file(tmp_path: Path, key: str) -> None:
    file = path_of(tmp_path, "bucket", key)
    assert file.is_relative_to(tmp_path / "bucket")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    (found,) = files_below(tmp_path / "bucket")
    assert key_of(found, tmp_path / "bucket") == key


def test_what_is_being_written_is_no_object_yet(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    (tmp_path / f"{UNFINISHED}1").touch()
    assert [file.name for file in files_below(tmp_path)] == ["there"]


def test_a_folder_that_is_not_there_has_no_objects(tmp_path: Path) -> None:
    assert [*files_below(tmp_path / "nothing")] == []


def test_a_folder_that_goes_meanwhile_has_no_more(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "object").touch()
    found = files_below(tmp_path)
    first = Path(next(found))
    other = tmp_path / ({"a", "b"} - {first.parent.name}).pop()
    (other / "object").unlink()
    other.rmdir()
    assert [*found] == []


def test_a_folder_without_an_object_is_none(tmp_path: Path) -> None:
    """`sweep rm` of a sweep deletes its objects; a suggestion of similar names would name it still."""
    (tmp_path / "bucket" / "sweeps" / "removed" / "round-0").mkdir(parents=True)
    (tmp_path / "bucket" / "sweeps" / "kept" / "round-0").mkdir(parents=True)
    (tmp_path / "bucket" / "sweeps" / "kept" / "round-0" / "plan.json").write_text("{}")
    assert FolderStore(tmp_path / "bucket").folders("sweeps/") == ["kept"]


@pytest.mark.parametrize("lasting", [True, False])
def test_a_full_disk_is_named_with_the_file_and_leaves_nothing(tmp_path: Path, lasting: bool) -> None:
    file = tmp_path / "new" / "below" / "object"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match=f"File too large: '{file}'"):
            write_whole(file, b"bytes", lasting=lasting)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []
    write_whole(file, b"bytes", lasting=lasting)
    assert file.read_bytes() == b"bytes"


def test_what_was_being_written_when_a_cloud_was_killed_goes(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "there", b"", lasting=False)
    (tmp_path / "a" / f"{UNFINISHED}1").touch()
    remove_unfinished(tmp_path)
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["there"]


@pytest.mark.parametrize("lasting", [True, False])
def test_a_power_cut_takes_back_nothing_that_is_said_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasting: bool
) -> None:
    """The disk has the bytes before the file has its name, and the name of it and of new folders before the end."""
    (tmp_path / "there").mkdir()
    file = tmp_path / "there" / "new" / "newer" / "results.json"
    on_disk: list[str] = []
    named: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            on_disk.extend(folder.name for folder in file.parents if os.path.samestat(found, folder.stat()))
        else:
            on_disk.append(f"{found.st_size} bytes")

    def renamed(self: Path, target: Path) -> Path:
        named.extend(on_disk)
        on_disk.clear()
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write_whole(file, b"whole", lasting=lasting)
    assert file.read_bytes() == b"whole"
    assert named == (["5 bytes"] if lasting else [])
    assert sorted(on_disk) == (["new", "newer", "there"] if lasting else [])
