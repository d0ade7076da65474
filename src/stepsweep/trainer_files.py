"""Selects what a trainer consists of: the same files for its image, its hash, and its local copies."""

import errno
import hashlib
import json
import os
import posixpath
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pathspec

from stepsweep.contract.artifacts import DOWNLOADED
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.marks import EXPORTED, HEAD_BYTES, is_export, is_output
from stepsweep.spec_files import left_out, pattern_of
from stepsweep.trainer_script import Script, script_of

MAX_BYTES = 200 * 1000**2
"""Largest size, since every attempt on this machine gets a copy, and every deploy sends the files to Docker."""

_TOOLS = (".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", ".tox", ".nox", ".idea", ".vscode")
LEFT_OUT = frozenset({".stepsweep", ".git", ".hg", ".svn", "__pycache__", "node_modules", "cdk.out", *_TOOLS})
"""Folders that never hold a trainer's code. Some of them contain copies of the folder itself."""

NOTES = (
    *("/README*", "/CHANGELOG*", "/CONTRIBUTING*", "/NOTES*", "/LICENSE*", ".gitignore", ".gitattributes"),
    *("/*.log", "/nohup.out"),
)
"""No part of a script's trainer: nobody wants to train again after a line of README.md, or `sweep run > run.log`."""

NOTEBOOK = ".ipynb"
"""A notebook that drives sweeps is no part of its script's trainer, unless the command names one. `!train.ipynb` in a
.gitignore keeps one that a script runs."""

TRACKED = (
    *("mlruns", "mlflow.db", "lightning_logs", "*.tfevents.*"),
    *("/wandb", "**/wandb/*run-*", "**/wandb/*-run", "**/wandb/debug*.log"),
)
"""Results of runs by hand are no part of a script's trainer either. A project's own package may be `loggers/wandb`."""

MARKS = ("pyvenv.cfg", "cloud.lock", DOWNLOADED)
"""Files that mark a virtual environment, an embedded cloud's folder and one of downloads, whatever its name."""

IGNORE_FILE = ".dockerignore"

GIT_IGNORE_FILE = ".gitignore"

LARGEST_NAMED = 3

DIGITS = 16


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to be made."""

    target: Path


def contents(trainer: Path | Script) -> dict[Path, Path | bytes | Link]:
    """Returns where each file of a trainer comes from, by its path in the build context, sorted.

    Args:
        trainer: a folder with a Dockerfile, a `Script`, or its file.

    Raises:
        InvalidInput: the files are larger than `MAX_BYTES`.
    """
    if isinstance(trainer, Path):
        script = script_of(trainer)
        return contents(script) if script else {name: trainer / name for name in trainer_files(trainer)}
    found: dict[Path, Path | bytes | Link] = {name: trainer.folder / name for name in script_files(trainer)}
    found |= {Path(name): Link((trainer.folder / name).resolve()) for name in trainer.data}
    found[Path("Dockerfile")] = trainer.dockerfile()
    return dict(sorted(found.items()))


def digests(content: Mapping[Path, Path | bytes | Link]) -> dict[str, str]:
    """Returns a digest of each file that `contents` returned, by its path in the build context."""
    return {name.as_posix(): hashlib.sha256(_bytes(source)).hexdigest()[:DIGITS] for name, source in content.items()}


def version_of(content: Mapping[Path, Path | bytes | Link]) -> str:
    """Returns a hash of what `contents` returned: of names, contents, and which files may be executed."""
    digest = hashlib.sha256()
    for name, source in content.items():
        data, mode = _bytes(source), source.lstat().st_mode & 0o111 if isinstance(source, Path) else 0
        digest.update(os.fsencode(name) + b"\0%o\0%d\0" % (mode, len(data)) + data)
    return digest.hexdigest()


def _bytes(source: Path | bytes | Link) -> bytes:
    match source:
        case bytes():
            return source
        case Link():
            return os.fsencode(source.target)
        case _:
            return os.fsencode(source.readlink()) if source.is_symlink() else source.read_bytes()


def copy(content: Mapping[Path, Path | bytes | Link], folder: Path) -> None:
    """Writes what `contents` returned into a folder, with modes that an image's user can read, whatever the umask."""
    for name, source in content.items():
        target = folder / name
        make_folders(target.parent, below=folder)
        match source:
            case bytes():
                target.write_bytes(source)
            case Link():
                target.symlink_to(source.target)
            case _:
                shutil.copy2(source, target, follow_symlinks=False)
        if not target.is_symlink():
            target.chmod(0o755 if target.stat().st_mode & stat.S_IXUSR else 0o644)


def make_folders(folder: Path, *, below: Path) -> None:
    """Makes a folder, and all folders between it and `below`, which everybody can read."""
    folder.mkdir(parents=True, exist_ok=True)
    while folder != below:
        folder.chmod(0o755)
        folder = folder.parent


def trainer_files(folder: Path) -> list[Path]:
    """Returns the files and symbolic links of a trainer's build context, relative to its folder and sorted.

    Applies `.dockerignore` as Docker does, and leaves out that file itself and what our own commands wrote. Returns
    nothing without a Dockerfile: the folder could be a home folder.

    Raises:
        InvalidInput: the files are larger than `MAX_BYTES`.
    """
    if not (folder / "Dockerfile").is_file():
        return []
    ignore_file = _docker_ignore_file(folder) or IGNORE_FILE
    return _chosen(folder, _docker_patterns(folder, ignore_file), ignore_file=ignore_file)


