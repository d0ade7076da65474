"""How a command ended, for scripts."""

from collections.abc import Sequence
from enum import IntEnum

import click

EXIT_CODES = "Exit codes: 0 there is a winner · 1 the sweep or the cloud failed · 2 wrong input · 130 interrupted."


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    """The sweep, or the cloud."""
    WRONG_INPUT = 2
    INTERRUPTED = 130
    """What shells have for a command that Ctrl-C ended: 128 and the number of SIGINT."""


def said(lines: Sequence[str], code: int) -> int:
    """Prints what went wrong on stderr; returns the exit code."""
    for line in lines:
        click.echo(f"sweep: {line}", err=True)
    return code
