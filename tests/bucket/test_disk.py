"""What is said of a file that cannot be written, and of the disk that is full."""

import errno
import re
import shutil
from pathlib import Path

import pytest

from stepsweep.bucket.disk import first_of, told


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.EACCES, "Permission denied", "/a/b"), "/a/b: Permission denied"),
        (OSError(errno.EBADF, "Bad file descriptor", 3), "Bad file descriptor"),
        (OSError("it is gone"), "it is gone"),
    ],
)
def test_an_error_names_its_file_if_it_has_one(error: OSError, text: str, tmp_path: Path) -> None:
    assert told(error, tmp_path) == text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_with_what_is_free(number: int, tmp_path: Path) -> None:
    disk = next(each for each in (tmp_path.resolve(), *tmp_path.resolve().parents) if each.is_mount())
    free = rf"[\d,]+\.\d MB are free on the disk at {re.escape(str(disk))}"
    missing = tmp_path / "no" / "file"
    assert re.fullmatch(f"full: {free}", told(OSError(number, "full"), missing))
    assert re.fullmatch(f"{missing}: full: {free}", told(OSError(number, "full", str(missing)), Path("/proc")))


@pytest.mark.parametrize(
    ("why", "number", "text"),
    [
        ("[Errno 28] No space left on device: '/b'", errno.ENOSPC, "No space left on device"),
        ("[Errno 13] Permission denied: '/b'", errno.EIO, "[Errno 13] Permission denied: '/b'"),
    ],
)
def test_of_a_copy_of_many_files_the_first_error_counts(why: str, number: int, text: str) -> None:
    found = first_of(shutil.Error([("/a", "/b", why), ("/c", "/d", "another")]))
    assert (found.errno, found.strerror, found.filename) == (number, text, "/b")
