"""Ports of this machine for servers that a test starts, ends, and starts again."""

import contextlib
import random
import socket


def free_port() -> int:
    """Returns a port that nothing listens on, and that stays free until a test uses it.

    It is neither the page's usual one, nor one of those that a system gives to programs that name none: tests that run
    beside this one get those.
    """
    while True:
        port = random.randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
