"""Reads JSON documents strictly: it checks the type of each field, and errors name the object and the field."""

import re
import sys
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Self, TypeGuard, TypeVar

from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.names import OPTION_RULE, is_option
from stepsweep.contract.space import Value, parse_value, shown

MISSING = object()

MAX_WHOLE = 2**53
"""Up to which every reader of JSON agrees about whole numbers. None that we write is near it."""

_Kind = TypeVar("_Kind", bound=StrEnum)


class Fields:
    """The fields of one JSON object. A reader reads each field; `done` refuses fields that it did not read.

    Args:
        data: the result of `json.loads`.
        where: names the object in errors, such as `sweeps/first/round-0/plan.json`, or that with `trials[3]`.

    Raises:
        InvalidDocument: the data is not an object. Every method raises it for a field that breaks its rule.
    """

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, dict):
            raise InvalidDocument(f"{where}: must be an object, got {shown(data)}")
        self._data: dict[str, Any] = data
        self._where = where
        self._read: set[str] = set()

    def schema(self, number: int) -> None:
        """Reads the field `schema`, which must be this number."""
        found = self.whole("schema")
        if found != number:
            raise self._wrong("schema", f"must be {number}, which this version of stepsweep reads and writes", found)

    def text(self, name: str) -> str:
        value = self._get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "must be a text", value)
        return value

    def matching(self, name: str, pattern: re.Pattern[str], rule: str) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            raise self._wrong(name, rule, value)
        return value

    def maybe_text(self, name: str) -> str | None:
        return None if self._get(name) is None else self.text(name)

    def has(self, name: str) -> bool:
        """Whether an optional field exists."""
        return name in self._data

    def whole(self, name: str) -> int:
        value = self._get(name)
        if not _is_whole(value):
            raise self._wrong(name, "must be a whole number", value)
        return value

    def count(self, name: str) -> int:
        """Returns a whole number that is not negative."""
        value = self.whole(name)
        if value < 0:
            raise self._wrong(name, "must be 0 or more", value)
        return value

    def flag(self, name: str) -> bool:
        value = self._get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "must be true or false", value)
        return value

    def moment(self, name: str) -> datetime:
        """Returns a time with its zone, as ISO 8601 writes it."""
        value = self.text(name)
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise self._wrong(name, "must be a time with its zone, such as 2026-11-23T05:30:12+00:00", value)
        return found

    def maybe_count(self, name: str) -> int | None:
        return None if self._get(name) is None else self.count(name)

    def number(self, name: str) -> float:
        value = self._get(name)
        if not _is_number(value):
            raise self._wrong(name, "must be a number", value)
        return value

    def amount(self, name: str) -> float:
        """Returns a number that is not negative."""
        value = self.number(name)
        if value < 0:
            raise self._wrong(name, "must be 0 or more", value)
        return value

    def maybe_number(self, name: str) -> float | None:
        return None if self._get(name) is None else self.number(name)

    def numbers(self, name: str) -> list[float]:
        found = self._get(name)
        if not isinstance(found, list) or not all(map(_is_number, found)):
            raise self._wrong(name, "must be a list of numbers", found)
        return found

    def amounts(self, name: str) -> dict[str, float]:
        """Returns an object whose values are numbers that are not negative."""
        found = self._get(name)
        if not isinstance(found, dict) or not all(_is_number(each) and each >= 0 for each in found.values()):
            raise self._wrong(name, "must be an object with numbers of 0 or more", found)
        return found

    def values(self, name: str) -> dict[str, Value]:
        """Returns an object whose values are those of parameters."""
        found = self._get(name)
        if not isinstance(found, dict):
            raise self._wrong(name, "must be an object", found)
        if not all(map(is_option, found)):
            raise self._wrong(name, f"must have names of options ({OPTION_RULE})", found)
        try:
            return {option: parse_value(value) for option, value in found.items()}
        except ValueError as error:
            raise self._wrong(name, f"must hold values of parameters ({error})", found) from None

    def texts(self, name: str) -> list[str]:
        found = self._get(name)
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise self._wrong(name, "must be a list of texts", found)
        return found

    def one_of(self, name: str, kind: type[_Kind]) -> _Kind:
        """Returns a text as the member of an enumeration that it names."""
        value = self.text(name)
        if value not in list(kind):
            raise self._wrong(name, f"must be one of {', '.join(kind)}", value)
        return kind(value)

    def maybe_one_of(self, name: str, kind: type[_Kind]) -> _Kind | None:
        return None if self.raw(name) is None else self.one_of(name, kind)

    def wholes(self, name: str) -> list[int]:
        found = self._get(name)
        if not isinstance(found, list) or not all(map(_is_whole, found)):
            raise self._wrong(name, "must be a list of whole numbers", found)
        return found

    def pairs(self, name: str) -> list[tuple[int, float]]:
        """Returns a list of pairs, each of a whole number and a number."""
        found = self._get(name)
        for pair in found if isinstance(found, list) else [found]:
            match pair:
                case [whole, number] if _is_whole(whole) and _is_number(number):
                    continue
            raise self._wrong(name, "must be a list of pairs of numbers, the first one whole", found)
        return [(whole, number) for whole, number in found]

    def child(self, name: str) -> "Fields":
        return Fields(self._get(name), f"{self._where}: {name}")

    def children(self, name: str) -> Iterator[tuple[object, str]]:
        """Yields the entries of a list, each with its name for errors."""
        found = self._get(name)
        if not isinstance(found, list):
            raise self._wrong(name, "must be a list", found)
        for index, each in enumerate(found):
            yield each, f"{self._where}: {name}[{index}]"

    def raw(self, name: str) -> Any:
        """Returns a field unchecked; the caller checks it."""
        return self._get(name)

    def done(self) -> Self:
        """Raises InvalidDocument if the object has fields that nobody read."""
        unknown = self._data.keys() - self._read
        if unknown:
            raise InvalidDocument(f"{self._where}: unknown field {', '.join(map(shown, sorted(unknown)))}")
        return self

    def _get(self, name: str) -> Any:
        self._read.add(name)
        value = self._data.get(name, MISSING)
        if value is MISSING:
            raise InvalidDocument(f"{self._where}: {name} is missing")
        return value

    def _wrong(self, name: str, rule: str, value: object) -> InvalidDocument:
        return InvalidDocument(f"{self._where}: {name}: {rule}, got {shown(value)}")


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_WHOLE


def _is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a number that a float holds. Python also reads NaN, Infinity and 10**400, which nobody writes."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
