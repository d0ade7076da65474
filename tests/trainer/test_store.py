"""Where the results of a run by hand go: files."""

import os
from pathlib import Path

import pytest

from stepsweep.trainer.store import FileStore, StoreError

FIRST, SECOND = b"epoch,val_loss\n1,0.5\n", b"epoch,val_loss\n1,0.6\n"


def test_a_pipe_or_a_device_is_written_into_and_not_replaced(tmp_path: Path) -> None:
    """As root, a file would have taken the place of /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    FileStore(output=pipe, checkpoint_file=None).write_results(FIRST, {})
    assert os.read(reader, 1000) == FIRST
    os.close(reader)
    assert pipe.is_fifo()


def test_a_file_is_replaced_and_that_is_said(tmp_path: Path) -> None:
    by_hand = FileStore(output=tmp_path / "metrics.csv", checkpoint_file=None)
    assert by_hand.write_results(FIRST, {}) == f"wrote {tmp_path}/metrics.csv"
    with (tmp_path / "metrics.csv").open("rb") as reader:
        told = by_hand.write_results(SECOND, {})
        assert reader.read() == FIRST, "a reader gets one file or the other, whole"
    assert told == f"wrote {tmp_path}/metrics.csv, in place of the file that was there"
    assert (tmp_path / "metrics.csv").read_bytes() == SECOND
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]
    assert (tmp_path / "metrics.csv").stat().st_mode & 0o444 == 0o444  # not for its owner alone: the image's user
    assert not by_hand.finished()  # who runs it again wants it done again


def test_a_file_as_checkpoint(tmp_path: Path) -> None:
    by_hand = FileStore(output=tmp_path / "metrics.csv", checkpoint_file=tmp_path / "kept.pt")
    assert by_hand.load_checkpoint() is None
    by_hand.save_checkpoint(b"one")
    by_hand.save_checkpoint(b"two")
    assert by_hand.load_checkpoint() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.pt"]
    assert (by_hand.results, by_hand.checkpoint) == (f"{tmp_path}/metrics.csv", f"{tmp_path}/kept.pt")
    none = FileStore(output=tmp_path / "metrics.csv", checkpoint_file=None)
    none.save_checkpoint(b"one")
    assert (none.checkpoint, none.load_checkpoint(), none.end_if_worse(FIRST)) == (None, None, "")
    with pytest.raises(StoreError) as caught:
        FileStore(output=tmp_path / "metrics.csv", checkpoint_file=tmp_path).load_checkpoint()
    assert str(caught.value) == f"cannot read {tmp_path}: Is a directory"


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(StoreError, match=r"^cannot write .*metrics.csv: Is a directory$"):
        FileStore(output=tmp_path / "metrics.csv", checkpoint_file=None).write_results(FIRST, {})
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]
