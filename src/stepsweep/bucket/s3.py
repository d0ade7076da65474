"""Access to the bucket for the functions: JSON documents, many small objects in parallel, missing objects."""

import itertools
import json
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import boto3
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError

from stepsweep.contract.errors import InvalidDocument

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

THREADS = 32
"""Parallel requests. On AWS a small object takes about 20 ms, of which the client works about one, so this many keep
the one vCPU of a function busy. The embedded cloud has no such wait; there 8 to 64 are equally fast."""

KEYS_LISTED = 1_000
"""Keys per LIST request: S3's maximum."""

HEADS_FOR_A_LIST = 12
"""HEAD requests that cost as much as one LIST: $0.0004 and $0.005 per thousand (https://aws.amazon.com/s3/pricing/,
us-east-1)."""

COPIED_AT_ONCE = 5 * 2**30
"""Bytes that one CopyObject copies at most; larger objects are copied in parts:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html"""

MAX_DOCUMENT_BYTES = 256 * 2**20
"""Most bytes of an object that is read whole. A plan of 10,000 trials with the longest options, 6,000 bytes of each and
those twice, has fewer."""

CONFLICT_TRIES = 8
CONFLICT_WAIT_SECONDS = 0.2

_T = TypeVar("_T")
_R = TypeVar("_R")


class Readable(Protocol):
    """A source of objects, read by their keys."""

    def get(self, key: str, *, at_most: int | None = None) -> bytes | None: ...

    def get_json(self, key: str) -> Any: ...


