"""Says which disk is full."""

import errno
import os
import shutil
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)

LEAST_FREE = 1_000_000
"""Bytes. Whoever writes to a disk with less fails now and then: others free some of it, and take it."""


def told(error: OSError, near: Path) -> str:
    """Returns an error as a text; of a full disk, also where it is and how much is free.

    Args:
        near: a path on the disk, for an error that names no file; need not exist.
    """
    file = error.filename if isinstance(error.filename, str) else None
    text = f"{file or ''}{': ' * bool(file)}{error.strerror or error}"
    if error.errno not in FULL:
        return text
    return f"{text}: {_free(Path(file or near))[1]}"


def fullness(near: Path) -> str:
    """Returns that a disk has no room left, and where it is; an empty text if it has.

    Args:
        near: a path on the disk; need not exist.
    """
    free, where = _free(near)
    return f"the disk is full: {where}" if free < LEAST_FREE else ""


def _free(near: Path) -> tuple[int, str]:
    place = near.absolute()
    there = next(each for each in (place, *place.parents) if each.is_dir()).resolve()
    disk = next(each for each in (there, *there.parents) if each.is_mount())
    free = shutil.disk_usage(there).free
    return free, f"{free / 1e6:,.1f} MB are free on the disk at {disk}"


def first_of(error: shutil.Error) -> OSError:
    """Returns the first error of a copy of a folder, which has one for each file."""
    _, target, why = error.args[0][0]
    number = next((each for each in FULL if os.strerror(each) in why), errno.EIO)
    return OSError(number, os.strerror(number) if number in FULL else why, target)
