"""Says which disk is full."""

import errno
import os
import shutil
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)


def told(error: OSError, near: Path) -> str:
    """Returns an error as a text; of a full disk, also where it is and how much is free.

    Args:
        near: a path on the disk, for an error that names no file; need not exist.
    """
    file = error.filename if isinstance(error.filename, str) else None
    text = f"{file or ''}{': ' * bool(file)}{error.strerror or error}"
    if error.errno not in FULL:
        return text
    place = Path(file or near).absolute()
    there = next(each for each in (place, *place.parents) if each.is_dir()).resolve()
    disk = next(each for each in (there, *there.parents) if each.is_mount())
    return f"{text}: {shutil.disk_usage(there).free / 1e6:,.1f} MB are free on the disk at {disk}"


def first_of(error: shutil.Error) -> OSError:
    """Returns the first error of a copy of a folder, which has one for each file."""
    _, target, why = error.args[0][0]
    number = next((each for each in FULL if os.strerror(each) in why), errno.EIO)
    return OSError(number, os.strerror(number) if number in FULL else why, target)
