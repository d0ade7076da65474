"""The package as a release makes it, and virtual environments that hold nothing else."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.installed import UV, Installed, copied_sources, environment, installed


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a Python that has build and twine."""
    return environment(
        tmp_path_factory.mktemp("tools"), "--require-hashes", "-r", str(Path(__file__).with_name("requirements.lock"))
    )


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory, tools: Path) -> Path:
    """Returns the folder of the sdist, and of the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("distributions")
    source = copied_sources(tmp_path_factory.mktemp("source"))
    build = [str(tools), "-m", "build", "--installer", "uv", "--outdir", str(folder), str(source)]
    path = f"{UV.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(build, env={**os.environ, "PATH": path}, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    (wheel,) = distributions.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def client(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The client alone."""
    return installed(str(wheel), tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="session")
def report(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The client with what draws."""
    return installed(f"{wheel}[report]", tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def local(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The client with the embedded cloud, without torch and without what draws."""
    return installed(f"{wheel}[local]", tmp_path_factory.mktemp("local"))
