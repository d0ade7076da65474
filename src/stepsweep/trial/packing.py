"""A checkpoint folder as a tar, with the metrics of that moment."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

STATE = "metrics.json"


class Damaged(Exception):
    """An archive is not as it was written."""


def pack(folder: Path, state: bytes, target: int, faults: list[Exception]) -> None:
    """Writes the folder and the state into a pipe, and closes that; appends why it could not."""
    inside = os.path.realpath(folder)

    def member(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if info.issym():
            path = os.path.join(os.path.dirname(inside), info.name)  # noqa: PTH118, PTH120  of a link, unresolved
            end = os.path.realpath(path)
            if not end.startswith(inside + os.sep):
                return None
            info.linkname = os.path.relpath(end, os.path.dirname(path))  # noqa: PTH120
        return info if info.isreg() or info.isdir() or info.issym() or info.islnk() else None

    try:
        with os.fdopen(target, "wb") as file, tarfile.open(fileobj=file, mode="w|") as tar:
            info = tarfile.TarInfo(STATE)
            info.size = len(state)
            tar.addfile(info, io.BytesIO(state))
            tar.add(inside, arcname=os.path.basename(inside), filter=member)  # noqa: PTH119
    except Exception as error:  # noqa: BLE001  whatever it is, the tar is not whole
        faults.append(error)


def unpack(source: Any, folder: Path) -> Any:
    """Fills the folder, and returns the state.

    Raises:
        Damaged: the archive is not as `pack` wrote it.
    """
    archives, read, state = _archives(), _Read(source), None
    try:
        with archives.open(fileobj=read, mode="r|") as tar:
            for member in tar:
                if member.name == STATE:
                    content = tar.extractfile(member)
                    state = json.load(content) if content else None
                else:
                    tar.extract(member, folder.parent, filter="data")
            # A tar ends in zeros. One that is cut off between two files, or has no file there, seems to end sooner.
            read.rest()
            is_whole = read.used <= tar.offset <= read.bytes - 2 * tarfile.BLOCKSIZE
    except (archives.TarError, ValueError) as error:
        raise Damaged(str(error)) from None
    if not is_whole:
        raise Damaged("it has no end")
    return state


class _Read:
    """A source of bytes that knows how many were read, and how many of them up to the last one that is not zero."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.bytes = self.used = 0

    def read(self, size: int) -> bytes:
        data: bytes = self._source.read(size)
        if used := len(data.rstrip(b"\0")):
            self.used = self.bytes + used
        self.bytes += len(data)
        return data

    def rest(self) -> None:
        while self.read(tarfile.RECORDSIZE):
            pass


def _archives() -> Any:
    """Returns the module whose archives can be told to keep their files within a folder: Python's own since 3.11.4."""
    if sys.version_info >= (3, 11, 4):
        return tarfile
    from backports import tarfile as newer

    return newer
