"""The script as a child: its output passes through, but for secrets, and SIGTERM and Ctrl-C reach it."""

from __future__ import annotations

import contextlib
import os
import re
import select
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import IO, BinaryIO

from stepsweep.trial.masked import Masked, secrets_in

GRACE_SECONDS = 30.0
"""Between SIGTERM and SIGKILL, as Batch and a Spot machine give them."""

OUTPUT_SECONDS = 5.0
"""How long output of processes that the script left behind is read after its end."""

CATCH_UP_SECONDS = 1.0
"""How long a signal waits at most until the output so far is read: what the script printed before must count."""

READ_BYTES = 65536
MOST_READS = 16
"""Of a pipe, after the script's end: by then all is read that waited there, also where a page of memory has 64 KiB."""

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
        terminated: whether SIGTERM or Ctrl-C came before it had ended.
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
    *,
    is_last: bool = True,
) -> Ended:
    """Runs the script, and calls `terminated` before it tells it to end.

    Args:
        line: called with each line of the output, and with the stream that it was printed to: `STDOUT` or `STDERR`. A
            state of a progress bar is a line that ends with `\\r`.
        end: once it is set, the script is told to end, and killed if it does not.
        is_last: whether nothing of the script is left to write afterwards. Otherwise SIGTERM does nothing any more, and
            whoever writes sets it back: there is time until SIGKILL.

    Raises:
        OSError: it cannot be started.
    """
    child: subprocess.Popen[bytes] | None = None
    streams: list[_Stream] = []
    is_idle = threading.Event()
    has_signal = is_read_from = is_told = False
    owed = 0  # a signal that came before the script could be told

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal has_signal, owed
        if child and child.poll() is not None:  # it has ended by itself
            return
        has_signal = True
        if is_read_from:
            tell(number)
        else:
            owed = number

    def tell(number: int) -> None:
        nonlocal is_told
        if not is_told:  # or a second signal would wait for what the first one holds
            is_told = True
            _catch_up(streams, is_idle)
            terminated()
        if child:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        child = subprocess.Popen(
            list(argv),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        outputs = ((STDOUT, child.stdout, sys.stdout.buffer), (STDERR, child.stderr, sys.stderr.buffer))
        streams += [
            _Stream(name, source, target, Masked(secrets_in(os.environ))) for name, source, target in outputs if source
        ]
        failed: list[Exception] = []
        is_over, to_tell = os.pipe()
        is_read = threading.Event()
        reader = threading.Thread(
            target=_pass_through, args=(streams, line, failed, is_over, is_read, is_idle), daemon=True
        )
        reader.start()
        is_read_from = True
        if owed:
            tell(owed)
        if end:
            threading.Thread(target=_end, args=(child, end, tell), daemon=True).start()
        try:
            code = _waited(child)
        finally:
            os.close(to_tell)
        # However long that takes, such as while nobody takes our own output: a curve without its end would count.
        is_read.wait()
        reader.join(OUTPUT_SECONDS)
        if failed:
            raise failed[0]
    finally:
        for number, handler in before.items():
            is_kept = number == signal.SIGTERM and not is_last
            signal.signal(number, (lambda *_: None) if is_kept else handler)
    return Ended(128 - code if code < 0 else code, killed=code < 0, terminated=has_signal)


def _waited(child: subprocess.Popen[bytes]) -> int:
    """Waits for the child's end, and handles signals as they come.

    Python handles a signal that comes just before the main thread waits for a child, or that the system gives to
    another thread, only when that wait is over. So the main thread waits for a pipe, into which a signal writes.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)

    def wait(over: IO[bytes]) -> None:
        # It may be full, or nobody reads it any more.
        with contextlib.suppress(OSError), over:
            child.wait()
            over.write(b"\0")

    former = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        # A pipe's end of its own, which nobody else closes.
        threading.Thread(target=wait, args=(os.fdopen(os.dup(wake), "wb", 0),), daemon=True).start()
        while child.returncode is None:
            os.read(woken, READ_BYTES)
        return child.returncode
    finally:
        signal.set_wakeup_fd(former)
        os.close(woken)
        os.close(wake)


def _end(child: subprocess.Popen[bytes], end: threading.Event, tell: Callable[[int], None]) -> None:
    end.wait()
    tell(signal.SIGTERM)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _catch_up(streams: Sequence[_Stream], is_idle: threading.Event) -> None:
    """Waits until what the script has printed is read."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    with contextlib.suppress(OSError, ValueError):  # a pipe that is closed meanwhile, and so is read
        while time.monotonic() < deadline:
            sources = [stream.source for stream in streams if not stream.source.closed]
            if not select.select(sources, [], [], 0)[0] and is_idle.is_set():
                return
            time.sleep(0.005)


@dataclass
class _Stream:
    name: str
    source: IO[bytes]
    target: BinaryIO
    masked: Masked
    rest: bytes = b""
    is_too_long: bool = False

    def lines(self) -> list[bytes] | None:
        """Passes on what can be read, and returns the lines that it completes; None at the end."""
        data = self.source.read(READ_BYTES)
        shown = self.masked.next(data) if data else self.masked.rest()
        try:
            self.target.write(shown)
            self.target.flush()
        except OSError:  # nobody reads this output any more, and so the script cannot print to it either
            data = shown = b""
        *lines, self.rest = _LINE.split(self.rest + shown)
        if lines and self.is_too_long:
            del lines[0]
            self.is_too_long = False
        if self.is_too_long or len(self.rest) > MAX_LINE:
            self.rest, self.is_too_long = b"", True
        return lines if data else None


def _pass_through(
    streams: Sequence[_Stream],
    line: Callable[[str, str], None],
    failed: list[Exception],
    is_over: int,
    is_read: threading.Event,
    is_idle: threading.Event,
) -> None:
    """Reads the streams in one thread: what was printed first is then read first, unless both wait to be read.

    Output passes through even after a line could not be taken, or the script would wait for ever.

    Args:
        is_over: a pipe that is closed when the script has ended.
        is_read: set after that, when all that the script itself has printed is read.
        is_idle: set while it waits for more.
    """
    is_late, reads = False, 0
    try:
        with open(is_over, "rb", buffering=0) as over, selectors.DefaultSelector() as selector:
            selector.register(over, selectors.EVENT_READ)
            for stream in streams:
                selector.register(stream.source, selectors.EVENT_READ, stream)
            while selector.get_map():
                is_idle.set()
                ready = selector.select(0 if is_late and not is_read.is_set() else None)
                is_idle.clear()
                for key, _ in ready:
                    if key.data is not None:
                        _read(key.data, selector, line, failed)
                reads += is_late
                if is_late and (not ready or reads == MOST_READS):
                    is_read.set()
                if any(key.data is None for key, _ in ready):
                    selector.unregister(over)
                    is_late = True
    finally:
        is_read.set()


def _read(
    stream: _Stream, selector: selectors.BaseSelector, line: Callable[[str, str], None], failed: list[Exception]
) -> None:
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
