"""The embedded cloud's storage: each object is a file, named after its key."""

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote

UNFINISHED = ".unfinished-"
"""Prefix of the name of a file that is still being written, and is no object yet."""


_NO_FILE = "is a pipe, a socket or a device, and no file"

REFUSED = (errno.ELOOP, errno.EINVAL)
"""Errors of `opened` for what is no file of the bucket; the error's own words say what it is."""


def write_whole(file: Path, data: bytes, *, lasting: bool) -> None:
    """Writes a file such that others see all of it or nothing; creates its folder.

    Args:
        lasting: returns when the disk has it, so that a power cut does not take it back.

    Raises:
        OSError: the disk cannot take it; the error names the file.
    """
    new = [] if file.parent.is_dir() else [folder for folder in file.parents if not folder.exists()]
    unfinished = file.with_name(f"{UNFINISHED}{threading.get_ident()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as stream:
            stream.write(data)
            if lasting:
                stream.flush()
                os.fsync(stream.fileno())
        unfinished.replace(file)
        for folder in (file.parent, *(each.parent for each in new)) if lasting else ():
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise OSError(error.errno, error.strerror, str(file)) from error


def opened(file: Path, home: Path) -> BinaryIO:
    """Opens an object's file. A pipe would never end, a device may have no end, and a link may lead anywhere.

    Args:
        home: the bucket's folder, which itself may be behind a link.

    Raises:
        OSError: it is missing, not a file, a link, or may not be read. The error says which, and names the file.
    """
    check_no_link(file, home)
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            why = "is a link; objects are files below the bucket's own folder"
            raise OSError(errno.ELOOP, why, str(file)) from None
        if error.errno == errno.ENXIO:
            raise OSError(errno.EINVAL, _NO_FILE, str(file)) from None
        raise
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(file))
    raise OSError(errno.EINVAL, _NO_FILE, str(file))


def check_no_link(file: Path, home: Path) -> None:
    """Raises OSError if an object's file would be in a folder that is a link, which may lead out of the bucket."""
    folder = home
    for part in file.relative_to(home).parts[:-1]:
        folder /= part
        if folder.is_symlink():
            why = "its folder is a link; objects are files below the bucket's own folder"
            raise OSError(errno.ELOOP, why, str(file))


def remove_unfinished(root: Path) -> None:
    """Deletes what was being written when the process that wrote it was killed."""
    for folder, _, names in os.walk(root):
        for name in names:
            if name.startswith(UNFINISHED):
                Path(folder, name).unlink(missing_ok=True)


def path_of(root: Path, bucket: str, key: str) -> Path:
    return root.joinpath(bucket, *(_as_file_name(part) for part in key.split("/")))


def key_of(file: str | os.PathLike[str], home: Path) -> str:
    """Returns the key of an object's file below the bucket's folder."""
    return "/".join(_as_key_part(part) for part in Path(file).relative_to(home).parts)


def files_below(folder: str | os.PathLike[str]) -> Iterator[os.DirEntry[str]]:
    """Yields the objects' files below a folder, in no particular order; none if the folder is missing.

    Other processes may write and delete objects meanwhile. Links and pipes are among them, and `opened` refuses these;
    links to folders are not followed.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from files_below(entry)
            elif not entry.name.startswith(UNFINISHED):
                yield entry


def _as_file_name(part: str) -> str:
    """Returns one part of a key as a file name. It percent-encodes characters that a path must not contain."""
    quoted = quote(part, safe=" !'()*+,;=@&$")
    return quoted.replace(".", "%2E") if quoted.startswith(".") else quoted or "%"


def _as_key_part(name: str) -> str:
    return "" if name == "%" else unquote(name)
