"""What is slow to make is made once for all test processes of a run; the other processes wait for it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def shared_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """Returns a folder that all test processes of this run have in common."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    return folder


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Returns `folder`, which the first process that asks for it makes.

    Args:
        folder: where nothing is yet, or what an earlier call has made.
        make: gets the path of a folder that it makes and fills. If it raises, the next call tries again.
    """
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}-{os.getpid()}-{os.urandom(4).hex()}")
            make(unfinished)
            unfinished.rename(folder)
    return folder
