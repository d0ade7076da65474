"""Remembers which trainer each sweep of this machine had: where it is, and a digest of each of its files."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsweep.bucket.folder import write_whole
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_script import Script, script_of

DOCKERFILE = "Dockerfile"
FOLDER = "trainers"
MAX_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The trainer of a sweep when it was started.

    Attributes:
        started_at: when that was, in seconds since 1970.
        place: its folder, or the file of its script; None for the tutorial's trainer.
        container: whether its trials ran in containers.
        files: path in the build context → digest.
    """

    started_at: float
    place: Path | None
    container: bool
    files: Mapping[str, str]


def files_of(trainer: Path | Script | None) -> dict[str, str]:
    """Returns the digests of a trainer's files by path; nothing for the tutorial's trainer."""
    if trainer is None:
        return {}
    from stepsweep.trainer_files import contents, digests  # needs an extra, which the tutorial's trainer does not

    return digests(contents(trainer))


def remember(directory: Path, sweep: str, trainer: Path | None, *, container: bool) -> None:
    """Writes the trainer of a sweep into the folder of its embedded cloud."""
    file = _file(directory, sweep)
    place = str(trainer.resolve()) if trainer else None
    document = {"started_at": time.time(), "trainer": place, "container": container, "files": files_of(trainer)}
    # Whole: where the disk is full, the sweep would be resumed with another trainer than the one that is known.
    write_whole(file, json.dumps(document).encode(), lasting=False)


def forget(directory: Path, sweep: str) -> None:
    _file(directory, sweep).unlink(missing_ok=True)


def remembered(directory: Path, sweep: str) -> Remembered | None:
    """Returns the trainer of a sweep; None if another client has started it."""
    return _read(_file(directory, sweep))


def changed(directory: Path, sweep: str, trainer: Path | None) -> tuple[str, ...]:
    """Returns which files of a trainer are others than a sweep's were; none if another client has started it."""
    then = remembered(directory, sweep)
    if then is None:
        return ()
    now = files_of(trainer)
    names = sorted(each for each in {*then.files, *now} if then.files.get(each) != now.get(each))
    script = script_of(trainer) if trainer else None
    if script is None or DOCKERFILE not in names:
        return tuple(names)
    # A script's Dockerfile is made from its command, or ends with it.
    own = [DOCKERFILE] if script.has_dockerfile else []
    fields = _fields(script_at(then.place), script) or ([] if own else ["how it is run"])
    return (*fields, *own, *(each for each in names if each != DOCKERFILE))


def _fields(then: Script | None, now: Script) -> list[str]:
    """Returns which fields of the spec have changed since an earlier script; none if that is gone."""
    from stepsweep.client.specs.script import changed_fields

    return changed_fields(then, now) if then else []


def ignore_file(trainer: Path | None, names: Sequence[str]) -> str:
    """Returns the file that leaves out files of these that a trainer has; empty if it has none of them."""
    home = home_of(trainer)
    if trainer is None or home is None or not any((home / name).is_file() for name in names if name != DOCKERFILE):
        return ""
    from stepsweep.trainer_files import ignore_file_of

    return ignore_file_of(script_of(trainer) or home)


def named(files: Sequence[str]) -> str:
    more = f" and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else ""
    return f"{', '.join(files[:MAX_NAMED])}{more}"


def home_of(trainer: Path | None) -> Path | None:
    """Returns the folder of a trainer, which may be a script's file."""
    script = script_of(trainer) if trainer else None
    return script.folder if script else trainer.resolve() if trainer else None


def sweeps_of(directory: Path, trainer: Path | Script | None) -> list[str]:
    """Returns the sweeps that had this trainer as it is now, sorted by name."""
    there = {file.stem: _read(file) for file in sorted((directory / FOLDER).glob("*.json"))}
    if not there:
        return []
    files, is_tutorial = files_of(trainer), trainer is None
    return [
        name for name, each in there.items() if each and each.files == files and (each.place is None) is is_tutorial
    ]


def sweeps_at(directory: Path, place: Path | None) -> list[str]:
    """Returns the sweeps whose trainer was in a folder, the latest first; for None those of the tutorial's trainer."""
    found = [(had.started_at, file.stem, had) for file in (directory / FOLDER).glob("*.json") if (had := _read(file))]
    found.sort(key=lambda each: each[:2], reverse=True)
    return [sweep for _, sweep, had in found if _folder_of(had.place) == place]


def script_at(place: Path | None) -> Script | None:
    """Returns the script of a trainer that was at a place; None if it had none, or if its file is gone or damaged."""
    try:
        return script_of(place) if place else None
    except InvalidInput:
        return None


def _folder_of(place: Path | None) -> Path | None:
    """Returns the folder of a trainer; a script's file may be gone, and then its folder is unknown."""
    script = script_at(place)
    return script.folder if script else place


def _read(file: Path) -> Remembered | None:
    try:
        document: dict[str, Any] = json.loads(file.read_bytes())
        place, started_at = document["trainer"], float(document["started_at"])
        return Remembered(
            started_at=started_at,
            place=None if place is None else Path(place),
            container=bool(document["container"]),
            files=dict(document["files"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _file(directory: Path, sweep: str) -> Path:
    # A sweep's name has only letters, digits, - and _.
    return directory / FOLDER / f"{sweep}.json"
