"""The embedded cloud as a whole: who runs it, who joins it, and how it keeps objects."""

import dataclasses
import errno
import http.client
import io
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import boto3.s3.transfer
import psutil
import pytest
from botocore.exceptions import ClientError
from filelock import FileLock

from stepsweep.local import host, joining
from stepsweep.local.cloud import embedded_cloud
from stepsweep.local.hosts import silent_hosts
from stepsweep.local.joining import published
from stepsweep.local.limits import CloudFailed
from stepsweep.local.template import SynthFailed
from tests.support.command import Sweep
from tests.support.embedded import Cloud, eventually, running_cloud
from tests.support.signing import signed_headers
from tests.support.tiny import tiny_app
from tests.support.worlds import Worlds


def test_another_process_joins_the_cloud_that_runs_and_leaves_it_running(tiny_cloud: Cloud) -> None:
    with embedded_cloud(tiny_cloud.directory) as endpoint:
        assert not endpoint.started_here
        assert endpoint.url == tiny_cloud.environment["AWS_ENDPOINT_URL"]
        assert endpoint.environment() == tiny_cloud.environment
    assert tiny_cloud.client("s3").list_buckets()["Buckets"]


def test_doctor_asks_the_hosts_of_a_cloud_and_one_that_was_killed_is_replaced(
    tiny_cloud: Cloud, tmp_path: Path
) -> None:
    def found(words: str) -> bool:
        ended = Sweep(folder=tmp_path)("doctor", "--dir", str(tiny_cloud.directory))
        return f"embedded cloud: one runs in {tiny_cloud.directory}, at {endpoint.url}{words}" in ended.stdout

    endpoint = published(tiny_cloud.directory)
    assert silent_hosts(endpoint) == []
    with pytest.raises(ValueError, match=r"^the cloud answers with 403$"):
        silent_hosts(dataclasses.replace(endpoint, secret_access_key="another"))  # noqa: S106
    hosts = [each for each in psutil.Process(endpoint.pid).children() if str(host.__file__) in each.cmdline()]
    assert len(hosts) == 2
    hosts[0].suspend()
    try:
        assert found(", but not all of it: the ")
    finally:
        hosts[0].resume()
    for each in hosts:
        each.kill()
    eventually(lambda: found("; commands join it"))


def test_a_lock_without_a_cloud_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "START_TIMEOUT_SECONDS", 0.3)
    with (
        FileLock(tmp_path / "cloud.lock"),
        pytest.raises(CloudFailed) as failed,
        embedded_cloud(tmp_path),
    ):
        pass
    assert str(failed.value) == f"another process holds {tmp_path}/cloud.lock but its cloud does not answer"


def test_a_stack_that_cannot_be_synthesized_leaves_no_cloud_and_no_lock(tmp_path: Path) -> None:
    app = tiny_app(tmp_path / "app")
    app.write_text("import sys; sys.exit('max_vcpus: must be a whole number')")
    for _ in range(2):
        with (
            pytest.raises(SynthFailed, match="max_vcpus: must be a whole number"),
            embedded_cloud(tmp_path / "cloud", app=app),
        ):
            pass
    assert not (tmp_path / "cloud" / "cloud.json").exists()


def test_a_second_cloud_in_one_process_is_refused(worlds: Worlds) -> None:
    """Plain moto is one for its process, so the second cloud would have the stack of the first."""
    _, embedded = worlds.ask("another_cloud_in_this_process")
    assert embedded == (
        "CloudFailed: this process has run an embedded cloud already; start the next one in a new process"
    )


@pytest.fixture
def _own_logs() -> Iterator[None]:
    """Closes the log of a cloud in this process, as the end of its process would do."""
    loggers = [logging.getLogger(name) for name in ("werkzeug", "moto")]
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, propagate) in zip(loggers, before, strict=True):
        for handler in logger.handlers:
            handler.close()
        logger.handlers, logger.propagate = handlers, propagate


@pytest.mark.usefixtures("_own_logs")
def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(CloudFailed) as failed,
            embedded_cloud(tmp_path / "cloud", app=tiny_app(tmp_path / "app"), port=port),
        ):
            pass
    said = f"the embedded cloud cannot listen on port {port}: [Errno {errno.EADDRINUSE}] "
    assert str(failed.value).startswith(said)


