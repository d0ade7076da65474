"""What a terminal shows of a line, as text without colours, and which of several processes printed it."""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_NUMPY = re.compile(r"\b(?:(?:np|numpy)\.\w+|tensor)\(([^()\[\],]*)(?:,[^()\[\]]*)?\)")
"""A scalar as NumPy or PyTorch prints it."""
_LOGGER = re.compile(r"\s*(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):[\w.]*:")
"""As `logging` begins a line where nobody says how."""
_RANK = re.compile(
    r"\s*\[default[ :]?(\d+)\]|\s*\[\d+,(\d+)\]<std|\[(?:rank|gpu|cuda)[ :]?(\d+)\]", re.ASCII | re.IGNORECASE
)
"""As torchrun, mpirun, and people's scripts name one of several processes."""


def clean(text: str) -> str:
    """Returns a line without colours and the like, and with numbers as Python writes them."""
    line = _ANSI.sub("", text) if "\x1b" in text else text
    line = (_NUMPY.sub(r"\1", line) if "(" in line else line).replace("\u2212", "-")
    logger = _LOGGER.match(line)
    return line[logger.end() :] if logger else line


def states(text: str) -> list[str]:
    """Returns what a line showed one after the other, as a progress bar that `\\r` and `\\b` take back does."""
    return [_overwritten(part) if "\b" in part else part for part in text.split("\r")]


def _overwritten(text: str) -> str:
    shown: list[str] = []
    at = 0
    for sign in text:
        if sign == "\b":
            at = max(0, at - 1)
        else:
            shown[at : at + 1] = [sign]
            at += 1
    return "".join(shown)


def is_of_another_process(line: str) -> bool:
    """Returns whether a process of another rank than 0 printed the line."""
    rank = _RANK.match(line) or _RANK.search(line) if "[" in line else None
    return bool(rank and int(next(number for number in rank.groups() if number)))
