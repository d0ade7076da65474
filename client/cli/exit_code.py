"""How a command ended, for scripts."""

from enum import IntEnum


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    """The sweep, or the cloud."""
    WRONG_INPUT = 2
    INTERRUPTED = 130
    """What shells have for a command that Ctrl-C ended: 128 and the number of SIGINT."""
