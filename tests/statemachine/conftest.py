"""A moto server over HTTP for the tests of a session, and in it a bucket and a log group for each."""

import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest

from stepsweep.bucket.s3 import Bucket
from stepsweep.contract import keys
from stepsweep.contract.means import StackJob
from stepsweep.statemachine import kept
from tests.support.functions import Cloud
from tests.support.moto_server import moto_as_aws

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def aws() -> Iterator[tuple["S3Client", "CloudWatchLogsClient"]]:
    """AWS as the functions find it, by their environment; and clients of it, which take a while to make."""
    with moto_as_aws():
        kept.s3.cache_clear()
        yield kept.s3(), boto3.client("logs")
        kept.s3.cache_clear()


@pytest.fixture
def cloud(aws: tuple["S3Client", "CloudWatchLogsClient"], monkeypatch: pytest.MonkeyPatch) -> Cloud:
    number = next(_numbers)
    bucket, log_group = f"bucket-{number}", f"/stepsweep/{number}"
    monkeypatch.setenv(keys.BUCKET, bucket)
    monkeypatch.setenv(keys.LOG_GROUP, log_group)
    monkeypatch.setenv(keys.TRAINER_VERSION, "trainer-1")
    monkeypatch.setenv(keys.TRAINER_NAME, "mine")
    monkeypatch.setenv(keys.DEFAULT_MAX_CONCURRENCY, "16")
    monkeypatch.setenv(keys.JOBS_AT_ONCE, "16")
    monkeypatch.setenv(keys.USD_PER_HOUR, "0.5")
    monkeypatch.setenv(keys.SECONDS_PER_EPOCH, "6")
    monkeypatch.setenv(keys.JOB, json.dumps(StackJob().to_json()))
    monkeypatch.setenv(keys.SECRETS, '["HF_TOKEN"]')
    s3, logs = aws
    s3.create_bucket(Bucket=bucket)
    logs.create_log_group(logGroupName=log_group)
    return Cloud(bucket=Bucket(bucket, s3), s3=s3, logs=logs, log_group=log_group, monkeypatch=monkeypatch)
