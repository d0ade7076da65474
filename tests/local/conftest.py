"""One embedded cloud for the tests of a session, of each kind: starting one takes seconds."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY, Cloud, running_cloud
from tests.support.tiny import tiny_app
from tests.support.worlds import Worlds, answer_of


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
            assert answer_of(process) == "ready", Path(log.name).read_text()
        yield Worlds(plain, embedded)
        for process in (plain, embedded):
            assert process.stdin is not None
            process.stdin.close()


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(folder=tmp_path)
