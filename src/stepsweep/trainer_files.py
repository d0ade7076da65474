"""Selects the relevant files of a trainer's folder: the same ones for its image, its hash, and its local copies."""

import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pathspec

from stepsweep.contract.errors import InvalidInput

MAX_BYTES = 200 * 1000**2
"""Largest size, since every attempt on this machine gets a copy, and every deploy sends the files to Docker."""

LEFT_OUT = frozenset({".stepsweep", ".git", "__pycache__", "node_modules", "cdk.out"})
"""Folders that never hold a trainer's code. Some of them contain copies of the folder itself."""

MARKS = ("pyvenv.cfg", "cloud.lock")
"""Files that mark a virtual environment and the folder of an embedded cloud, whatever the folder's name."""

IGNORE_FILE = ".dockerignore"

LARGEST_NAMED = 3


def trainer_files(folder: Path) -> list[Path]:
    """Returns the files and symbolic links of a trainer's build context, relative to its folder and sorted.

    Applies `.dockerignore` as Docker does, and leaves that file itself out. Returns nothing without a Dockerfile: the
    folder could be a home folder.

    Raises:
        InvalidInput: the files are larger than `MAX_BYTES`.
    """
    if not (folder / "Dockerfile").is_file():
        return []
    patterns = _patterns(folder)
    sizes: dict[Path, int] = {}
    # Ignored folders are skipped, even with a million files, unless a pattern could include some of them again.
    leaves_out = [] if any(pattern.include is False for pattern in patterns) else patterns
    for path in _below(folder, leaves_out):
        name = path.relative_to(folder)
        status = path.lstat()
        is_sent = name == Path("Dockerfile") or not _is_ignored(name, patterns)
        # Sockets and pipes cannot be copied.
        if is_sent and (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            sizes[name] = status.st_size
    if (total := sum(sizes.values())) > MAX_BYTES:
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:LARGEST_NAMED]
        named = ", ".join(f"{name} ({_megabytes(sizes[name])})" for name in largest)
        raise InvalidInput(
            [
                f"trainer: the files of {folder} must be at most {_megabytes(MAX_BYTES)} together, got "
                f"{_megabytes(total)}; the largest: {named}. List what a trial does not need in its .dockerignore"
            ]
        )
    return sorted(sizes)


def _below(folder: Path, leaves_out: Sequence[pathspec.Pattern]) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        here = Path(root)
        links = [name for name in folders if (here / name).is_symlink()]
        # Changed in place, since `walk` continues with this list.
        folders[:] = [
            name
            for name in folders
            if name not in LEFT_OUT
            and name not in links
            and not any((here / name / mark).exists() for mark in MARKS)
            and not _is_ignored((here / name).relative_to(folder), leaves_out)
        ]
        yield from (here / name for name in [*files, *links] if name not in LEFT_OUT)


def _patterns(folder: Path) -> list[pathspec.Pattern]:
    try:
        lines = (folder / IGNORE_FILE).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    return [*pathspec.PathSpec.from_lines("gitignore", [*_as_gitignore(lines), f"/{IGNORE_FILE}"]).patterns]


def _is_ignored(name: Path, patterns: Sequence[pathspec.Pattern]) -> bool:
    """Whether a file is ignored. Unlike in Git, the last pattern that matches it or one of its folders decides."""
    names = [name.as_posix(), *(parent.as_posix() for parent in name.parents[:-1])]
    for pattern in reversed(patterns):
        if any(pattern.match_file(name) is not None for name in names):
            return bool(pattern.include)
    return False


def _as_gitignore(lines: Iterable[str]) -> Iterator[str]:
    """Converts Docker's patterns to Git's: Docker anchors every pattern at the folder, and normalizes it like a path.

    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    for line in lines:
        pattern = line.strip()
        if not pattern or line.startswith("#"):
            continue
        sign = "!" if pattern.startswith("!") else ""
        pattern = posixpath.normpath("/" + pattern.removeprefix("!").strip().lstrip("/"))
        if pattern != "/":
            yield sign + pattern


def _megabytes(size: int) -> str:
    return f"{size / 1000**2:,.1f} MB"