def test_the_endpoints_environment_is_all_that_an_aws_tool_needs(tiny_cloud: Cloud) -> None:
    assert set(tiny_cloud.environment) == {
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_EC2_METADATA_DISABLED",
    }


KEYS = [
    "plain",
    "sweeps/one/spec.json",
    "a//b",
    "/lead",
    "//",
    "trail/",
    "trail/under",
    "dots/.",
    "dots/..",
    "../up",
    "../../../../../../tmp/up",
    "down/../up",
    "./here",
    ".hidden",
    "...",
    "down/.",
    "ü/日本/🙂",
    "e\u0301",  # another text than the one letter é
    "\u00e9",
    "a b+c&d=e?f#g",
    "100%",
    "%2E%2E/%2F",
    "%",
    "back\\slash",
    "quote'\"<>|*:",
    "tab\t",
    "-rf",
    "~/home",
    "con.",
    "x" * 255,
    "/".join(["deep"] * 100),
    ".unfinished-1",
    "[glob]*?",
]


def files(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*") if file.is_file() and "run" not in file.relative_to(folder).parts}


@pytest.mark.slow
def test_any_key_survives_a_restart_and_none_leaves_the_folder(tmp_path: Path) -> None:
    app = str(tiny_app(tmp_path / "app"))
    options: dict[str, Any] = {"app": app, "context": {}, "vcpus": 1}
    with running_cloud(tmp_path / "cloud", **options) as before:
        there = files(tmp_path)
        bucket = before.outputs["Bucket"]
        for key in KEYS:
            before.client("s3").put_object(Bucket=bucket, Key=key, Body=key.encode())
        new = files(tmp_path) - there
        assert len(new) == len(KEYS)
        assert all(file.is_relative_to(tmp_path / "cloud" / "s3" / bucket) for file in new)
        assert (
            tmp_path / "cloud" / "s3" / bucket / "sweeps" / "one" / "spec.json"
        ).read_bytes() == b"sweeps/one/spec.json"
        assert (tmp_path / "cloud" / "cloud.json").exists()
    assert not (tmp_path / "cloud" / "cloud.json").exists()

    with running_cloud(tmp_path / "cloud", **options) as after:
        assert after.outputs["Bucket"] == bucket
        pages = after.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
        listed = {item["Key"]: item for page in pages for item in page["Contents"]}
        assert set(listed) == set(KEYS)
        assert after.objects("") == {key: key.encode() for key in KEYS}
        assert {key: item["Size"] for key, item in listed.items()} == {key: len(key.encode()) for key in KEYS}


@pytest.mark.parametrize("bucket", ["../up", "..%2Fup", "%2E%2E%2Fup", "...", "a/../../up"])
def test_a_bucket_is_never_outside_the_folder(tiny_cloud: Cloud, bucket: str) -> None:
    outside = files(tiny_cloud.directory.parent)
    address = urlparse(tiny_cloud.environment["AWS_ENDPOINT_URL"])
    for path in (f"/{bucket}", f"/{bucket}/key"):
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        connection.request("PUT", path, b"data", signed_headers(tiny_cloud.environment, "PUT", path, body=b"data"))
        connection.getresponse().read()
        connection.close()
    new = files(tiny_cloud.directory.parent) - outside
    assert all(file.is_relative_to(tiny_cloud.directory / "s3") for file in new)


@pytest.mark.parametrize(
    ("there", "key", "fault"),
    [
        ("file", "file/under", errno.EEXIST),
        ("folder/file", "folder", errno.EISDIR),
        (None, "x" * 300, errno.ENAMETOOLONG),
        (None, "ü" * 100, errno.ENAMETOOLONG),
    ],
)
def test_a_key_that_cannot_be_a_file_is_an_error_that_says_so(
    tiny_cloud: Cloud, there: str | None, key: str, fault: int
) -> None:
    s3, bucket = tiny_cloud.client("s3"), tiny_cloud.outputs["Bucket"]
    if there:
        s3.put_object(Bucket=bucket, Key=there, Body=b"1")
    with pytest.raises(ClientError) as failed:
        s3.put_object(Bucket=bucket, Key=key, Body=b"2")
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = failed.value.response["Error"]
    said, _, reason = error["Message"].rpartition(": ")
    assert (error["Code"], reason) == ("InvalidRequest", os.strerror(fault))
    why = "The embedded cloud keeps objects as files, and cannot keep this one: "
    assert said.startswith(f"{why}{tiny_cloud.directory}/s3/")
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key=key)
    if there:
        assert s3.get_object(Bucket=bucket, Key=there)["Body"].read() == b"1"