class Bucket:
    """One S3 bucket. A missing key is None; every other failure raises."""

    def __init__(self, name: str, client: "S3Client") -> None:
        self.name = name
        self._s3 = client

    def get(self, key: str, *, at_most: int | None = None) -> bytes | None:
        """Returns the object, or its first `at_most` bytes, since a job's file may be larger than the memory.

        Raises InvalidDocument without `at_most` for one of more than `MAX_DOCUMENT_BYTES`.
        """
        try:
            return read_bounded(key, self._s3.get_object(Bucket=self.name, Key=key)["Body"].read, at_most)
        except ClientError as error:
            if is_missing(error):
                return None
            raise

    def get_json(self, key: str) -> Any:
        """Returns the document; None if it is missing. Raises InvalidDocument if it is not JSON."""
        data = self.get(key)
        return None if data is None else document_of(key, data)

    def written_json(self, key: str) -> Any:
        """Returns a document that an earlier step of the sweep wrote. Raises FileNotFoundError if it is missing."""
        return document_of(key, self.written(key))

    def written(self, key: str) -> bytes:
        """Returns its bytes. Raises FileNotFoundError if it is missing."""
        data = self.get(key)
        if data is None:
            raise FileNotFoundError(f"{key} is not in the bucket: it was deleted while the sweep ran")
        return data

    def has(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if is_missing(error):
                return False
            raise
        return True

    def present(self, keys: Iterable[str]) -> set[str]:
        """Returns the given keys that exist.

        Lists the key range in at most 1 + n/100 pages of 1,000 keys, for n keys. Other objects may fill those pages;
        keys after the last page are checked with HEAD. For a few keys HEAD alone is cheaper than a page.
        """
        wanted = sorted(keys)
        if not wanted:
            return set()
        found: set[str] = set()
        listed_to = wanted[0][:-1]  # sorts before it
        for _ in range(1 + len(wanted) // 100 if len(wanted) > HEADS_FOR_A_LIST else 0):
            page = self._s3.list_objects_v2(Bucket=self.name, StartAfter=listed_to, MaxKeys=KEYS_LISTED)
            names = [item["Key"] for item in page.get("Contents", [])]
            found.update(names)
            listed_to = names[-1] if page["IsTruncated"] else wanted[-1]
            if listed_to >= wanted[-1]:
                break
        behind = wanted[bisect_right(wanted, listed_to) :]
        found.update(key for key, is_there in zip(behind, for_all(self.has, behind), strict=True) if is_there)
        return found.intersection(wanted)

    def signed_link(self, key: str, *, seconds: int) -> str:
        """Returns an address at which anybody can read the object; it ends no later than this client's credentials."""
        place = {"Bucket": self.name, "Key": key}
        return str(self._s3.generate_presigned_url("get_object", Params=place, ExpiresIn=seconds))

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self._s3.put_object(Bucket=self.name, Key=key, Body=data, ContentType=content_type)

    def sizes(self, prefix: str, *, at_most: int | None = None) -> dict[str, int]:
        """Returns the bytes of each object below the prefix, by the rest of its key, in the order of the keys.

        Args:
            at_most: how many objects, since a job may have written as many as it liked.
        """
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        found = itertools.islice((entry for page in pages for entry in page.get("Contents", [])), at_most)
        return {entry["Key"].removeprefix(prefix): entry["Size"] for entry in found}

    def copy(self, source: str, target: str, *, size: int) -> bool:
        """Copies an object of `size` bytes, without reading it. Returns False if it is missing."""
        place: CopySourceTypeDef = {"Bucket": self.name, "Key": source}
        try:
            if size < COPIED_AT_ONCE:
                self._s3.copy_object(Bucket=self.name, Key=target, CopySource=place)
            else:
                self._s3.copy(place, self.name, target)
        except ClientError as error:
            if is_missing(error):
                return False
            raise
        return True

    def put_json(self, key: str, document: object) -> None:
        self.put(key, as_json(document), "application/json")

    def put_json_if_free(self, key: str, document: object) -> bool:
        """Writes the document unless the key exists, or another writer is busy with it. Returns whether it wrote.

        False does not say whose the object is: it may be this call's own, if S3's first answer was lost.
        """
        try:
            self._s3.put_object(
                Bucket=self.name, Key=key, Body=as_json(document), ContentType="application/json", IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise
        return True

    def replace(self, key: str, data: bytes, content_type: str, *, known: bytes | None) -> bool:
        """Writes the object if it still is `known`; if that is None, if it is still missing. Returns whether it wrote.

        False does not say whose the object is: it may be this call's own, if S3's first answer was lost.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        try:
            if known is None:
                self._s3.put_object(Bucket=self.name, Key=key, Body=data, ContentType=content_type, IfNoneMatch="*")
                return True
            there = self._s3.get_object(Bucket=self.name, Key=key)
            if there["Body"].read(len(known) + 1) != known:
                return False
            self._s3.put_object(Bucket=self.name, Key=key, Body=data, ContentType=content_type, IfMatch=there["ETag"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if is_missing(error) or code in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise
        return True

    def put_json_once(self, key: str, document: object) -> bool:
        """Writes the document unless the key exists. Returns whether it wrote."""
        return self.put_once(key, as_json(document), "application/json")

    def put_once(self, key: str, data: bytes, content_type: str) -> bool:
        """Writes the object unless the key exists, as the bucket demands of metrics. Returns whether it wrote."""
        for attempt in itertools.count(1):
            try:
                self._s3.put_object(Bucket=self.name, Key=key, Body=data, ContentType=content_type, IfNoneMatch="*")
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "PreconditionFailed":
                    return False
                # Another writer is busy with the same key; botocore does not retry that.
                if code != "ConditionalRequestConflict" or attempt == CONFLICT_TRIES:
                    raise
                time.sleep(CONFLICT_WAIT_SECONDS)
            else:
                break
        return True


def s3_client() -> "S3Client":
    config = Config(
        max_pool_connections=THREADS,
        retries={"mode": "standard", "max_attempts": 8},
        # botocore builds its own user agent anew for each request: a sixth of its work for a small object. Its checks
        # of parameters and of the response's bytes stay on: they cost a twentieth each.
        user_agent="stepsweep",
    )
    client = boto3.client("s3", config=config)
    client.meta.events.register("before-parse.s3.GetObject", _without_date)
    client.meta.events.register("request-created.s3.PutObject", _without_expectation)
    return client


def _without_expectation(request: AWSRequest, **_: object) -> None:
    """Has an object sent at once. botocore first asks S3 whether it may: one more round trip for each document, and
    they are short."""
    del request.headers["Expect"]


def _without_date(response_dict: dict[str, Any], **_: object) -> None:
    """Removes an object's date. Nobody reads it here, and parsing it is a fifth of botocore's work."""
    response_dict["headers"].pop("last-modified", None)


def read_bounded(key: str, read: Callable[[int], bytes], at_most: int | None) -> bytes:
    """Reads the first `at_most` bytes; if None, all of them, and raises InvalidDocument if those are too many."""
    data = read(MAX_DOCUMENT_BYTES + 1 if at_most is None else at_most)
    if at_most is None and len(data) > MAX_DOCUMENT_BYTES:
        raise InvalidDocument(f"{key}: is larger than {MAX_DOCUMENT_BYTES // 2**20} MiB, and nothing here writes that")
    return data


def as_json(document: object) -> bytes:
    return json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"


def from_json(text: str | bytes) -> Any:
    """Returns the document. Raises ValueError if it is not JSON, or nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def document_of(key: str, data: bytes) -> Any:
    """Returns the document that an object holds. Raises InvalidDocument, which names the object, if it is not JSON."""
    if not data.strip(b" \r\n\t\0"):
        raise InvalidDocument(f"{key}: is empty")
    try:
        return from_json(data)
    except ValueError as error:
        raise InvalidDocument(f"{key}: is not JSON ({error})") from None


def for_all(function: Callable[[_T], _R], items: Iterable[_T], *, threads: int = THREADS) -> list[_R]:
    """Returns `function(item)` for all items in order, computed in threads. Raises the first error."""
    items = list(items)
    if threads == 1 or len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def is_missing(error: ClientError) -> bool:
    # HEAD has no body, so its code is the bare status.
    return error.response["Error"]["Code"] in ("NoSuchKey", "404")
