"""Starts the process of `host.py`, with no more of a person's environment than it needs."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from stepsweep.local.endpoint import WITHOUT_FILES
from stepsweep.local.preload import BARE
from stepsweep.local.share import threads

PACKAGES = (sysconfig.get_path("purelib"), str(Path(__file__).parents[2]))
"""Folders of the packages that a host needs: psutil's, and stepsweep's, which are two where this is a clone."""

NEEDED = (
    "HOME", "PATH", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH",
    "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE",
)  # fmt: skip
"""Variables with which Python finds its modules and their libraries."""


def start_host(*, is_bare: bool) -> "subprocess.Popen[bytes]":
    """Starts a host, which reads requests and writes answers.

    Args:
        is_bare: whether its processes can import only the standard library, unless they extend the path (`python -S`).
    """
    # The host itself needs packages. It removes the entries of PYTHONPATH from the search path of its processes.
    bare = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(PACKAGES))} if is_bare else {}
    return subprocess.Popen(
        # A file, not a module, and -P: this keeps the current folder out of the search path.
        [sys.executable, *(BARE if is_bare else ("-P",)), str(Path(__file__).with_name("host.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**_needed(os.environ), **WITHOUT_FILES, **threads(1), **bare},
        start_new_session=True,  # the cloud handles Ctrl-C
    )


def _needed(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns what a host needs of the person's environment.

    A job can read all that its host has, in /proc. And what is set for the real AWS is not for the embedded cloud: a
    broken setting would end the host.
    """
    return {name: environment[name] for name in NEEDED if name in environment}
