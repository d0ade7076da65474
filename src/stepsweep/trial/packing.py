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
    """Fills the folder, and returns the state."""
    state = None
    with _opened(source) as tar:
        for member in tar:
            if member.name == STATE:
                content = tar.extractfile(member)
                state = json.load(content) if content else None
            else:
                tar.extract(member, folder.parent, filter="data")
    return state


def _opened(source: Any) -> tarfile.TarFile:
    """Opens an archive that can be told to keep its files within a folder, as Python's own can since 3.11.4."""
    if sys.version_info >= (3, 11, 4):
        return tarfile.open(fileobj=source, mode="r|")
    from backports import tarfile as newer

    archive: tarfile.TarFile = newer.open(fileobj=source, mode="r|")
    return archive
