"""Which failures have one reason: those whose texts differ in numbers, paths and ids only."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

_DIFFERS = re.compile(
    r"\S*[/\\]\S*|0x[0-9a-f]+|[0-9a-f]{8,}|(?<!exit code )(?<!\d)\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE
)

_COMPARED = 150
"""Characters of two reasons that are compared. Long ones were cut off, after more or less of a path."""


class _Ended(Protocol):
    """A trial, or its outcome, that did not succeed."""

    @property
    def status(self) -> str: ...
    @property
    def reason(self) -> str: ...


EndedT = TypeVar("EndedT", bound=_Ended)


@dataclass(frozen=True, slots=True)
class Alike(Generic[EndedT]):
    """What did not succeed for one reason.

    Attributes:
        reason: that of the first one; it says so if those of others have other values in it.
    """

    status: str
    reason: str
    members: list[EndedT]


def without_values(reason: str) -> str:
    """Returns the begin of a reason without its numbers, paths and ids; an exit code stays."""
    return _DIFFERS.sub("*", reason)[:_COMPARED]


def by_reason(failed: Iterable[EndedT]) -> list[Alike[EndedT]]:
    """Returns what did not succeed by its reason, the most frequent one first."""
    found: dict[tuple[str, str], list[EndedT]] = {}
    for each in failed:
        found.setdefault((each.status, without_values(each.reason)), []).append(each)
    by_frequency = sorted(found.values(), key=lambda members: -len(members))
    return [Alike(str(members[0].status), _of_all(members), members) for members in by_frequency]


def _of_all(members: list[EndedT]) -> str:
    reason = members[0].reason
    return reason if all(each.reason == reason for each in members) else f"{reason} (or with other values)"
