"""Signals that end a command."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from stepsweep.client.signals import ending_signals, handled_by, send_again

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


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

    def was_dropped(dropped: "UnraisableHookArgs") -> None:
        """Sends a dropped signal again: the command would ignore all signals from then on."""
        if dropped.exc_type is not KeyboardInterrupt or not numbers:
            former(dropped)
            return
        listen()
        send_again(numbers[0])

    with handled_by(interrupt):
        sys.unraisablehook = was_dropped
        try:
            yield listen
        finally:
            sys.unraisablehook = former
