"""S3 in memory, for searches of thousands of trials on a virtual clock, and for functions whose requests fail."""

import hashlib
import io
from bisect import bisect_right, insort
from typing import Any

from botocore.exceptions import ClientError


def tag_of(data: bytes) -> str:
    """Returns an object's ETag."""
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


class Memory:
    """S3's client, as `Bucket` uses it, on a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._keys: list[str] = []

    def get_object(self, *, Key: str, **_: str) -> dict[str, Any]:  # noqa: N803
        if (data := self.objects.get(Key)) is None:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(data), "ETag": tag_of(data)}

    def head_object(self, *, Key: str, **_: str) -> dict[str, Any]:  # noqa: N803
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")
        return {}

    def put_object(
        self, *, Key: str, Body: bytes, IfNoneMatch: str = "", IfMatch: str = "", **_: str  # noqa: N803
    ) -> dict[str, Any]:  # fmt: skip
        if Key not in self.objects:
            insort(self._keys, Key)
        elif IfNoneMatch or IfMatch not in ("", tag_of(self.objects[Key])):
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Key] = Body
        return {}

    def list_objects_v2(self, *, StartAfter: str, MaxKeys: int, **_: str) -> dict[str, Any]:  # noqa: N803
        first = bisect_right(self._keys, StartAfter)
        page = self._keys[first : first + MaxKeys]
        return {"Contents": [{"Key": key} for key in page], "IsTruncated": first + MaxKeys < len(self._keys)}

    def get_paginator(self, _operation: str) -> "Memory":
        return self

    def paginate(self, *, Prefix: str, StartAfter: str = "", **_: str) -> list[dict[str, Any]]:  # noqa: N803
        first = bisect_right(self._keys, max(Prefix, StartAfter))
        found = []
        for key in self._keys[first:]:
            if not key.startswith(Prefix):
                break
            found.append({"Key": key, "Size": len(self.objects[key])})
        return [{"Contents": found}]
