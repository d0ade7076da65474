"""Puts an image's files into a folder: what its Dockerfile copies, and nothing else."""

import fnmatch
import os
import posixpath
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stepsweep.local.stages import ROOT, Copied, Made, Stage

if sys.version_info >= (3, 11, 4):
    import tarfile
else:  # whose own cannot keep an archive's files within a folder
    from backports import tarfile  # type: ignore[no-redef]


def built(stage: Stage, context: Path, folder: Path) -> list[str]:
    """Makes a new folder with the files of a stage.

    Args:
        context: the folder of the build context.

    Returns:
        One sentence about each thing in the Dockerfile that has no effect on this machine, although it could matter.

    Raises:
        InvalidInput: a file to copy is missing.
    """
    files = _Files(context, folder)
    folder.mkdir()
    for step in stage.steps:
        files.add(step)
    skipped = [*stage.skipped, *files.missing]
    if not skipped:
        return _owner_fault(stage, files)
    lines: dict[str, list[str]] = {}
    for name, line in skipped:
        lines.setdefault(name, []).append(str(line))
    named = [f"{name} (line{'s' * (len(of) > 1)} {', '.join(of)})" for name, of in lines.items()]
    packages = "; trials use the packages and programs of this machine" if "RUN" in lines else ""
    return [f"Not done here of the trainer's Dockerfile: {', '.join(named)}{packages}", *_owner_fault(stage, files)]


def _owner_fault(stage: Stage, files: "_Files") -> list[str]:
    user = stage.user.split(":")[0]
    may_change = any(word in command for command in stage.commands for word in ("chown", "chmod", "mkdir", "install -"))
    if user in ROOT or may_change or files.owners.get(stage.workdir, "") not in ROOT:
        return []
    return [
        f"On AWS a trial cannot write to its working folder: the Dockerfile's USER is {user}, and {stage.workdir} "
        f"belongs to root; add RUN chown {user} {stage.workdir} before USER"
    ]


class _Files:
    """The files of an image that is being made.

    Attributes:
        owners: who owns a folder, by its path in the image.
        missing: what a COPY --from does not find: a RUN of the other stage would make it.
    """

    def __init__(self, context: Path, folder: Path) -> None:
        self._context = context
        self._folder = folder
        self.owners: dict[str, str] = {}
        self.missing: list[tuple[str, int]] = []

    def add(self, step: Copied | Made) -> None:
        match step:
            case Made():
                self._make(step.path, step.user)
            case Copied(stage=Stage() as stage):
                with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
                    built(stage, self._context, other := Path(scratch, "stage"))
                    self._copy(step, other)
            case Copied():
                self._copy(step, self._context)

    def _copy(self, step: Copied, source: Path) -> None:
        for name, text in step.texts.items():
            (target := self._target(step, name)).write_text(text, encoding="utf-8")
            target.chmod(0o644 if step.mode is None else step.mode)
        for pattern in step.sources:
            path = posixpath.normpath(f"/{pattern}").lstrip("/")
            found = sorted(_matching(source, path.split("/") if path else []))
            if not found and step.stage is not None:
                self.missing.append((f"COPY of {pattern} from another stage", step.instruction.line))
            elif not found and not set("*?[") & set(path):
                raise step.instruction.fault(
                    f"{pattern} is not in the build context; is it in the trainer's folder, and not in .dockerignore?"
                )
            for file in found:
                self._copy_one(step, _followed(file, source, step), file.name)

    def _copy_one(self, step: Copied, source: Path, name: str) -> None:
        if source.is_dir():
            self._make(step.target.rstrip("/") or "/", step.user)
            target = self._inside(step.target)
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
            changed = [target / path.relative_to(source) for path in source.rglob("*")]
        elif step.unpacks and tarfile.is_tarfile(source):
            self._make(step.target.rstrip("/") or "/", step.user)
            with tarfile.open(source) as archive:
                archive.extractall(self._inside(step.target), filter="data")
            return
        else:
            target = self._target(step, name)
            if target.is_symlink():
                target.unlink()
            shutil.copy2(source, target)
            changed = [target]
        for path in changed if step.mode is not None else ():
            if not path.is_symlink():
                path.chmod(step.mode or 0)

    def _target(self, step: Copied, name: str) -> Path:
        """Returns where a file goes: below the target, if that is a folder."""
        is_folder = step.target.endswith("/") or self._inside(step.target).is_dir()
        path = f"{step.target.rstrip('/')}/{name}" if is_folder else step.target
        self._make(posixpath.dirname(path), step.user)
        return self._inside(path)

    def _make(self, path: str, user: str) -> None:
        parents = [path]
        while parents[-1] != "/":
            parents.append(posixpath.dirname(parents[-1]))
        for parent in reversed(parents):
            if not self._inside(parent).exists():
                self._inside(parent).mkdir()
                self.owners[parent] = user

    def _inside(self, path: str) -> Path:
        return self._folder / path.lstrip("/")


def _matching(folder: Path, parts: list[str]) -> Iterator[Path]:
    """Yields what a source names; `*`, `?` and `[a-z]` do not match a `/`."""
    if not parts:
        yield folder
        return
    if set("*?[\\") & set(parts[0]):
        # Go writes [^a] and \*, where fnmatch has [!a] and [*].
        pattern = re.sub(r"\\(.)", r"[\1]", parts[0]).replace("[^", "[!")
        there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        names = fnmatch.filter(there, pattern)
    else:
        names = [parts[0]] if os.path.lexists(folder / parts[0]) else []
    for name in names:
        yield from _matching(folder / name, parts[1:])


def _followed(file: Path, folder: Path, step: Copied) -> Path:
    real = file.resolve()
    if real != folder.resolve() and folder.resolve() not in real.parents:
        raise step.instruction.fault(f"{file.relative_to(folder)} is a link that leads out of the build context")
    if not real.exists():
        raise step.instruction.fault(f"{file.relative_to(folder)} is a link to nothing")
    return real
