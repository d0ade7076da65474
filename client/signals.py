"""Signals that ask a command to end."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

AGAIN_SECONDS = 0.05
"""After a signal that was dropped, it is sent again."""


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


def send_again(number: int) -> None:
    """Sends this process a signal a moment later: Python drops what its handler raises while a destructor or a weak
    reference's callback runs."""
    again = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()
