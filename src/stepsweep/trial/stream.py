"""What the lines before in its stream say about a line: a warning, a traceback, or a table."""

from __future__ import annotations

import re

from stepsweep.trial.table import Table

_WARNING = re.compile(r":\d+: \w*Warning: ")
"""As `warnings.formatwarning` writes it: `train.py:3: FutureWarning: …`, and then the indented line of code."""
_TRACEBACK = "Traceback (most recent call last):"
_ERROR = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit|Group)\b", re.ASCII)
"""As the last line of a traceback begins. Other lines may come between those of a traceback, from another process."""


class Stream:
    """What the lines so far of a stream say about its next one."""

    def __init__(self) -> None:
        self.table = Table()
        self._after_warning = False
        self._in_traceback = False

    def is_message(self, line: str) -> bool:
        """Returns whether the next line belongs to a warning or a traceback."""
        was_after_warning, self._after_warning = self._after_warning, bool(_WARNING.search(line))
        if self._after_warning or (was_after_warning and line[0].isspace()):
            return True
        if _TRACEBACK in line:
            self._in_traceback = True
        if self._in_traceback and (line[0].isspace() or _TRACEBACK in line):
            return True
        if self._in_traceback and _ERROR.match(line):
            self._in_traceback = False
            return True
        return False
