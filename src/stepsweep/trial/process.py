"""The script as a child: its output passes through unchanged, and SIGTERM and Ctrl-C reach it."""

from __future__ import annotations

import os
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
    line: Callable[[str], None],
    terminated: Callable[[], None],
    end: threading.Event,
) -> Ended:
    """Runs the script, passes each line of its output to `line`, and calls `terminated` on SIGTERM or Ctrl-C.

    Args:
        end: once it is set, the script is told to end, and killed if it does not.

    Raises:
        OSError: it cannot be started.
    """
    child = subprocess.Popen(
        list(argv),
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )

    told = False

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True
        child.send_signal(number)
        terminated()

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    lock = threading.Lock()
    readers = [
        threading.Thread(target=_pass_through, args=(source, target, line, lock), daemon=True)
        for source, target in ((child.stdout, sys.stdout.buffer), (child.stderr, sys.stderr.buffer))
    ]
    for reader in readers:
        reader.start()
    threading.Thread(target=_end, args=(child, end), daemon=True).start()
    code = child.wait()
    for reader in readers:
        reader.join(OUTPUT_SECONDS)
    for number, handler in before.items():
        signal.signal(number, handler)
    return Ended(128 - code if code < 0 else code, killed=code < 0, terminated=told)


def _end(child: subprocess.Popen[bytes], end: threading.Event) -> None:
    end.wait()
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


def _pass_through(
    source: IO[bytes] | None, target: BinaryIO, line: Callable[[str], None], lock: threading.Lock
) -> None:
    rest = b""
    while source and (data := source.read(65536)):
        target.write(data)
        target.flush()
        *lines, rest = (rest + data).split(b"\n")
        with lock:
            for one in lines:
                line(one.decode("utf-8", "replace"))
    if rest:
        with lock:
            line(rest.decode("utf-8", "replace"))
    if source:
        source.close()
