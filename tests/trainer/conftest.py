"""The trainer as it is run: a process of its own, on real images, against S3 over HTTP."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from mypy_boto3_s3 import S3Client

from stepsweep.trainer.options import Options, parse
from tests.support.embedded import REPOSITORY
from tests.support.moto_server import running_moto
from tests.support.trainer import BUCKET, SMALL, Finish, Start, environment


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Fashion-MNIST, fetched by the real command on the first run and found by it on the next."""
    folder = REPOSITORY / ".stepsweep" / "data"
    command = [sys.executable, "-m", "stepsweep.trainer.fetch", "--dataset", "fashion-mnist", "--data-dir", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def options(data_dir: Path) -> Callable[..., Options]:
    """Options as the command line gives them, on a small subset unless it says otherwise."""

    def make(*arguments: str) -> Options:
        words = (*SMALL, "--train-images", "96", "--batch-size", "32", *arguments)
        return parse(words, default_data_dir=str(data_dir), default_threads="1", default_device="cpu")

    return make


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `python -m stepsweep.trainer` in an empty folder; whatever still runs when the test ends is killed."""
    started: list[subprocess.Popen[str]] = []

    def start_one(*arguments: str, python: tuple[str, ...] = (), **variables: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, *python, "-m", "stepsweep.trainer", *arguments],
            cwd=tmp_path,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def finish(start: Start) -> Finish:
    """Runs `python -m stepsweep.trainer` to its end."""

    def finish_one(
        *arguments: str, python: tuple[str, ...] = (), **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        process = start(*arguments, python=python, **variables)
        stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return finish_one


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with running_moto() as url:
        yield url


@pytest.fixture
def s3(endpoint: str) -> Iterator[S3Client]:
    """A client for an empty bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )
    client.create_bucket(Bucket=BUCKET)
    yield client
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)
    client.close()