def script_files(script: Script) -> list[Path]:
    """Returns the files and symbolic links of a script's project that count, relative to its folder and sorted.

    Those that `.dockerignore` leaves, or `.gitignore` where there is no `.dockerignore`; never data, `NOTES`,
    `TRACKED`, the folder's specs, what our own commands wrote and what the script itself leaves out; a `NOTEBOOK` only
    if the command or a pattern names it.

    Raises:
        InvalidInput: they are larger than `MAX_BYTES`, or a link among them leaves the project.
    """
    folder = script.folder
    own = _docker_ignore_file(folder)
    patterns = _docker_patterns(folder, own) if own else _git_patterns(_lines(folder / GIT_IGNORE_FILE))
    specs = map(pattern_of, left_out(folder, words=[*script.entrypoint, *script.data]))
    never = [*NOTES, *TRACKED, *specs, *script.left_out, *(f"/{name}" for name in script.data)]
    runs_notebook = any(NOTEBOOK in word for word in script.entrypoint)
    first = () if runs_notebook else _git_patterns([f"*{NOTEBOOK}"])
    found = _chosen(folder, [*first, *patterns, *_git_patterns(never)], ignore_file=own or GIT_IGNORE_FILE)
    links = (name for name in found if (folder / name).is_symlink())
    if faults := [
        f"{name}: is a link to {(folder / name).readlink()}, {why}"
        for name in links
        if (why := _fault_of_link(folder, name))
    ]:
        raise InvalidInput(faults)
    return found


def _fault_of_link(folder: Path, name: Path) -> str:
    """Returns why a trial could not follow a link of a project in its copy; an empty text if it could."""
    link = folder / name
    try:
        link.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "which leads back to itself; remove it"
    if link.resolve().is_relative_to(folder.resolve()):
        return ""
    return "outside the project, which trials would share, or not find; name it in `data`"


def _chosen(folder: Path, patterns: Sequence[pathspec.Pattern], *, ignore_file: str) -> list[Path]:
    sizes: dict[Path, int] = {}
    # Ignored folders are skipped, even with a million files, unless a pattern could include some of them again.
    leaves_out = [] if any(pattern.include is False for pattern in patterns) else patterns
    for path in _below(folder, leaves_out):
        name = path.relative_to(folder)
        status = path.lstat()
        is_sent = name == Path("Dockerfile") or not _is_ignored(name, patterns)
        # Sockets and pipes cannot be copied.
        if is_sent and (stat.S_ISLNK(status.st_mode) or (stat.S_ISREG(status.st_mode) and not _is_written(path))):
            sizes[name] = status.st_size
    if (total := sum(sizes.values())) > MAX_BYTES:
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:LARGEST_NAMED]
        named = ", ".join(f"{name} ({_megabytes(sizes[name])})" for name in largest)
        raise InvalidInput(
            [
                f"trainer: the files of {folder} must be at most {_megabytes(MAX_BYTES)} together, got "
                f"{_megabytes(total)}; the largest: {named}. List what a trial does not need in its {ignore_file}"
            ]
        )
    return sorted(sizes)


def _below(folder: Path, leaves_out: Sequence[pathspec.Pattern]) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        here = Path(root)
        # What has a mark may be kept elsewhere, and linked.
        folders[:] = [name for name in folders if not _is_marked(here / name)]
        links = [name for name in folders if (here / name).is_symlink()]
        # Changed in place, since `walk` continues with this list.
        folders[:] = [
            name
            for name in folders
            if name not in LEFT_OUT
            and name not in links
            and not _is_ignored((here / name).relative_to(folder), leaves_out)
        ]
        yield from (here / name for name in [*files, *links] if name not in LEFT_OUT)


def _is_marked(folder: Path) -> bool:
    try:
        return any((folder / mark).exists() for mark in MARKS) or _is_exported(folder / EXPORTED)
    except PermissionError:  # a link may lead to somebody else's folder
        return False


def _is_exported(mark: Path) -> bool:
    """Whether a file marks the folder of an exported sweep."""
    try:
        return mark.is_file() and is_export(json.loads(mark.read_bytes()))
    except ValueError:
        return False


def _is_written(file: Path) -> bool:
    """Whether a command wrote a file, such as `sweep report`: nobody's numbers depend on it, and no trial gets it."""
    with file.open("rb") as stream:
        return is_output(stream.read(HEAD_BYTES))


def ignore_file_of(trainer: Path | Script) -> str:
    """Returns the file in which a person lists what is no part of a trainer; it may not be there yet."""
    if isinstance(trainer, Script):
        return _docker_ignore_file(trainer.folder) or GIT_IGNORE_FILE
    return _docker_ignore_file(trainer) or IGNORE_FILE


def _docker_ignore_file(folder: Path) -> str | None:
    """Returns the file of Docker's patterns, or None. One that is named after the Dockerfile comes first."""
    return next((name for name in (f"Dockerfile{IGNORE_FILE}", IGNORE_FILE) if (folder / name).is_file()), None)


def _docker_patterns(folder: Path, ignore_file: str) -> list[pathspec.Pattern]:
    own = (f"/{IGNORE_FILE}", f"/Dockerfile{IGNORE_FILE}")
    return _git_patterns([*_as_gitignore(_lines(folder / ignore_file)), *own])


def _git_patterns(lines: Iterable[str]) -> list[pathspec.Pattern]:
    return [*pathspec.PathSpec.from_lines("gitignore", lines).patterns]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except FileNotFoundError:
        return []


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
