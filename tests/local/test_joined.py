"""Which cloud a folder has: its lock and the file beside it say so, to those who may only read there too."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from filelock import FileLock

from stepsweep.local.endpoint import Endpoint
from stepsweep.local.joining import ADDRESS, LOCK, held, is_up, joined, published

ENDPOINT = Endpoint(
    url="http://127.0.0.1:1",
    region="us-east-1",
    access_key_id="AKIA",
    secret_access_key="hidden",  # noqa: S106  nobody's
    pid=1,
    assembly="/assembly",
    trainer="",
    code="code",
    job_vcpus=1,
    container=False,
    ends_when_idle=True,
    started_here=False,
)
KNOWN = json.dumps({name: value for name, value in asdict(ENDPOINT).items() if name != "started_here"})


@pytest.fixture(params=["a writer", "a reader"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param == "a reader":  # as on a disk that is read-only
        monkeypatch.setattr(os, "access", lambda *_: False)
    return tmp_path


@pytest.fixture
def _is_held(tmp_path: Path) -> Iterator[None]:
    with FileLock(tmp_path / LOCK):
        yield


def test_a_folder_whose_lock_nobody_holds_has_no_cloud(folder: Path) -> None:
    (folder / ADDRESS).write_text(KNOWN)
    assert joined(folder / "missing") is None
    for _ in range(2):
        assert joined(folder) is None
        with FileLock(folder / LOCK, timeout=0):  # which whoever asked holds no longer
            pass
        (folder / LOCK).touch()
    assert not is_up(folder)
    with held(folder) as endpoint:
        assert endpoint is None
        assert is_up(folder)
    assert not is_up(folder)


@pytest.mark.usefixtures("_is_held")
def test_a_folder_whose_lock_is_held_has_the_cloud_that_its_file_names(folder: Path) -> None:
    (folder / ADDRESS).write_text(KNOWN)
    with held(folder) as endpoint:
        assert joined(folder) == published(folder) == endpoint == ENDPOINT
    assert "hidden" not in repr(endpoint)
    assert is_up(folder)
    assert is_up(folder, url=ENDPOINT.url)
    assert not is_up(folder, url="http://127.0.0.1:2")


@pytest.fixture
def gone() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.mark.usefixtures("_is_held")
def test_the_file_of_a_cloud_that_was_killed_is_not_that_of_one_that_is_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: int
) -> None:
    """Two commands after a crash: the second one found the lock held, and the dead cloud's endpoint."""
    killed = json.dumps({**json.loads(KNOWN), "pid": gone})
    monkeypatch.setattr(time, "sleep", lambda _: (tmp_path / ADDRESS).write_text(KNOWN))
    (tmp_path / ADDRESS).write_text(killed)
    assert joined(tmp_path) == ENDPOINT
    (tmp_path / ADDRESS).write_text(killed)
    with held(tmp_path) as endpoint:
        assert endpoint == ENDPOINT
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert joined(tmp_path) == ENDPOINT
    (tmp_path / ADDRESS).write_text(killed)
    assert joined(tmp_path) is None


@pytest.mark.usefixtures("_is_held")
def test_a_cloud_in_another_container_is_there_if_it_answers(folder: Path, gone: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = {"pid": gone, "url": f"http://127.0.0.1:{server.getsockname()[1]}"}
        (folder / ADDRESS).write_text(json.dumps({**json.loads(KNOWN), **there}))
        assert joined(folder) == replace(ENDPOINT, **there)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_is_held")
@pytest.mark.parametrize("damaged", [None, "[", "{}", KNOWN.replace('"pid"', '"of another version"')])
def test_a_reader_waits_for_no_cloud_that_is_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: str | None
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    if damaged is not None:
        (tmp_path / ADDRESS).write_text(damaged)
    assert joined(tmp_path) is None
    assert is_up(tmp_path)
    assert not is_up(tmp_path, url=ENDPOINT.url)


def test_the_variables_of_a_cloud_are_those_of_no_other() -> None:
    assert ENDPOINT.environment() == {
        "AWS_ENDPOINT_URL": ENDPOINT.url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
