"""The files of a trial that people get: those of its artifacts folder, and those that patterns name in its working
folder.

A file that was in the working folder before the script ran, and is the same afterwards, is not the trial's: it came
with the image, and may be the model of a run by hand.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

MAX_FILES = 1_000
MAX_BYTES = 100 * 2**30
MAX_NAME_BYTES, MAX_PART_BYTES = 800, 255
"""S3 takes keys of 1,024 bytes, with our prefix; file systems take parts of 255."""

Stamp = tuple[int, int, int]


def patterns_of(text: str | None) -> list[str]:
    """Returns the patterns of `STEPSWEEP_ARTIFACTS`. Raises ValueError if it is no JSON list of texts."""
    patterns = json.loads(text) if text else []
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise ValueError(f"must be a JSON list of patterns, got {text}")
    return patterns


class Artifacts:
    """Finds the artifacts of one attempt.

    Args:
        folder: the artifacts folder.
        here: the working folder, before the script runs.
        patterns: of files and folders there.
        own: the kit's own folder, which no pattern names.
    """

    def __init__(self, folder: Path, here: Path, patterns: Sequence[str], own: Path) -> None:
        self._folder, self._here, self._patterns, self._own = folder, here, patterns, own
        self._before = {path: _stamp(path) for pattern in patterns for path in self._matches(pattern)}

    def found(self) -> tuple[dict[str, Path], list[str]]:
        """Returns the files by their names, which are paths with slashes, and a line for each that is left out."""
        files: dict[str, Path] = {}
        left_out: list[str] = []
        for pattern in self._patterns:
            there = list(self._matches(pattern))
            changed = [path for path in there if self._before.get(path) != _stamp(path)]
            if there and not changed:
                left_out.append(f"{pattern}: was there before the script ran, and is the same: not an artifact")
            elif not there:
                left_out.append(f"{pattern}: the script left no such file in its working folder")
            files.update({path.relative_to(self._here).as_posix(): path for path in changed})
        files.update({path.relative_to(self._folder).as_posix(): path for path in _files(self._folder)})
        alike: dict[str, str] = {}
        for name, path in sorted(files.items()):
            fault = self._fault(name, path)
            if fault is None and (other := alike.setdefault(_on_any_disk(name), name)) != name:
                fault = f"differs from {other!r} in upper and lower case only, which some disks take for one file"
            if fault:
                left_out.append(f"{name!r}: {fault}")
                del files[name]
        return _bounded(files, left_out), left_out

    def _matches(self, pattern: str) -> Iterator[Path]:
        """Yields the files that a pattern names; a folder counts with all that is in it."""
        for path in sorted(self._here.glob(pattern)):
            if path.is_dir() and path.is_symlink():  # such as data that all trials share
                continue
            for file in _files(path) if path.is_dir() else [path]:
                if self._own not in file.parents and file.is_file():
                    yield file

    def _fault(self, name: str, path: Path) -> str | None:
        inside = [os.path.realpath(folder) + os.sep for folder in (self._here, self._own, self._folder)]
        if not os.path.realpath(path).startswith(tuple(inside)):
            return "is a link to a file outside of the working folder"
        if not os.access(path, os.R_OK):
            return "cannot be read"
        try:
            parts = [len(part.encode()) for part in name.split("/")]
        except UnicodeEncodeError:
            return "has a name that is no text"
        if sum(parts) > MAX_NAME_BYTES or max(parts) > MAX_PART_BYTES:
            return f"has a name of more than {MAX_PART_BYTES} bytes, or a path of more than {MAX_NAME_BYTES}"
        return None if name.isprintable() and "\\" not in name else "has a name with other signs than printable ones"


def _on_any_disk(name: str) -> str:
    """Returns the name as a disk sees it that ignores case, and how letters with accents are written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _bounded(files: dict[str, Path], left_out: list[str]) -> dict[str, Path]:
    size = sum(path.stat().st_size for path in files.values())
    if len(files) <= MAX_FILES and size <= MAX_BYTES:
        return files
    left_out.append(
        f"all of them: {len(files):,} files of {size / 2**30:.1f} GiB, and a trial may have {MAX_FILES:,} of "
        f"{MAX_BYTES // 2**30} GiB; name fewer, or put them into one archive"
    )
    return {}


def _files(folder: Path) -> list[Path]:
    """Returns the files below a folder; links to folders are not followed."""
    return [Path(root, name) for root, _, names in os.walk(folder) for name in names if Path(root, name).is_file()]


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino
