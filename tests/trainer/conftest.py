"""The trainer as it is run: a process of its own, on real images, against S3 over HTTP."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from mypy_boto3_s3 import S3Client

from stepsweep.contract import keys
from stepsweep.trainer.options import Options, parse

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "sweep-bucket"

SMALL = ("--dataset", "fashion-mnist", "--train-images", "960", "--lr", "0.1", "--momentum", "0.5")
"""A subset on which an epoch takes a second or two."""

Start = Callable[..., "subprocess.Popen[str]"]
Finish = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Fashion-MNIST, fetched by the real command on the first run and found by it on the next."""
    folder = ROOT / ".stepsweep" / "data"
    command = [sys.executable, "-m", "stepsweep.trainer.fetch", "--dataset", "fashion-mnist", "--data-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def options(data_dir: Path) -> Callable[..., Options]:
    """Options as the command line gives them, on a small subset unless it says otherwise."""

    def make(*arguments: str) -> Options:
        words = (*SMALL, "--train-images", "320", *arguments)
        return parse(words, default_data_dir=str(data_dir), default_threads="1", default_device="cpu")

    return make


def environment(**more: str) -> dict[str, str]:
    """The variables of a process: this one's without AWS, one thread, and `more`."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPSWEEP_"))}
    return {**mine, "OMP_NUM_THREADS": "1", **more}


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
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


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


def job_environment(endpoint: str, *, trial_id: str, epochs: int) -> dict[str, str]:
    """What the state machine gives a job, and what the embedded cloud adds so that it finds S3."""
    return {
        keys.CHECKPOINT_URI: keys.uri(BUCKET, keys.checkpoint_prefix(trial_id)),
        keys.METRICS_URI: keys.uri(BUCKET, keys.metrics_key(trial_id, epochs)),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def without_seconds(csv: str) -> list[list[str]]:
    """The cells of a metrics file but those of its last column, which no two runs share."""
    rows = [line.split(",") for line in csv.splitlines()]
    assert rows[0][-1] == "seconds"
    return [row[:-1] for row in rows]
