"""S3, where moto differs from AWS."""

import errno
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from moto.s3 import models as s3_models
from moto.s3.exceptions import S3AccessDeniedError, S3ClientError
from moto.s3.responses import S3Response
from werkzeug.exceptions import InternalServerError

from stepsweep.bucket.disk import FULL, told
from stepsweep.bucket.folder import check_no_link, files_below, key_of, opened, path_of, write_whole
from stepsweep.contract.keys import CHECKPOINTS
from stepsweep.local.patches.patching import patch

CDK_BUCKETS = "cdk-"
"""Prefix of the name of CDK's own bucket of assets, which every start fills again."""

NO_ROOM = (*FULL, errno.EFBIG)
"""Errors of a full disk, a used quota, and a limit on the size of files. They may pass, so writers try again."""

_changed = threading.Condition()
"""Locks the next three, and tells that an object is written or read."""

_in_work: set[tuple[str, str]] = set()
"""Bucket and key of each object that somebody writes."""

_read: Counter[tuple[str, str]] = Counter()
"""By bucket and key, how many read the object."""

_read_only: set[str] = set()
"""Buckets that are about to be deleted."""


class _InternalError(InternalServerError):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList; moto has 400 for its code."""

    def get_headers(self, *_args: Any) -> list[tuple[str, str]]:
        return [("Content-Type", "application/xml")]

    def get_body(self, *_args: Any) -> str:
        return f"<Error><Code>InternalError</Code><Message>{escape(self.description or '')}</Message></Error>"


def objects_are_files(folder: Path) -> None:
    """S3 keeps objects. moto keeps them in memory until its process ends; here they are files below `folder`, which
    survive a restart and which a person can open."""
    root = folder.resolve()
    in_memory = s3_models.FakeKey.value

    class FileKey(s3_models.FakeKey):
        """An object whose bytes are in a file. Parts of uploads, which have no bucket yet, stay in memory."""

        _etag: str | None

        def __init__(self, name: str, value: bytes, *args: Any, etag: str | None = None, **kwargs: Any) -> None:
            super().__init__(name, value, *args, **kwargs)
            # A multipart object's ETag is not the hash of its bytes. That of an object from a file is found when asked.
            self._etag = etag or (_hash(value) if value else None)

        def _file(self) -> Path | None:
            bucket = self.bucket_name
            return None if bucket is None or bucket.startswith(CDK_BUCKETS) else path_of(root, bucket, self.name)

        @property
        def is_gone(self) -> bool:
            """Whether somebody has deleted its file."""
            file = self._file()
            return file is not None and (file.is_symlink() or not file.is_file())

        def _read(self) -> bytes:
            file = self._file()
            if file is None:
                data: bytes = in_memory.fget(self)
                return data
            with opened(file, root / self.bucket_name) as stream:
                return stream.read()

        def _write(self, data: bytes) -> None:
            if (file := self._file()) is None:
                in_memory.fset(self, data)
                return
            try:
                check_no_link(file, root / str(self.bucket_name))
                # A checkpoint may be lost with the power: its trial then begins again.
                write_whole(file, data, lasting=not self.name.startswith(CHECKPOINTS))
            except OSError as error:
                message = f"The embedded cloud keeps objects as files, and cannot keep this one: {told(error, file)}"
                if error.errno in NO_ROOM:
                    raise _InternalError(message) from error
                # `a` and `a/b` are two keys but cannot be two files; a key can be too long
                raise S3ClientError("InvalidRequest", message) from error
            self.contentsize = len(data)
            self._etag = None

        def _entity_tag(self) -> str:
            if self._etag is None:
                self._etag = _hash(self._read())
            return f'"{self._etag}"'

        value = property(_read, _write)
        etag = property(_entity_tag)

    class StoredKey(FileKey):
        """An object from before the embedded cloud started; its file is read on request only."""

        def __init__(self, file: os.DirEntry[str], **known: Any) -> None:
            super().__init__(value=b"", **known)
            status = file.stat()
            self.contentsize = status.st_size
            self.last_modified = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)

        value = property(FileKey._read, lambda _self, _data: None)

    def create_bucket(
        original: Callable[..., Any], self: Any, bucket_name: str, region_name: str, *args: Any, **kwargs: Any
    ) -> Any:
        bucket = original(self, bucket_name, region_name, *args, **kwargs)
        _read_only.discard(bucket_name)
        home = root / bucket_name
        for file in sorted(files_below(home), key=lambda file: file.path):
            if not file.is_file(follow_symlinks=False):  # a link or a pipe, which somebody has put there
                continue
            name = key_of(file, home)
            known = {"name": name, "bucket_name": bucket_name, "account_id": self.account_id}
            bucket.keys[name] = StoredKey(file, region_name=region_name, **known)
        return bucket

    def get_object(
        original: Callable[..., Any], self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any
    ) -> Any:
        key = original(self, bucket_name, key_name, *args, **kwargs)
        return None if isinstance(key, FileKey) and key.is_gone else key

    def list_objects_v2(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
        page, *rest = original(self, *args, **kwargs)
        return [each for each in page if not (isinstance(each, FileKey) and each.is_gone)], *rest

    def delete_object(
        original: Callable[..., Any], self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any
    ) -> Any:
        answer = original(self, bucket_name, key_name, *args, **kwargs)
        existed, _ = answer
        if existed and not bucket_name.startswith(CDK_BUCKETS):
            path_of(root, bucket_name, key_name).unlink(missing_ok=True)
        return answer

    patch(s3_models, "FakeKey", FileKey)
    patch(s3_models.S3Backend, "create_bucket", create_bucket, with_original=True)
    patch(s3_models.S3Backend, "get_object", get_object, with_original=True)
    patch(s3_models.S3Backend, "list_objects_v2", list_objects_v2, with_original=True)
    patch(s3_models.S3Backend, "delete_object", delete_object, with_original=True)


def _hash(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def puts_are_atomic() -> None:
    """S3 checks the condition of a conditional put and writes in one step. In moto two puts at the same time both find
    no object, and both succeed.

    Puts of different keys do not wait for each other's disk. A bucket that is about to be deleted refuses every put;
    see `empty_before_deletion`.
    """

    def put_object(original: Callable[..., Any], self: Any) -> Any:
        with writing(self.bucket_name, self.parse_key_name()):
            return original(self)

    patch(S3Response, "put_object", put_object, with_original=True)


def gets_are_atomic() -> None:
    """S3 answers with an object as it was before or after a put. Here a file has the new bytes before moto has their
    headers, so a get meanwhile has the length and the checksum of other bytes than its own."""

    def get_object(original: Callable[..., Any], self: Any) -> Any:
        with reading(self.bucket_name, self.parse_key_name()):
            return original(self)

    patch(S3Response, "get_object", get_object, with_original=True)


@contextmanager
def reading(bucket: str, key: str) -> Iterator[None]:
    """Lets nobody write the object meanwhile."""
    with _changed:
        _changed.wait_for(lambda: (bucket, key) not in _in_work)
        _read[bucket, key] += 1
    try:
        yield
    finally:
        with _changed:
            _read[bucket, key] -= 1
            if not _read[bucket, key]:
                del _read[bucket, key]
                _changed.notify_all()


@contextmanager
def writing(bucket: str, key: str) -> Iterator[None]:
    """Lets nobody else write or read the object meanwhile. Raises S3AccessDeniedError if its bucket is about to be
    deleted."""
    with _changed:
        _changed.wait_for(lambda: (bucket, key) not in _in_work and (bucket, key) not in _read)
        if bucket in _read_only:
            raise S3AccessDeniedError
        _in_work.add((bucket, key))
    try:
        yield
    finally:
        with _changed:
            _in_work.remove((bucket, key))
            _changed.notify_all()


def empty_before_deletion(account_id: str, bucket: str) -> None:
    """Deletes all objects of a bucket, if it exists, and refuses writes to it until a bucket of that name is made."""
    backend = s3_models.s3_backends[account_id]["aws"]
    if bucket not in backend.buckets:
        return
    with _changed:
        _read_only.add(bucket)
        _changed.wait_for(lambda: all(place != bucket for place, _ in _in_work))
    for key in list(backend.get_bucket(bucket).keys):
        backend.delete_object(bucket, key)
