"""Runs the script with another Python than the wrapper's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path


def with_python(python: str, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Returns the command and the variables that make `python` the interpreter, as an activated environment does.

    What is installed beside it, such as `torchrun`, is found first.
    """
    folder = Path(python).parent
    path = environment.get("PATH") or os.environ.get("PATH") or os.defpath
    own = {"PATH": os.pathsep.join([str(folder), path])}
    if (folder.parent / "pyvenv.cfg").is_file():
        own["VIRTUAL_ENV"] = str(folder.parent)
    words = [python, *argv[1:]] if argv[0] in ("python", "python3") else list(argv)
    return words, {**environment, **own}
