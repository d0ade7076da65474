"""Exit codes of the command, for scripts."""

from collections.abc import Sequence
from enum import IntEnum

import click

EXIT_CODES = (
    "Exit codes: 0 there is a winner or a front · 1 the sweep or the cloud failed · 2 wrong input · 130 interrupted."
)


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    """The sweep or the cloud failed."""
    WRONG_INPUT = 2
    INTERRUPTED = 130
    """The shells' code for a command that Ctrl-C ended: 128 plus the number of SIGINT."""


def said(lines: Sequence[str], code: int) -> int:
    """Prints the lines to stderr, and returns the exit code."""
    for line in lines:
        click.echo(f"sweep: {line}", err=True)
    return code
