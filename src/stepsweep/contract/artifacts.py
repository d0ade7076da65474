"""Artifacts: files that a trial leaves for people, such as its model.

Which trials' artifacts are kept, and what the output of an execution says of them.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from stepsweep.contract.reading import Fields
from stepsweep.contract.results import Group
from stepsweep.contract.space import shown
from stepsweep.contract.trial import Trial

WINNER = "winner"
"""The default of `keep_artifacts`."""
FRONT = "front"
"""Its default with several objectives, of which no trial wins."""
ALL, NONE = "all", "none"
_BEST = re.compile(r"best ([1-9][0-9]{0,3})", re.ASCII)

DOWNLOADED = ".sweep-download"
"""The file that marks a folder of downloaded artifacts."""

MAX_PATTERNS = 20
MAX_PATTERN = 200
MAX_PART_BYTES = 255
"""Length of one part of a path: the limit of the usual file systems."""


def keep_fault(raw: object, *, has_front: bool) -> str | None:
    """Returns the fault of the field `keep_artifacts`; None if it has none.

    Args:
        has_front: whether the sweep has several objectives.
    """
    if has_front:
        if raw in (FRONT, ALL, NONE):
            return None
        return f'keep_artifacts: must be "front", "all" or "none" with several objectives, got {shown(raw)}'
    if isinstance(raw, str) and (raw in (WINNER, ALL, NONE) or _BEST.fullmatch(raw)):
        return None
    return f'keep_artifacts: must be "winner", "best 3", "all" or "none", got {shown(raw)}'


def kept(leaderboard: Sequence[tuple[int | None, Group]], keep: str) -> list[Trial]:
    """Returns the trials whose artifacts stay, best first; of params with several trials all of them.

    Args:
        leaderboard: all groups, with their ranks, as `ranking.ranked` returns them.
        keep: a value of `keep_artifacts` without fault.
    """
    if keep == ALL:
        results = [result for _, group in leaderboard for result in group.results]
        return [result.trial for result in results if result.value is not None]
    best = _BEST.fullmatch(keep)
    count = int(best[1]) if best else 0 if keep == NONE else 1
    # The first of all, or all of the first front.
    return [result.trial for rank, group in leaderboard if rank and rank <= count for result in group.results]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The artifacts of a trial that stay: of the winner's first one, or of one on the front.

    Attributes:
        prefix: of their keys.
        is_partial: whether the trial left more files than are kept.
    """

    prefix: str
    files: int
    bytes: int
    is_partial: bool = False

    def to_json(self) -> dict[str, Any]:
        found = {"prefix": self.prefix, "files": self.files, "bytes": self.bytes}
        return {**found, "is_partial": True} if self.is_partial else found

    @classmethod
    def read(cls, fields: Fields) -> Self | None:
        """Reads the field `artifacts`; None if it is null."""
        if fields.raw("artifacts") is None:
            return None
        kept = fields.child("artifacts")
        found = cls(
            prefix=kept.text("prefix"),
            files=kept.count("files"),
            bytes=kept.count("bytes"),
            is_partial=kept.has("is_partial") and kept.flag("is_partial"),
        )
        kept.done()
        return found


def pattern_faults(raw: object) -> Iterator[str]:
    """Yields the faults of the field `artifacts`."""
    example = '["best.pt", "out/*.json"]'
    if not isinstance(raw, list | tuple) or not all(isinstance(pattern, str) for pattern in raw):
        yield f"artifacts: must be a list of files and patterns such as {example}, got {shown(raw)}"
        return
    if len(raw) > MAX_PATTERNS:
        yield f"artifacts: at most {MAX_PATTERNS} patterns, got {len(raw)}"
        return
    for pattern in raw:
        rule = None
        if len(pattern) > MAX_PATTERN:
            rule = f"at most {MAX_PATTERN} characters, got {len(pattern)}"
        elif pattern.startswith(("/", "~")):
            rule = f"must be a path in the trial's working folder, such as best.pt, got {shown(pattern)}"
        else:
            try:
                if any("**" in part and part != "**" for part in parts_of(pattern.removesuffix("/"))):
                    rule = f"** must be a whole part of the path, as in out/**/*.json, got {shown(pattern)}"
            except ValueError as error:
                rule = f"{error}, got {shown(pattern)}"
        if rule:
            yield f"artifacts: {rule}"


def patterns_bytes(patterns: Sequence[str]) -> int:
    """Returns how many bytes of Batch's container overrides the patterns take."""
    return len(json.dumps(json.dumps(list(patterns)))) if patterns else 0


def parts_of(name: str) -> tuple[str, ...]:
    """Returns the parts of an artifact's name, which is a path below the trial's own folder.

    Raises:
        ValueError: the name must not become a path on a person's machine.
    """
    parts = tuple(name.split("/"))
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError("must be a relative path without empty parts, . and ..")
    if "\\" in name or not name.isprintable():
        raise ValueError("must have printable characters only, and no backslash")
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        raise ValueError(f"must have parts of at most {MAX_PART_BYTES} bytes")
    return parts
