"""Processes of others, any of which may end while it is looked at."""

import contextlib
from collections.abc import Iterable

import psutil


def running(text: str, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Returns those whose command line holds the text."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if text in " ".join(process.cmdline()):
                found.append(process)
    return found
