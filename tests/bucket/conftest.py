"""A bucket in each of its forms: in S3, as a folder, and as the folder of a running embedded cloud."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from moto.s3.models import s3_backends

from stepsweep.bucket.s3 import s3_client
from tests.support.moto_server import moto_as_aws
from tests.support.recorded import RecordedCloud

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def client() -> Iterator["S3Client"]:
    """A client of S3, as functions and clients have it."""
    with moto_as_aws():
        yield s3_client()


@pytest.fixture
def name(client: "S3Client") -> Iterator[str]:
    """The name of a new bucket in S3."""
    name = f"of-a-test-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    yield name
    s3_backends["123456789012"]["global"].buckets.pop(name)


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedCloud:
    return RecordedCloud(directory=tmp_path / "cloud")
