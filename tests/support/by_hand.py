"""A script that is run as its author runs it, without a sweep."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ONE_AFTER_ANOTHER = """
import contextlib, json, os, runpy, sys
sys.path[0] = os.getcwd()
for words in json.loads(sys.argv.pop()):
    sys.argv = words
    with contextlib.suppress(SystemExit):
        runpy.run_path(words[0], run_name="__main__")
    print("\\n@", flush=True)
"""
"""Imports what the script imports once."""


def by_hand(
    project: Path, runs: Sequence[Sequence[str]], *, python: str, environment: dict[str, str] | None = None
) -> list[str]:
    """Runs a Python script in a copy of its project, and returns the last word that each run prints."""
    elsewhere = project.parent / f"{project.name}-by-hand"
    shutil.copytree(project, elsewhere, ignore=shutil.ignore_patterns(".stepsweep"))
    words = [python, "-c", ONE_AFTER_ANOTHER, json.dumps(runs)]
    own = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    ended = subprocess.run(words, cwd=elsewhere, env=own, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return [text.split()[-1] for text in ended.stdout.split("\n@\n")[:-1]]
