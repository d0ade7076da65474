"""What stands in a trial's log: the script's lines, and the kit's own among them.

The last line of a failed job's log becomes the reason, so it must be the script's.
"""

from __future__ import annotations

import contextlib
import sys


class Told:
    """Prints the kit's lines, and knows which line of the script was the last."""

    def __init__(self) -> None:
        self._last, self._is_last = "", False

    def printed(self, line: str) -> None:
        """The script printed this line, which has passed through."""
        if line.strip():
            self._last, self._is_last = line.rstrip(), True

    def tell(self, text: str) -> None:
        self._is_last = False
        _print(f"stepsweep-trial: {text}")

    def why_failed(self) -> None:
        """Lets the log end in what the script said last."""
        if not self._last:
            self.tell("the script printed nothing")
        elif not self._is_last:
            _print(self._last)


def _print(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads the output any more
        print(line, file=sys.stderr, flush=True)
