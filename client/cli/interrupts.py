"""Signals that end a command."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


@contextmanager
def signals_interrupt() -> Iterator[Callable[[], None]]:
    """Makes SIGTERM, and SIGHUP of a closed terminal, end a command like Ctrl-C.

    Only the first signal counts: a second one must not interrupt the cleanup and leave jobs behind. After the cleanup,
    a call of the yielded function makes the next one count.
    """
    # `nohup` and a shell's `&` ignore some signals; these stay ignored.
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [number for name in names if signal.getsignal(number := getattr(signal, name)) is not signal.SIG_IGN]

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    def listen() -> None:
        for number in numbers:
            signal.signal(number, interrupt)

    before = {number: signal.getsignal(number) for number in numbers}
    listen()
    try:
        yield listen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
