"""Signals that end a command."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from stepsweep.client.signals import ending_signals, handled_by

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

AGAIN_SECONDS = 0.05
"""After a signal that was dropped, it is sent again."""


@contextmanager
def signals_interrupt() -> Iterator[Callable[[], None]]:
    """Makes SIGTERM, and SIGHUP of a closed terminal, end a command like Ctrl-C.

    Only the first signal counts: a second one must not interrupt the cleanup and leave jobs behind. After the cleanup,
    a call of the yielded function makes the next one count.
    """
    numbers = ending_signals()

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    def listen() -> None:
        for number in numbers:
            signal.signal(number, interrupt)

    former = sys.unraisablehook

    def send_again(dropped: "UnraisableHookArgs") -> None:
        """Sends a signal again that came while a destructor or a weak reference's callback ran: Python drops what they
        raise, and the command would ignore all signals from then on."""
        if dropped.exc_type is not KeyboardInterrupt or not numbers:
            former(dropped)
            return
        listen()
        again = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), numbers[0]))
        again.daemon = True
        again.start()

    with handled_by(interrupt):
        sys.unraisablehook = send_again
        try:
            yield listen
        finally:
            sys.unraisablehook = former
