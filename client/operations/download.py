"""Downloads the artifacts of trials: of the winner or the front, or of those that a person names."""

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsweep.bucket.plans import Plan
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.trial_files import Artifact
from stepsweep.client.archive.named import trial_meant
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError, explained
from stepsweep.contract.artifacts import DOWNLOADED, FRONT, NONE, WINNER
from stepsweep.contract.described import MAX_NAMED, number_of
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.space import as_option, key_of, shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status, Trial

AGAIN = "train it again (`fresh: true`, --fresh)"
THREADS = 4

_File = tuple[Artifact, Path]
"""An artifact, and its path below the folder."""


class NoRoom(InvalidInput):
    """The disk of the folder has not enough room for the artifacts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """The result of `sweep download`.

    Attributes:
        trials: the trials' ids.
        files: paths below the folder.
        expiring: number of files that the bucket will delete.
    """

    sweep: str
    folder: Path
    trials: tuple[str, ...]
    files: tuple[Path, ...]
    bytes: int
    expiring: int

    def to_json(self) -> dict[str, Any]:
        return {
            "sweep": self.sweep,
            "folder": str(self.folder),
            "trials": list(self.trials),
            "files": list(map(str, self.files)),
            "bytes": self.bytes,
        }


def download(
    cloud: Cloud,
    name: str,
    words: Sequence[str] = (),
    *,
    folder: Path | None = None,
    force: bool = False,
    on_start: Callable[[int, int, Path], object] = lambda *_: None,
) -> Downloaded:
    """Downloads the artifacts of a trial into a folder. All files arrive, or none does.

    Args:
        words: name a trial; without them it is the winner, or with several objectives all trials on the front. With
            several folds or seeds, the winner has a folder for each of its trials, and so has the front.
        folder: created if missing; by default it has the sweep's name.
        force: replaces files that are there.
        on_start: receives the number of files, their bytes and the folder.

    Raises:
        InvalidInput: there is no such sweep or trial, it has no artifacts, or files are in the way.
        CloudError: the cloud failed, or a file was deleted meanwhile.
    """
    archive = cloud.looked_at().archive
    spec = archive.spec(name)
    plan = archive.plan(spec)
    if plan is None:
        raise InvalidInput([f"the sweep {name} has no plan yet, and so no trials"])
    trials = _trials(archive, plan, words)
    with explained():
        found = list(zip(trials, for_all(archive.records.files.artifacts, trials), strict=True))
    files = [
        (artifact, Path(_folder_of(spec, trial) if len(trials) > 1 else "", artifact.path))
        for trial, artifacts in found
        for artifact in artifacts
    ]
    if not files:
        rows = archive.standing(name, running=[]).rows
        raise InvalidInput([_why_none(spec, trials[0], rows, cloud.where)])
    folder = folder or Path(f"{name}-{trials[0].trial_id}" if words else name)
    size = sum(artifact.bytes for artifact, _ in files)
    _check(files, folder, size, force=force)
    on_start(len(files), size, folder)
    _save(archive, files, folder)
    return Downloaded(
        sweep=name,
        folder=folder,
        trials=tuple(trial.trial_id for trial in trials),
        files=tuple(path for _, path in files),
        bytes=size,
        expiring=sum(not artifact.is_kept for artifact, _ in files),
    )


def _trials(archive: Archive, plan: Plan, words: Sequence[str]) -> list[Trial]:
    """Returns the trial that a person names, or all trials of the winner or the front."""
    if not words and plan.spec.has_front:
        front = [plan.trials[row.trial_id] for row in archive.standing(plan.spec.name, running=[]).front]
        if not front:
            raise InvalidInput([f"no trial of the sweep {plan.spec.name} has succeeded yet, so it has no front"])
        return front
    trial = trial_meant(archive, plan, words or ["1"])
    return [trial] if words else [each for each in plan.trials.values() if key_of(each.params) == key_of(trial.params)]


def _folder_of(spec: SweepSpec, trial: Trial) -> str:
    """Returns a name that tells the trial from others of the same params, `fold-0-seed-1`, or of the same front."""
    if spec.has_front:
        return trial.trial_id
    return "-".join(f"{name}-{as_option(value)}" for name, value in trial.member.items())


def _why_none(spec: SweepSpec, trial: Trial, rows: Sequence[Row], where: str) -> str:
    what = f"the trial {trial.trial_id} of {spec.name} has no artifacts"
    failed = next((row for row in rows if row.trial_id == trial.trial_id and row.status != Status.SUCCEEDED), None)
    if failed:
        return f"{what}: it is {', '.join(filter(None, (failed.status, failed.reason)))}"
    if spec.keep_artifacts == NONE:
        whose = FRONT if spec.has_front else WINNER
        return f'{what}: the sweep has `keep_artifacts: none`; write "{whose}", and {AGAIN}'
    if not spec.artifacts:
        return f"{what}; name its files in the spec, as in `artifacts: [best.pt]`, and {AGAIN}"
    return (
        f"{what}: it left no {' and no '.join(spec.artifacts)}, was trained before the sweep asked for them, or the "
        f"bucket has deleted them; `sweep logs {spec.name} {trial.trial_id}{where}` says what it left"
    )


def _check(files: Sequence[_File], folder: Path, size: int, *, force: bool) -> None:
    """Raises InvalidInput if a file has no place in the folder."""
    paths = [path for _, path in files]
    faults = [
        f"{shown(str(path))}: is a file and a folder among the artifacts; download them with `aws s3 cp`"
        for path in sorted(set(paths) & {parent for path in paths for parent in path.parents})
    ]
    by_disk: dict[str, Path] = {}
    for path in paths:
        other = by_disk.setdefault(str(path).casefold(), path)
        if other != path:
            faults.append(
                f"{shown(str(path))}: differs from {shown(str(other))} in upper and lower case only, and some disks "
                "take them for one; download them with `aws s3 cp`"
            )
    there = [folder / path for path in paths if os.path.lexists(folder / path)]
    folders = [path for path in there if path.is_dir()]
    files_there = [parent for path in paths for parent in (folder / path).parents if parent.is_file()]
    faults += [f"{path}: is a folder, and the artifact is a file; give another folder with -o" for path in folders]
    faults += [f"{path}: is a file; give another folder with -o" for path in sorted(set(files_there))]
    if not force and (rest := [path for path in there if path not in folders]):
        more = f" and {number_of(len(rest) - MAX_NAMED, 'more file')}" if len(rest) > MAX_NAMED else ""
        names = ", ".join(map(str, rest[:MAX_NAMED]))
        faults.append(f"{names}{more}: there already; replace with --force, or give another folder with -o")
    if faults:
        raise InvalidInput(faults)
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if (free := shutil.disk_usage(existing).free) < size:
        raise NoRoom([f"{folder}: the artifacts have {size:,} bytes, and {free:,} are free there"])


def _save(archive: Archive, files: Sequence[_File], folder: Path) -> None:
    """Writes the files to a hidden folder first, and moves them when all are there."""
    is_new, whole = not folder.exists(), folder.resolve()
    hidden = f".download-{secrets.token_hex(4)}"
    beside = whole.with_name(f"{hidden}-{whole.name}") if is_new else whole / hidden
    try:
        for path in {(beside / path).parent for _, path in files}:
            path.mkdir(parents=True, exist_ok=True)
        with explained():
            for_all(lambda each: archive.records.files.save(each[0], beside / each[1]), files, threads=THREADS)
        if is_new:
            (beside / DOWNLOADED).touch()  # in a project's folder it is no part of the trainer
            beside.rename(whole)
            return
        for _, path in files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (beside / path).replace(folder / path)
    except FileNotFoundError as error:
        raise CloudError(f"an artifact was deleted meanwhile: {error}") from None
    except OSError as error:
        raise InvalidInput([f"{error.filename or folder} cannot be written: {error.strerror}"]) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
