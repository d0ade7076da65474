"""The script as a child: its output passes through unchanged, and SIGTERM and Ctrl-C reach it."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import IO, BinaryIO

GRACE_SECONDS = 30.0
"""Between SIGTERM and SIGKILL, as Batch and a Spot machine give them."""

OUTPUT_SECONDS = 5.0
"""How long output of processes that the script left behind is read after its end."""


STDOUT, STDERR = "stdout", "stderr"

MAX_LINE = 1 << 20
"""In bytes. A longer line passes through, and is not read."""

_LINE = re.compile(rb"(?:(?<=\r)(?!\n)|\r?\n)")
"""Where a line ends. A state of a progress bar ends with `\\r`, and keeps it: the next one replaces it."""


@dataclass(frozen=True)
class Ended:
    """How the script ended.

    Attributes:
        code: its exit code; 128 + n for signal n.
        killed: whether a signal ended it.
        terminated: whether it was told to end, by SIGTERM or Ctrl-C.
    """

    code: int
    killed: bool
    terminated: bool


def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    line: Callable[[str, str], None],
    terminated: Callable[[], None],
    end: threading.Event | None = None,
) -> Ended:
    """Runs the script, and calls `terminated` on SIGTERM or Ctrl-C.

    Args:
        line: called with each line of the output, and with the stream that it was printed to: `STDOUT` or `STDERR`. A
            state of a progress bar is a line that ends with `\\r`.
        end: once it is set, the script is told to end, and killed if it does not.

    Raises:
        OSError: it cannot be started.
    """
    child: subprocess.Popen[bytes] | None = None
    told = 0

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = number
        if child:
            child.send_signal(number)
            terminated()

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        child = subprocess.Popen(
            list(argv),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        if told:  # before there was a child to tell
            pass_on(told, None)
        outputs = ((STDOUT, child.stdout, sys.stdout.buffer), (STDERR, child.stderr, sys.stderr.buffer))
        streams = [_Stream(name, source, target) for name, source, target in outputs if source]
        failed: list[Exception] = []
        reader = threading.Thread(target=_pass_through, args=(streams, line, failed), daemon=True)
        reader.start()
        if end:
            threading.Thread(target=_end, args=(child, end), daemon=True).start()
        code = child.wait()
        reader.join(OUTPUT_SECONDS)
        if failed:
            raise failed[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return Ended(128 - code if code < 0 else code, killed=code < 0, terminated=bool(told))


def _end(child: subprocess.Popen[bytes], end: threading.Event) -> None:
    end.wait()
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


@dataclass
class _Stream:
    name: str
    source: IO[bytes]
    target: BinaryIO
    rest: bytes = b""
    is_too_long: bool = False

    def lines(self) -> list[bytes] | None:
        """Passes on what can be read, and returns the lines that it completes; None at the end."""
        data = self.source.read(65536)
        try:
            self.target.write(data)
            self.target.flush()
        except OSError:  # nobody reads this output any more, and so the script cannot print to it either
            data = b""
        *lines, self.rest = _LINE.split(self.rest + data)
        if lines and self.is_too_long:
            del lines[0]
            self.is_too_long = False
        if self.is_too_long or len(self.rest) > MAX_LINE:
            self.rest, self.is_too_long = b"", True
        return lines if data else None


def _pass_through(streams: Sequence[_Stream], line: Callable[[str, str], None], failed: list[Exception]) -> None:
    """Reads the streams in one thread: what was printed first is then read first, unless both wait to be read.

    Output passes through even after a line could not be taken, or the script would wait for ever.
    """
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.source, selectors.EVENT_READ, stream)
        while selector.get_map():
            for key, _ in selector.select():
                stream = key.data
                lines = stream.lines()
                if lines is None:
                    lines = [stream.rest] if stream.rest else []
                    selector.unregister(stream.source)
                    stream.source.close()
                try:
                    for one in lines if not failed else ():
                        line(one.decode("utf-8", "replace"), stream.name)
                except Exception as error:  # noqa: BLE001  whatever it is, the caller gets it
                    failed.append(error)
