"""Signals that ask a command to end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


def ending_signals() -> list[int]:
    """Returns SIGINT, SIGTERM, and SIGHUP of a closed terminal, but those that are ignored.

    `nohup` and a shell's `&` have some ignored; these stay so.
    """
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    return [number for name in names if signal.getsignal(number := getattr(signal, name)) is not signal.SIG_IGN]


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Has a handler called for these signals while the context lasts."""
    before = {number: signal.signal(number, handler) for number in ending_signals()}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
