"""Which failures have one reason: those whose texts differ in numbers, paths and ids only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stepsweep.contract.leaderboard import Row

_DIFFERS = re.compile(
    r"\S*[/\\]\S*|0x[0-9a-f]+|[0-9a-f]{8,}|(?<!exit code )(?<!\d)\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Alike:
    """The trials that did not succeed for one reason.

    Attributes:
        reason: that of the first one; it says so if those of others have other values in it.
    """

    status: str
    reason: str
    rows: list[Row]


def without_values(reason: str) -> str:
    """Returns a reason without its numbers, paths and ids; an exit code stays."""
    return _DIFFERS.sub("*", reason)


def by_reason(rows: Sequence[Row]) -> list[Alike]:
    """Returns the trials that did not succeed by their reason, the most frequent one first."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.rank is None:
            found.setdefault((row.status, without_values(row.reason)), []).append(row)
    by_frequency = sorted(found.items(), key=lambda item: -len(item[1]))
    return [Alike(status, _of_all(alike), alike) for (status, _), alike in by_frequency]


def _of_all(rows: Sequence[Row]) -> str:
    reason = rows[0].reason
    return reason if all(row.reason == reason for row in rows) else f"{reason} (or with other values)"
