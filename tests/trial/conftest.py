"""An S3 over HTTP, for the trials of a module."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.kit import Kit
from tests.support.moto_server import running_moto
from tests.support.trainer import BUCKET


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_moto() as url:
        yield url


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106
    )
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Kit:
    """`stepsweep-trial` in the test's own folder."""
    return Kit(tmp_path, monkeypatch, capfd)
