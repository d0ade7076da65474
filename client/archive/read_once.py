"""A consistent view of a bucket's objects for one command."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from stepsweep.bucket.s3 import document_of
from stepsweep.bucket.stores import Store


class ReadOnce:
    """A store that reads each object once and lists each prefix once, so that a command shows consistent data.

    It never sees a change, so it cannot follow a sweep.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._objects: dict[tuple[str, int | None], bytes | None] = {}
        self._listed: dict[str, dict[str, datetime]] = {}
        self._sizes: dict[str, dict[str, int]] = {}

    def get(self, key: str, *, at_most: int | None = None) -> bytes | None:
        if (key, at_most) not in self._objects:
            self._objects[key, at_most] = self._store.get(key, at_most=at_most)
        return self._objects[key, at_most]

    def get_json(self, key: str) -> Any:
        data = self.get(key)
        return None if data is None else document_of(key, data)

    def listed(self, prefix: str) -> dict[str, datetime]:
        if prefix not in self._listed:
            self._listed[prefix] = self._store.listed(prefix)
        return self._listed[prefix]

    def folders(self, prefix: str) -> list[str]:
        return self._store.folders(prefix)

    def sizes(self, prefix: str) -> dict[str, int]:
        if prefix not in self._sizes:
            self._sizes[prefix] = self._store.sizes(prefix)
        return self._sizes[prefix]

    def present(self, keys: Iterable[str]) -> set[str]:
        return self._store.present(keys)

    def save(self, key: str, file: Path) -> None:
        self._store.save(key, file)

    def replace(self, key: str, data: bytes, content_type: str, *, known: bytes | None) -> bool:
        for had in [each for each in self._objects if each[0] == key]:
            del self._objects[had]
        return self._store.replace(key, data, content_type, known=known)

    def delete(self, names: Iterable[str]) -> None:
        self._store.delete(names)
        self._objects.clear()
        self._listed.clear()
        self._sizes.clear()
