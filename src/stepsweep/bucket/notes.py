"""The note of a sweep in a bucket: reads it, and replaces it if nobody else has meanwhile."""

import contextlib

from stepsweep.bucket.s3 import as_json, document_of
from stepsweep.bucket.stores import Store
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.note import MAX_BYTES, NO_NOTE, Note


def note_of(store: Store, sweep: str) -> Note:
    """Returns the note of a sweep; an empty one if there is none. Raises InvalidDocument if it is damaged."""
    key = keys.note_key(sweep)
    return _note_in(store.get(key, at_most=MAX_BYTES + 1), where=key)


def replaced(store: Store, sweep: str, note: Note, *, mark: str) -> bool:
    """Writes a note in the place of the one that has this mark. Returns whether it wrote."""
    key = keys.note_key(sweep)
    known, there = store.get(key), NO_NOTE
    with contextlib.suppress(InvalidDocument):
        there = _note_in(known, where=key)
    return there.mark == mark and store.replace(key, as_json(note.to_json()), "application/json", known=known)


def _note_in(data: bytes | None, *, where: str) -> Note:
    """Returns the note that an object has; an empty one if there is no object."""
    if data is not None and len(data) > MAX_BYTES:
        raise InvalidDocument(f"{where}: is larger than {MAX_BYTES:,} bytes, and no note is")
    return NO_NOTE if data is None else Note.from_json(document_of(where, data), where=where)
