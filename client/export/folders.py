"""The folder of an exported sweep, with one folder per trial, in which a repeated export keeps what is up to date.

Tools call such a folder a run.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsweep.bucket.s3 import from_json
from stepsweep.client.export.finished import Finished
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.marks import EXPORTED
from stepsweep.contract.results import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The result of an export.

    Attributes:
        folder: the sweep's folder, which holds the runs of its trials.
        written: number of trials' runs that were created or rewritten.
        unchanged: number of trials' runs that were up to date.
        removed: number of runs that were deleted because the sweep no longer has their trial.
    """

    sweep: str
    folder: Path
    written: int
    unchanged: int
    removed: int

    def to_json(self) -> dict[str, Any]:
        return {
            "sweep": self.sweep,
            "folder": str(self.folder),
            "written": self.written,
            "unchanged": self.unchanged,
            "removed": self.removed,
        }


def write_runs(
    finished: Finished,
    folder: Path,
    *,
    option: str,
    hparams: Mapping[str, Mapping[str, Any]],
    write: Callable[[Path, Result], None],
    clear: Callable[[Path], None],
    write_sweep: Callable[[Path], None] = lambda _: None,
) -> Written:
    """Writes a sweep's runs below `folder`, in a folder of the sweep's name.

    Args:
        option: what names the folder on the command line, for messages.
        hparams: the options of each trial, by its id.
        write: writes a trial's run into its folder, which exists, and has nothing of an earlier export.
        clear: removes what `write` has written.
        write_sweep: writes what is about the whole sweep into its folder.

    Raises:
        InvalidInput: the sweep's folder holds something else, or a file cannot be written.
    """
    home = folder / finished.spec.name
    try:
        _claim(home, finished, option)
        write_sweep(home)
        written = 0
        for result in finished.results:
            run, state = home / result.trial.trial_id, _state(result, hparams[result.trial.trial_id])
            if _mark(run) == state:
                continue
            run.mkdir(exist_ok=True)
            # Complete only when what it is about is.
            (run / EXPORTED).write_text("{}")
            clear(run)
            write(run, result)
            (run / EXPORTED).write_text(json.dumps(state))
            written += 1
        removed = _remove_others(home, hparams, clear)
    except OSError as error:
        raise InvalidInput([f"{error.filename or home} cannot be written: {error.strerror}"]) from None
    return Written(
        sweep=finished.spec.name,
        folder=home,
        written=written,
        unchanged=len(finished.results) - written,
        removed=removed,
    )


def _claim(home: Path, finished: Finished, option: str) -> None:
    """Marks the sweep's folder as ours. Raises InvalidInput if it holds something else."""
    ours = {"sweep": finished.spec.name, "results": finished.results_at, "export": option}
    if home.is_dir() and any(home.iterdir()) and (mark := _mark(home)) != ours:
        whose = f"the sweep of {mark['results']}" if mark and "results" in mark else "files that no export wrote"
        if mark and mark.get("export") not in (None, option):
            whose = f"an export with {mark['export']}"
        raise InvalidInput([f"{option}: {home} holds {whose}; give another folder, or remove it"])
    home.mkdir(parents=True, exist_ok=True)
    (home / EXPORTED).write_text(json.dumps(ours))


def _mark(folder: Path) -> dict[str, Any] | None:
    """Returns what a folder of ours holds; empty if an export did not end, None if the folder is not ours."""
    try:
        document = from_json((folder / EXPORTED).read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _state(result: Result, hparams: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a run is made from.

    This suffices, because metrics files never change. The value is that of the objective, which another sweep of the
    same name may have had otherwise.
    """
    return {
        "value": result.value,
        "epoch": result.epoch,
        "trial_id": result.trial.trial_id,
        "status": result.outcome.status.value,
        "reason": result.outcome.reason,
        "epochs": result.trial.epochs,
        "hparams": dict(hparams),
    }


def _remove_others(home: Path, known: Iterable[str], clear: Callable[[Path], None]) -> int:
    """Deletes the runs of other trials, but no file that an export did not write. Returns how many."""
    others = [run for run in home.iterdir() if run.is_dir() and run.name not in set(known) and _mark(run) is not None]
    for run in others:
        clear(run)
        (run / EXPORTED).unlink()
        if not any(run.iterdir()):
            run.rmdir()
    return len(others)
