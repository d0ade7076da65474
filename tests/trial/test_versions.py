"""The versions of a checkpoint folder, without a script: which files are saved when, and what a reader finds."""

import io
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepsweep.trial import checkpoint
from stepsweep.trial.checkpoint import Checkpoint, NotLoaded
from stepsweep.trial.told import Told
from tests.support.trainer import BUCKET


class Kept:
    """A folder that is kept in S3 under the test's name."""

    def __init__(self, folder: Path, s3: Any) -> None:
        self.folder, self._s3 = folder / "checkpoint", s3
        self.folder.mkdir()
        self.key = f"checkpoints/{folder.name}/checkpoint.tar"
        self.uri = f"s3://{BUCKET}/{self.key}"
        self.state: Callable[[], Any] = lambda: {"loss": 0.5}

    def attempt(self, bucket: str = BUCKET) -> Checkpoint:
        prefix = f"s3://{bucket}/{self.key.removesuffix('checkpoint.tar')}"
        return Checkpoint(self.folder, prefix, self._s3, self.state, Told().tell)

    def write(self, name: str, text: str = "text") -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def ended(self, *, completed: bool = True) -> None:
        """An attempt that ends at once."""
        one = self.attempt()
        one.start()
        one.finish(completed=completed)

    def saved(self) -> dict[str, str]:
        """The files in S3 by name."""
        try:
            data = self._s3.get_object(Bucket=BUCKET, Key=self.key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return {}
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            files = [(member.name, tar.extractfile(member)) for member in tar if member.isfile()]
            return {name: file.read().decode() for name, file in files if file is not None}

    def until_saved(self, name: str, text: str = "text") -> None:
        deadline = time.monotonic() + 60
        while self.saved().get(f"checkpoint/{name}") != text:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def kept(tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(checkpoint, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(checkpoint, "PAUSE_SECONDS", 0.02)
    return Kept(tmp_path, s3)


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def test_the_next_attempt_finds_the_files_and_what_belongs_to_them(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept.attempt().load() is None
    kept.write("model/weights", "1")
    kept.write("last", "2")
    (kept.folder / "empty").mkdir()
    kept.ended()
    assert kept.saved() == {
        "metrics.json": '{"loss": 0.5}', "checkpoint/model/weights": "1", "checkpoint/last": "2",
    }  # fmt: skip
    emptied(kept.folder)
    assert kept.attempt().load() == {"loss": 0.5}
    assert (kept.folder / "model" / "weights").read_text() == "1"
    assert (kept.folder / "empty").is_dir()
    assert capsys.readouterr().out == f"stepsweep-trial: goes on from {kept.uri}: 2 files\n"
    (kept.folder / "last").unlink()
    kept.ended()
    emptied(kept.folder)
    kept.attempt().load()
    assert capsys.readouterr().out.endswith(": 1 file\n")


def test_links_within_the_folder_are_kept_and_others_are_not(kept: Kept) -> None:
    kept.write("step-2/model")
    (kept.folder / "relative").symlink_to("step-2")
    (kept.folder / "step-2" / "absolute").symlink_to(kept.folder / "step-2" / "model")
    (kept.folder / "outside").symlink_to(kept.folder.parent)
    (kept.folder / "beside").symlink_to(f"{kept.folder}-2")
    os.link(kept.folder / "step-2" / "model", kept.folder / "hard")
    os.mkfifo(kept.folder / "pipe")
    kept.ended()
    emptied(kept.folder)
    kept.attempt().load()
    assert sorted(os.listdir(kept.folder)) == ["hard", "relative", "step-2"]  # noqa: PTH208
    assert os.readlink(kept.folder / "step-2" / "absolute") == "model"  # noqa: PTH115
    assert (kept.folder / "relative" / "model").read_text() == (kept.folder / "hard").read_text() == "text"


def test_what_is_whole_is_saved_while_the_script_trains_and_again_when_it_has_changed(kept: Kept) -> None:
    one = kept.attempt()
    one.start()
    for text in ("one", "two"):
        kept.write("a", text)
        kept.until_saved("a", text)
    one.finish(completed=False)
    assert kept.saved()["checkpoint/a"] == "two"


@pytest.mark.parametrize("mode", ["w", "a", "r+"])
def test_a_file_that_is_open_for_writing_is_not_whole_until_it_is_closed(kept: Kept, mode: str) -> None:
    kept.write("open")
    one = kept.attempt()
    with (kept.folder / "open").open(mode) as file:
        one.start()
        file.write("half")
        file.flush()
        time.sleep(0.3)
        assert kept.saved() == {}
    kept.until_saved("open", (kept.folder / "open").read_text())
    one.finish(completed=False)


def test_a_file_that_is_closed_meanwhile_hides_none_that_stays_open(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As where a training reads its images one after the other while it writes its checkpoint."""
    (tmp_path / "image").touch()
    readlink, looked = os.readlink, threading.Event()
    with (tmp_path / "image").open() as image, (kept.folder / "open").open("w") as file:
        first, second = (f"/proc/{os.getpid()}/fd/{each.fileno()}" for each in (image, file))

        def closed(path: Any) -> str:
            if str(path) == first:
                raise FileNotFoundError(path)
            if str(path) == second:
                looked.set()
            return str(readlink(path))

        monkeypatch.setattr(os, "readlink", closed)
        one = kept.attempt()
        file.write("half")
        file.flush()
        one.start()
        time.sleep(0.3)
        assert kept.saved() == {}
        assert looked.is_set()
    kept.until_saved("open", "half")
    one.finish(completed=False)


def test_a_file_that_is_read_or_stays_open_for_long_is_whole(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write("log")
    one = kept.attempt()
    with (kept.folder / "log").open():
        one.start()
        kept.until_saved("log")
    monkeypatch.setattr(checkpoint, "OPEN_SECONDS", 0.1)
    with (kept.folder / "log").open("a") as file:
        file.write(" more")
        file.flush()
        kept.until_saved("log", "text more")
    one.finish(completed=False)


def test_at_sigterm_what_is_whole_is_saved_at_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "PAUSE_SECONDS", 1_000.0)
    one = kept.attempt()
    one.start()
    for text in ("first", "second"):
        kept.write("a", text)
        if text == "second":
            one.hurry()
        kept.until_saved("a", text)
    one.finish(completed=False)


def test_a_script_that_failed_soon_after_it_wrote_and_had_no_version_before(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.write("a", "half")
    kept.ended(completed=False)
    assert kept.saved() == {}
    assert capsys.readouterr().err.endswith("are not kept; there is no version before\n")


def test_what_a_script_was_writing_when_it_was_killed_is_not_kept(
    kept: Kept, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write("a", "whole")
    kept.ended()
    one = kept.attempt()
    one.load()
    kept.write("a", "half")
    one.start()
    one.finish(completed=False)
    assert kept.saved()["checkpoint/a"] == "whole"
    assert capsys.readouterr().err == (
        "stepsweep-trial: the script failed, or was killed, soon after it wrote to its checkpoint folder; these files "
        "may be incomplete and are not kept; the version before stays\n"
    )
    monkeypatch.setattr(checkpoint, "PAUSE_SECONDS", 0.0)
    emptied(kept.folder)
    kept.ended(completed=False)
    assert capsys.readouterr().err == "", "nothing was written"


def test_what_has_not_changed_is_not_saved_again(kept: Kept, s3: Any) -> None:
    kept.write("a")
    kept.ended()
    s3.delete_object(Bucket=BUCKET, Key=kept.key)
    one = kept.attempt()
    one.load()
    kept.ended()
    assert kept.saved()["checkpoint/a"] == "text"
    going_on = kept.attempt()
    emptied(kept.folder)
    going_on.load()
    s3.delete_object(Bucket=BUCKET, Key=kept.key)
    going_on.start()
    going_on.finish(completed=True)
    assert kept.saved() == {}


def test_a_version_whose_files_change_while_it_is_made_is_not_written(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.write("a", "one")
    kept.state = lambda: kept.write("a", "changed while it is read")
    kept.ended()
    assert kept.saved() == {}
    assert capsys.readouterr().err == ""


def test_a_disk_that_fails_while_a_version_is_made_is_told_and_the_version_before_stays(
    kept: Kept, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    kept.write("a", "one")
    kept.ended()
    kept.write("a", "two")
    monkeypatch.setattr(tarfile.TarFile, "add", fail)
    kept.ended()
    assert kept.saved()["checkpoint/a"] == "one"
    assert capsys.readouterr().err == f"stepsweep-trial: cannot write {kept.uri}: [Errno 5] Input/output error\n"


def test_what_cannot_be_written_is_told_once_and_costs_nothing(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    one = kept.attempt(bucket="no-such-bucket")
    one.start()
    kept.write("a")
    deadline = time.monotonic() + 60
    told = ""
    while not told and time.monotonic() < deadline:
        told = capsys.readouterr().err
        time.sleep(0.02)
    one.finish(completed=True)
    told += capsys.readouterr().err
    uri = kept.uri.replace(BUCKET, "no-such-bucket")
    (line,) = told.splitlines()
    assert line.startswith(f"stepsweep-trial: cannot write {uri}: ")
    assert "NoSuchBucket" in line


def test_a_checkpoint_that_cannot_be_read_is_no_empty_one(kept: Kept) -> None:
    with pytest.raises(NotLoaded, match=r"cannot read s3://no-such-bucket/.*NoSuchBucket"):
        kept.attempt(bucket="no-such-bucket").load()


def test_a_disk_that_fails_is_no_damage_of_the_checkpoint(kept: Kept, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    kept.write("a")
    kept.ended()
    monkeypatch.setattr(tarfile.TarFile, "extract", fail)
    with pytest.raises(NotLoaded, match=f"cannot read {kept.uri}: .*No space left on device"):
        kept.attempt().load()
    assert list(kept.folder.iterdir()) == []


def _without_header(whole: bytes) -> bytes:
    """Overwrites the header of the last file."""
    at = whole.rindex(b"checkpoint/")
    return whole[:at] + b"?" * 512 + whole[at + 512 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"no tar",
        lambda _: b"",
        lambda whole: whole[:900],
        lambda whole: whole[: whole.rindex(b"checkpoint/")],
        lambda whole: whole[: whole.rindex(b"checkpoint/") + 700],
        lambda whole: whole.replace(b'{"loss"', b"?"),
        _without_header,
    ],
    ids=["other", "empty", "in its first file", "between files", "in its last file", "metrics", "a header"],
)
def test_a_damaged_checkpoint_is_passed_over_for_the_next_older_one_or_the_start(
    kept: Kept, s3: Any, capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes]
) -> None:
    kept.write("a", "x" * 3_000)
    kept.write("b", "y" * 3_000)
    kept.ended()
    whole = s3.get_object(Bucket=BUCKET, Key=kept.key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=kept.key, Body=damage(whole))
    emptied(kept.folder)
    assert kept.attempt().load() is None
    assert list(kept.folder.iterdir()) == []
    damaged, start = capsys.readouterr().err.splitlines()
    assert damaged.startswith(f"stepsweep-trial: {kept.uri} is damaged, and not used: ")
    assert start == "stepsweep-trial: starts from the first epoch"

    prefix = kept.key.removesuffix("checkpoint.tar")
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}checkpoint-e2.tar", Body=whole)
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}checkpoint-e4.tar", Body=damage(whole))
    higher = Checkpoint(kept.folder, f"s3://{BUCKET}/{prefix}", s3, kept.state, Told().tell, epochs=4, below=[2])
    assert higher.load() == {"loss": 0.5}
    out, err = capsys.readouterr()
    assert out == f"stepsweep-trial: goes on from s3://{BUCKET}/{prefix}checkpoint-e2.tar: 2 files\n"
    assert len(err.splitlines()) == 1
    kept.write("c")
    higher.start()
    higher.finish(completed=True)
    emptied(kept.folder)
    higher.load()
    assert sorted(path.name for path in kept.folder.iterdir()) == ["a", "b", "c"], "the damaged one is replaced"


def test_a_checkpoint_that_is_cut_off_once_is_read_again(kept: Kept, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write("a", "x" * 50_000)
    kept.write("b", "text")
    kept.ended()
    emptied(kept.folder)
    whole = s3.get_object(Bucket=BUCKET, Key=kept.key)["Body"].read()
    answers = [whole[:20_000], whole[:1_000], whole]
    get = s3.get_object
    monkeypatch.setattr(s3, "get_object", lambda **asked: {**get(**asked), "Body": io.BytesIO(answers.pop(0))})
    assert kept.attempt().load() == {"loss": 0.5}
    assert sorted(path.name for path in kept.folder.iterdir()) == ["a", "b"]
