"""One embedded cloud for the tests of a session, of each kind: starting one takes seconds."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.embedded import REPOSITORY, Cloud, running_cloud
from tests.local.tiny import tiny_app


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The embedded cloud of this repository's own stack."""
    with running_cloud(tmp_path_factory.mktemp("cloud"), vcpus=4) as running:
        yield running


@pytest.fixture(scope="session")
def tiny_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The embedded cloud of a stack of a few lines."""
    folder = tmp_path_factory.mktemp("tiny")
    with running_cloud(folder / "cloud", app=str(tiny_app(folder / "app")), context={}, vcpus=2) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Worlds:
    """Plain moto and the embedded cloud, each in a process of its own; see tests/local/probes.py."""

    plain: subprocess.Popen[str]
    embedded: subprocess.Popen[str]

    def ask(self, probe: str) -> tuple[Any, Any]:
        """Returns what the probe observes in plain moto, and in the embedded cloud."""
        for process in (self.plain, self.embedded):
            assert process.stdin is not None
            process.stdin.write(f"{probe}\n")
            process.stdin.flush()
        plain, embedded = _line(self.plain), _line(self.embedded)
        for answer in (plain, embedded):
            assert not isinstance(answer, dict) or "the probe failed" not in answer, answer
        return plain, embedded


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    folder = tmp_path_factory.mktemp("worlds")
    with contextlib.ExitStack() as stack, (folder / "log").open("w") as log:
        plain, embedded = (
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.local.probes", kind, str(folder)],
                    cwd=REPOSITORY,
                    env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            )
            for kind in ("plain", "embedded")
        )
        for process in (plain, embedded):
            assert _line(process) == "ready", Path(log.name).read_text()
        yield Worlds(plain, embedded)
        for process in (plain, embedded):
            assert process.stdin is not None
            process.stdin.close()


def _line(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    return json.loads(line) if line else None
