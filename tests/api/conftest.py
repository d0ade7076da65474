"""One folder with an embedded cloud for all tests of a module, whose jobs are the scripted trainer's."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stepsweep import Sweeps
from tests.support.embedded import SCRIPTED, keep_template


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder; what a test leaves running in it is ended."""
    directory = tmp_path_factory.mktemp("cloud")
    keep_template(directory, {"trainer": str(SCRIPTED)})
    yield directory
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
        background = psutil.Process(json.loads((directory / "cloud.json").read_bytes())["pid"])
        background.terminate()
        background.wait(60)


@pytest.fixture
def sweeps(folder: Path) -> Sweeps:
    return Sweeps(directory=folder, trainer=SCRIPTED)
