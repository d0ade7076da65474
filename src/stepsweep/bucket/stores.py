"""Access to a bucket for clients: over HTTP, or through the files of an embedded cloud."""

import contextlib
import errno
import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NewType, Protocol

from botocore.exceptions import ClientError

from stepsweep.bucket.folder import REFUSED, files_below, key_of, opened, path_of, write_whole
from stepsweep.bucket.s3 import Bucket, document_of, is_missing, read_bounded
from stepsweep.contract.errors import InvalidDocument

DELETED_AT_ONCE = 1_000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""

_MISSING = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
_UNREADABLE = (errno.EACCES, errno.EPERM, errno.EIO)

S3Uri = NewType("S3Uri", str)
Home = Path | S3Uri
"""Where a person finds the objects of a bucket: a folder on this machine, or an `s3://` address."""


class Store(Protocol):
    """One bucket's objects. A missing key is None; every other failure raises."""

    def get(self, key: str, *, at_most: int | None = None) -> bytes | None: ...

    def get_json(self, key: str) -> Any: ...

    def listed(self, prefix: str) -> dict[str, datetime]:
        """Returns the keys that start with `prefix`, with the time of writing, in whole seconds on AWS."""

    def folders(self, prefix: str) -> list[str]:
        """Returns the names between `prefix` and the next slash, sorted."""

    def sizes(self, prefix: str) -> dict[str, int]:
        """Returns the bytes of each object below the prefix, by the rest of its key."""

    def present(self, keys: Iterable[str]) -> set[str]:
        """Returns the given keys that exist."""

    def save(self, key: str, file: Path) -> None:
        """Writes an object of any size to a file. Raises FileNotFoundError if it is missing."""

    def replace(self, key: str, data: bytes, content_type: str, *, known: bytes | None) -> bool:
        """Writes the object if it still is `known`, or still missing if that is None. Returns whether it wrote."""

    def delete(self, names: Iterable[str]) -> None: ...


class S3Store(Bucket):
    """A bucket of a running cloud. Raises botocore's errors."""

    def listed(self, prefix: str) -> dict[str, datetime]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {entry["Key"]: entry["LastModified"] for page in pages for entry in page.get("Contents", [])}

    def folders(self, prefix: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix, Delimiter="/")
        found = [folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", [])]
        return sorted(each.removeprefix(prefix).rstrip("/") for each in found)

    def save(self, key: str, file: Path) -> None:
        try:
            self._s3.download_file(self.name, key, str(file))
        except ClientError as error:
            if is_missing(error):
                raise FileNotFoundError(key) from None
            raise

    def delete(self, names: Iterable[str]) -> None:
        left = list(names)
        while left:
            some, left = left[:DELETED_AT_ONCE], left[DELETED_AT_ONCE:]
            answer = self._s3.delete_objects(
                Bucket=self.name, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
            )
            for error in answer.get("Errors", []):
                raise PermissionError(f"{error.get('Key')} could not be deleted: {error.get('Message')}")


class FolderStore:
    """A bucket's folder in an embedded cloud that is not running.

    Whoever changes objects keeps others from doing so, and from starting the cloud, meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, *, at_most: int | None = None) -> bytes | None:
        try:
            with opened(self._file(key), self._folder) as file:
                return read_bounded(key, file.read, at_most)
        except OSError as error:
            if error.errno in _MISSING:
                return None
            raise _explained(key, error) from error

    def get_json(self, key: str) -> Any:
        data = self.get(key)
        return None if data is None else document_of(key, data)

    def listed(self, prefix: str) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for key, file in self._below(prefix):
            with contextlib.suppress(FileNotFoundError):  # deleted since
                found[key] = datetime.fromtimestamp(file.stat(follow_symlinks=False).st_mtime, UTC)
        return dict(sorted(found.items()))

    def folders(self, prefix: str) -> list[str]:
        folder = self._folder_of(prefix)
        if not folder.is_dir():
            return []
        # S3 has no empty folders. A deleted object leaves those that it was in.
        return sorted(key_of(each, folder) for each in folder.iterdir() if _has_files(each))

    def sizes(self, prefix: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for key, file in self._below(prefix):
            with contextlib.suppress(FileNotFoundError):  # deleted since
                found[key.removeprefix(prefix)] = file.stat(follow_symlinks=False).st_size
        return dict(sorted(found.items()))

    def present(self, keys: Iterable[str]) -> set[str]:
        return {key for key in keys if self.get(key, at_most=1) is not None}

    def save(self, key: str, file: Path) -> None:
        try:
            with opened(self._file(key), self._folder) as source, file.open("wb") as target:
                shutil.copyfileobj(source, target)
        except OSError as error:
            if error.filename == str(file):
                raise
            raise (FileNotFoundError(key) if error.errno in _MISSING else _explained(key, error)) from error

    def replace(self, key: str, data: bytes, _content_type: str, *, known: bytes | None) -> bool:
        if self.get(key, at_most=None if known is None else len(known) + 1) != known:
            return False
        write_whole(self._file(key), data, lasting=True)
        return True

    def delete(self, names: Iterable[str]) -> None:
        for key in names:
            file = self._file(key)
            file.unlink(missing_ok=True)
            for folder in itertools.takewhile(lambda each: each != self._folder, file.parents):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if error.errno != errno.ENOTEMPTY:
                        raise
                    break

    def _below(self, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yields the keys that start with the prefix, and their files."""
        try:
            for file in files_below(self._folder_of(prefix)):
                if (key := key_of(file, self._folder)).startswith(prefix):
                    yield key, file
        except OSError as error:
            raise _explained(prefix, error) from error

    def _folder_of(self, prefix: str) -> Path:
        """Returns the folder that has all objects whose keys start with the prefix."""
        key = prefix.rpartition("/")[0]
        return self._file(key) if key else self._folder

    def _file(self, key: str) -> Path:
        return path_of(self._folder.parent, self._folder.name, key)


def _has_files(folder: Path) -> bool:
    """Whether there are objects below a folder; also where nobody may look, so that this can be said of it."""
    try:
        return any(True for _ in files_below(folder))
    except PermissionError:
        return True


def _explained(key: str, error: OSError) -> Exception:
    """Returns the error of a file as that of an object, where it is the object's own fault."""
    if error.errno in _UNREADABLE:
        return InvalidDocument(f"{key}: cannot be read: {error.strerror}")
    return InvalidDocument(f"{key}: {error.strerror}") if error.errno in REFUSED else error


class ServedFolderStore(FolderStore):
    """A bucket's folder in a running embedded cloud. It reads files, and makes changes over HTTP, since moto has to
    know of them."""

    def __init__(self, folder: Path, served: S3Store) -> None:
        super().__init__(folder)
        self._served = served

    def replace(self, key: str, data: bytes, content_type: str, *, known: bytes | None) -> bool:
        return self._served.replace(key, data, content_type, known=known)

    def delete(self, names: Iterable[str]) -> None:
        self._served.delete(names)
