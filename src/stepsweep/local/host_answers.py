"""What a host and its processes answer to the cloud: one JSON document per line."""

import contextlib
import json
import os

ANSWERS = 3
"""File descriptor for answers. Not standard output, since an imported module could print to it."""

MAX_ERROR_LETTERS = 1_000
"""Several processes write answers to one pipe. Only short writes are atomic (4,096 bytes on Linux, 512 by POSIX)."""


def answer(**document: object) -> None:
    with contextlib.suppress(BrokenPipeError):  # the cloud is gone; standard input ends too
        os.write(ANSWERS, json.dumps(document).encode() + b"\n")


def said(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:MAX_ERROR_LETTERS]
