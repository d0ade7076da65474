"""Writes what a person notes about a sweep."""

from dataclasses import dataclass
from datetime import UTC, datetime

from stepsweep.bucket.disk import told
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError, explained
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.note import Note, checked_text

TRIES = 8
"""How often a note is written that may replace any: another writer may always be faster, but not so often."""


class NoteChanged(InvalidInput):
    """Somebody else has changed the note since it was read.

    Attributes:
        now: the note as it is.
    """

    def __init__(self, sweep: str, now: Note) -> None:
        what = "changed" if now.text else "removed"
        super().__init__(
            [f"note: somebody else has {what} the note of {sweep} since you read it; look at it, then save yours again"]
        )
        self.now = now


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A note that was written.

    Attributes:
        note: as it is now.
        replaced: the one that it took the place of.
    """

    note: Note
    replaced: Note


def write_note(cloud: Cloud, name: str, text: str, *, mark: str | None = None) -> Noted:
    """Writes the note of a sweep, running or not. An empty text removes it.

    Args:
        mark: of the note that the person has seen; None replaces any, and the result says which.

    Raises:
        InvalidInput: there is no such sweep, or the text breaks a rule; lists every fault.
        NoteChanged: the note is no longer the one that the person has seen.
        CloudError: the cloud did not answer, or does not allow it.
    """
    kept = checked_text(text)
    try:
        with cloud.kept_from_others() as archive, explained():
            return _written(archive, name, kept, mark=mark)
    except OSError as error:
        raise CloudError(f"the note of {name} cannot be kept: {told(error, cloud.directory)}") from error


def _written(archive: Archive, name: str, text: str, *, mark: str | None) -> Noted:
    archive.spec(name)
    for _ in range(TRIES):
        there = archive.note(name)
        if there.text == text and not there.fault:  # also if this call wrote it, and the answer was lost
            return Noted(note=there, replaced=there)
        if mark is not None and there.mark != mark:
            raise NoteChanged(name, there)
        note = Note(text=text, written_at=datetime.now(UTC))
        if archive.records.replace_note(name, note, mark=there.mark):
            return Noted(note=note, replaced=there)
    raise CloudError(f"the note of {name} is being changed by others again and again; try once more")


def note_of(cloud: Cloud, name: str) -> Note:
    """Returns the note of a sweep. Raises InvalidInput: there is no such sweep."""
    archive = cloud.recorded() if cloud.is_local else cloud.looked_at().archive
    archive.spec(name)
    return archive.note(name)
