"""`stepsweep-trial` in this process: a Python of its own, and its imports, would take most of a test's time.

What takes a process of its own, such as signals, is tested with one.
"""

import os
import subprocess
from pathlib import Path

import pytest

from stepsweep.trial.__main__ import main
from tests.support.trainer import environment


class Kit:
    """Runs `stepsweep-trial` in a folder, with this process's variables but those of AWS and of a sweep."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capture = folder, monkeypatch, capture

    def __call__(self, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        self._capture.readouterr()
        with self._monkeypatch.context() as patch:
            patch.chdir(self.folder)
            asked = environment(**variables)
            for name in os.environ.keys() - asked.keys():
                patch.delenv(name)
            for name, value in asked.items():
                patch.setenv(name, value)
            try:
                code = main(words)
            except SystemExit as ended:  # argparse refuses an option, or has shown the help
                code = int(ended.code or 0)
        return subprocess.CompletedProcess(words, code, *self._capture.readouterr())
