"""Writes a trial's metrics to S3 or, by hand, to a file."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

CONFLICT_TRIES = 60
CONFLICT_WAIT_SECONDS = 1.0


def write_once(uri: str, data: bytes) -> str:
    """Writes the one CSV unless there is one, and returns a line that says which."""
    if not uri.startswith("s3://"):
        try:
            with Path(uri).open("xb") as file:
                file.write(data)
        except FileExistsError:
            return f"{uri} exists already"
        return f"wrote {uri}"
    client, place = s3_client(), urlparse(uri)
    for attempt in range(1, CONFLICT_TRIES + 1):
        try:
            client.put_object(Bucket=place.netloc, Key=place.path[1:], Body=data, IfNoneMatch="*")
        except client.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "PreconditionFailed":
                return f"{uri} exists already: another attempt of this trial finished first"
            # While another conditional write of the key is under way, S3 asks to try again; botocore does not.
            if code != "ConditionalRequestConflict" or attempt == CONFLICT_TRIES:
                raise
            time.sleep(CONFLICT_WAIT_SECONDS)
        else:
            break
    return f"wrote {uri}"


def artifacts_of(prefix: str, metrics: bytes) -> str:
    """Returns where the artifacts of an attempt go that will write these metrics.

    Another attempt may train the same trial at once, in another sweep. `stepsweep.contract.keys` has the same.
    """
    return f"{prefix[:-1]}-{hashlib.sha256(metrics).hexdigest()[:20]}/"


def upload(files: Mapping[str, Path], prefix: str) -> None:
    """Writes each file below `s3://bucket/prefix/`, under its name."""
    place = urlparse(prefix)
    if not files:
        return
    client = s3_client()
    for name, path in files.items():
        client.upload_file(str(path), place.netloc, place.path[1:] + name)
    print(f"stepsweep-trial: wrote {len(files)} artifact{'' if len(files) == 1 else 's'} to {prefix}")


def show_live(prefix: str, data: bytes) -> None:
    """Replaces `live.csv`, the rows so far for live progress."""
    put(f"{prefix}live.csv", data)


def put(uri: str, data: bytes) -> None:
    """Writes an object, or replaces it."""
    place = urlparse(uri)
    s3_client().put_object(Bucket=place.netloc, Key=place.path[1:], Body=data)


@functools.cache
def s3_client() -> Any:
    """Returns a client for a job; boto3's settings decide endpoint and region."""
    import boto3
    from botocore.config import Config

    # Retries for about a minute, since a throttled S3 must not lose a trained trial.
    retries: Any = {"mode": "standard", "max_attempts": 8}
    return boto3.client("s3", config=Config(retries=retries, connect_timeout=10, read_timeout=60))
