"""What somebody has put among the objects of a bucket, and what is no object: nobody waits for it, follows it, or runs
out of memory."""

import json
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stepsweep.bucket.s3 import MAX_DOCUMENT_BYTES
from stepsweep.bucket.stores import FolderStore
from stepsweep.client.archive.entries import entries_of
from stepsweep.client.archive.recorded import Archive
from stepsweep.contract.errors import InvalidDocument
from tests.support.command import Sweep
from tests.support.recorded import RecordedCloud
from tests.support.specs import as_number

ONLY_A_LINK = "is a link; objects are files below the bucket's own folder"


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedCloud:
    """Two finished sweeps. What is beside the cloud's folder is somebody else's."""
    cloud = RecordedCloud(directory=tmp_path / "cloud")
    for name, lr in (("good", 0.1), ("bad", 0.2)):
        for trial in cloud.planned(name, {"lr": [lr]}):
            cloud.succeeded(name, trial, {"val_accuracy": [as_number(trial.params["lr"])] * 3})
        cloud.reduced(name)
    return cloud


def bound(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as there, pytest.MonkeyPatch.context() as context:
        context.chdir(file.parent)  # a socket's path is short
        there.bind(file.name)


def linked_out(file: Path) -> None:
    outside = file.parents[4] / "outside.json"
    outside.write_text('{"secret": 1}')
    file.symlink_to(outside)


def huge(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(10 * 2**30)  # without a block on the disk


@pytest.mark.parametrize("name", ["spec.json", "latest.json", "winner.json"])
@pytest.mark.parametrize(
    ("put", "fault"),
    [
        (os.mkfifo, "is a pipe, a socket or a device, and no file"),
        (bound, "is a pipe, a socket or a device, and no file"),
        (lambda file: file.symlink_to("/dev/zero"), ONLY_A_LINK),
        (linked_out, ONLY_A_LINK),
        (lambda file: file.symlink_to(file), ONLY_A_LINK),
        (huge, f"is larger than {MAX_DOCUMENT_BYTES // 2**20} MiB, and nothing here writes that"),
    ],
    ids=["pipe", "socket", "device", "link-out", "link-to-itself", "10-GiB"],
)
def test_what_is_no_object_is_named_and_the_other_sweeps_are_there(
    recorded: RecordedCloud, put: Callable[[Path], None], fault: str, name: str
) -> None:
    (folder,) = recorded.directory.glob("s3/*")
    file = folder / "sweeps" / "bad" / name
    file.unlink()
    put(file)
    archive = Archive(FolderStore(folder), objects=folder)
    listed = {entry.sweep: entry for entry in entries_of(archive, [])}
    assert listed["good"].value == 0.1
    assert listed["bad"].status == "UNREADABLE"
    assert f"sweeps/bad/{name}: {fault}" in listed["bad"].fault
    with pytest.raises(InvalidDocument, match=f"sweeps/bad/{name}: "):
        archive.standing("bad", [])


def test_a_folder_that_is_a_link_is_not_followed(recorded: RecordedCloud, tmp_path: Path) -> None:
    (folder,) = recorded.directory.glob("s3/*")
    outside = tmp_path / "elsewhere"
    (folder / "sweeps" / "bad").rename(outside)
    (folder / "sweeps" / "bad").symlink_to(outside)
    for name in ("a", "b"):  # two ways around: 2^40 paths to whoever follows them
        (folder / "sweeps" / "good" / name).symlink_to(folder / "sweeps")
    archive = Archive(FolderStore(folder), objects=folder)
    listed = {entry.sweep: entry for entry in entries_of(archive, [])}
    assert (listed["good"].value, listed["bad"].status) == (0.1, "UNREADABLE")
    assert "sweeps/bad/spec.json: its folder is a link" in listed["bad"].fault


def test_what_may_not_be_read_is_named(recorded: RecordedCloud, sweep: Sweep) -> None:
    (folder,) = recorded.directory.glob("s3/*")
    by = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all") if os.geteuid() == 0 else ()
    reader, where = replace(sweep, by=by), ("--dir", str(recorded.directory), "--json")
    for place in (folder / "sweeps" / "bad" / "spec.json", folder / "sweeps" / "bad"):
        place.chmod(0)
    try:
        ended = reader("list", *where)
        listed = {entry["sweep"]: entry for entry in json.loads(ended.stdout)}
        assert (listed["good"]["value"], listed["bad"]["status"]) == (0.1, "UNREADABLE")
        assert "cannot be read: Permission denied" in listed["bad"]["fault"]
        shown = reader("show", "bad", *where)
        assert (shown.returncode, shown.stdout, shown.stderr.count("\n")) == (1, "", 1)
    finally:
        (folder / "sweeps" / "bad").chmod(0o755)


def test_metrics_that_are_a_pipe_are_named_by_whatever_shows_the_sweep(recorded: RecordedCloud, sweep: Sweep) -> None:
    (folder,) = recorded.directory.glob("s3/*")
    (trial,) = recorded.planned("bad", {"lr": [0.2]})
    file = folder / trial.metrics_key
    file.unlink()
    os.mkfifo(file)
    for words in (("show", "bad"), ("report", "bad"), ("export", "bad", "--tensorboard", "out")):
        ended = sweep(*words, "--dir", str(recorded.directory))
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), (words, ended)
        assert f"{trial.metrics_key}: is a pipe" in ended.stderr


def test_an_artifact_that_is_a_link_is_not_downloaded(recorded: RecordedCloud, sweep: Sweep, tmp_path: Path) -> None:
    (folder,) = recorded.directory.glob("s3/*")
    (trial,) = recorded.planned("bad", {"lr": [0.2]})
    recorded.left(trial, {"best.pt": "mine"})
    recorded.reduced("bad")
    (tmp_path / "secret").write_text("of somebody else")
    file = folder / trial.kept_artifacts / "best.pt"
    file.unlink()
    file.symlink_to(tmp_path / "secret")
    ended = sweep("download", "bad", "--dir", str(recorded.directory), "-o", str(tmp_path / "got"))
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended
    assert f"{trial.kept_artifacts}best.pt: {ONLY_A_LINK}" in ended.stderr
    assert not list((tmp_path / "got").rglob("best.pt"))
