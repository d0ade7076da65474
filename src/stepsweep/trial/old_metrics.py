"""Removes metrics that were in a job's folder before its script ran: they came with the image, from a run by hand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

FILE, TENSORBOARD, MLFLOW = "--metrics-file", "--tensorboard", "--mlflow"


def remove(option: str, path: Path, *, here: Path, keep: Path) -> list[Path]:
    """Returns what was removed.

    A script that writes no metrics would otherwise be ranked by another run's, and win.

    Args:
        option: which of the three names the path.
        here: the job's own folder; nothing outside it is touched.
        keep: where checkpoints of the trial's earlier attempts lie.

    Raises:
        OSError: something cannot be removed.
    """
    removed = []
    for old in _old(option, path):
        place = old.parent.resolve() / old.name
        if here.resolve() not in place.parents or keep.resolve() in place.parents:
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
        removed.append(old)
    return removed


def _old(option: str, path: Path) -> Iterator[Path]:
    if option == TENSORBOARD:
        yield from (found for found in sorted(path.rglob("*tfevents*")) if not found.is_dir())
        return
    names = [path] if option == FILE or path.name in ("mlflow.db", "mlruns") else [path / "mlflow.db", path / "mlruns"]
    yield from (name for name in names if name.exists() or name.is_symlink())
