"""note.json: what a person has written about a sweep, for people. Nothing is decided by it, and no trial reads it."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from stepsweep.contract.errors import InvalidDocument, InvalidInput
from stepsweep.contract.reading import Fields
from stepsweep.contract.space import shown

SCHEMA = 1
MAX_CHARACTERS = 4_000
"""Of a note: a page of text. The list of sweeps reads all notes."""
MAX_BYTES = 65_536
"""More than any note's document: JSON writes a character with twelve bytes at most."""
MAX_FIRST = 80
"""Characters of a note's first line where there is room for one line only."""

_ALLOWED = "\n\t"
_CONTROL = ("Cc", "Cs")
"""Unicode's control characters, among which are the escapes of terminals, and halves of characters."""
_OVERRIDES = "\u202d\u202e"
"""They reverse what follows, so that a text does not say what it seems to. Scripts from right to left need neither."""
_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sweep's note.

    Attributes:
        text: plain text in lines; empty if there is no note, or if it was removed.
        written_at: when; None if none was ever written.
        fault: why what is stored cannot be read; empty otherwise.
    """

    text: str = ""
    written_at: datetime | None = None
    fault: str = ""

    @property
    def mark(self) -> str:
        """Tells this text from others, for a writer who has seen it."""
        return mark_of(self.text)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "text": self.text,
            "written_at": self.written_at.isoformat() if self.written_at else None,
        }

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        fields.schema(SCHEMA)
        note = cls(text=fields.text("text"), written_at=fields.moment("written_at"))
        fields.done()
        if faults := list(_faults(note.text)):
            raise InvalidDocument(f"{where}: text: {faults[0]}")
        return note


NO_NOTE = Note()


def checked_text(text: str) -> str:
    """Returns a text as a note keeps it: with line feeds alone, and no blank lines before or behind it.

    Raises:
        InvalidInput: it breaks a rule; lists every fault.
    """
    kept = _LINE_ENDS.sub("\n", text).rstrip()
    kept = kept[len(kept) - len(kept.lstrip("\n")) :]
    if faults := [f"note: {fault}" for fault in _faults(kept)]:
        raise InvalidInput(faults)
    return kept


def first_line(text: str) -> str:
    """Returns the beginning of a note in one line, with a sign that there is more."""
    line, _, more = text.partition("\n")
    cut = line[:MAX_FIRST].rstrip()
    return f"{cut} …" if more or cut != line.rstrip() else cut


def mark_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _faults(text: str) -> Iterator[str]:
    if len(text) > MAX_CHARACTERS:
        yield (
            f"must have at most {MAX_CHARACTERS:,} characters, got {len(text):,}; shorten it by "
            f"{len(text) - MAX_CHARACTERS:,}, or name a place that has the rest"
        )
    wrong = [
        place
        for place, sign in enumerate(text)
        if sign in _OVERRIDES or (sign not in _ALLOWED and unicodedata.category(sign) in _CONTROL)
    ]
    if wrong:
        line = text.count("\n", 0, wrong[0]) + 1
        more = f", and {len(wrong) - 1:,} more behind it" if len(wrong) > 1 else ""
        yield (
            "must be text without control characters, such as the colours of a terminal; "
            f"got {shown(text[wrong[0]])} in line {line}{more}; leave them out"
        )