def test_an_object_that_is_deleted_is_gone_from_the_disk_and_one_that_is_not_there_is_no_error(
    tiny_cloud: Cloud,
) -> None:
    s3, bucket = tiny_cloud.client("s3"), tiny_cloud.outputs["Bucket"]
    s3.put_object(Bucket=bucket, Key="deleted/it", Body=b"1")
    file = tiny_cloud.directory / "s3" / bucket / "deleted" / "it"
    assert file.exists()
    s3.delete_object(Bucket=bucket, Key="deleted")
    s3.delete_object(Bucket=bucket, Key="deleted/it/under")
    assert file.exists()
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "deleted/it"}, {"Key": "never/there"}]})
    assert not file.exists()
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="deleted")


def test_an_object_that_is_overwritten_has_its_new_size_and_tag(tiny_cloud: Cloud) -> None:
    s3, bucket = tiny_cloud.client("s3"), tiny_cloud.outputs["Bucket"]
    tags = [s3.put_object(Bucket=bucket, Key="again", Body=data)["ETag"] for data in (b"first", b"the second")]
    head = s3.head_object(Bucket=bucket, Key="again")
    assert tags[0] != tags[1]
    assert (head["ETag"], head["ContentLength"]) == (tags[1], 10)


def test_an_upload_in_parts_is_one_object(tiny_cloud: Cloud) -> None:
    """As boto3 uploads a checkpoint."""
    s3, bucket = tiny_cloud.client("s3"), tiny_cloud.outputs["Bucket"]
    data = os.urandom(11 * 2**20)
    parts = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20)
    s3.upload_fileobj(io.BytesIO(data), bucket, "trials/one/checkpoint.pt", Config=parts)
    assert (tiny_cloud.directory / "s3" / bucket / "trials" / "one" / "checkpoint.pt").read_bytes() == data
    target = io.BytesIO()
    s3.download_fileobj(bucket, "trials/one/checkpoint.pt", target, Config=parts)
    assert target.getvalue() == data


def test_a_copy_is_an_object_of_its_own(tiny_cloud: Cloud) -> None:
    s3, bucket = tiny_cloud.client("s3"), tiny_cloud.outputs["Bucket"]
    s3.put_object(Bucket=bucket, Key="copies/one", Body=b"1")
    s3.copy_object(Bucket=bucket, Key="copies/two", CopySource={"Bucket": bucket, "Key": "copies/one"})
    s3.delete_object(Bucket=bucket, Key="copies/one")
    assert s3.get_object(Bucket=bucket, Key="copies/two")["Body"].read() == b"1"


def test_a_person_finds_the_logs_of_the_cloud(tiny_cloud: Cloud) -> None:
    assert (tiny_cloud.directory / "run" / "cloud.log").exists()
    assert json.loads((tiny_cloud.directory / "cloud.json").read_bytes())["url"].startswith("http://127.0.0.1:")


def test_an_object_whose_file_a_person_deletes_is_gone(tiny_cloud: Cloud) -> None:
    s3 = tiny_cloud.client("s3")
    names = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    bucket = next(name for name in names if not name.startswith("cdk-"))
    for name in ("by-hand/a", "by-hand/b"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"bytes")
    (tiny_cloud.directory / "s3" / bucket / "by-hand" / "a").unlink()
    page = s3.list_objects_v2(Bucket=bucket, Prefix="by-hand/")
    assert [each["Key"] for each in page["Contents"]] == ["by-hand/b"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="by-hand/a")
    s3.put_object(Bucket=bucket, Key="by-hand/a", Body=b"again", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="by-hand/a")["Body"].read() == b"again"
