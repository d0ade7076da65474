"""A note is plain text for people: what may be in it, and what of it is shown where there is one line."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stepsweep.contract.errors import InvalidDocument, InvalidInput
from stepsweep.contract.note import MAX_CHARACTERS, MAX_FIRST, Note, checked_text, first_line

AT = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
STORED = Note(text="lr above 0.3 diverges", written_at=AT).to_json()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("lr above 0.3 diverges", "lr above 0.3 diverges"),
        ("\r\n\r\n  one\r\n\r\ntwo\rthree \n\n ", "  one\n\ntwo\nthree"),
        ("a\ttab, ärger, 学习率, 👩‍🔬, \u200fleft", "a\ttab, ärger, 学习率, 👩‍🔬, \u200fleft"),
        (" \n\t\n", ""),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("x" * MAX_CHARACTERS + "\n", "x" * MAX_CHARACTERS),
    ],
)
def test_a_text_is_kept_as_it_is_with_one_kind_of_line_end(written: str, kept: str) -> None:
    assert checked_text(written) == kept
    assert Note.from_json(Note(text=kept, written_at=AT).to_json(), where="note.json").text == kept


def test_all_faults_of_a_text_are_named_at_once_with_what_to_do() -> None:
    with pytest.raises(InvalidInput) as raised:
        checked_text("fine\n\x1b[31mred\x1b[0m" + "x" * MAX_CHARACTERS)
    assert raised.value.faults == (
        "note: must have at most 4,000 characters, got 4,017; shorten it by 17, or name a place that has the rest",
        "note: must be text without control characters, such as the colours of a terminal; "
        'got "\\u001b" in line 2, and 1 more behind it; leave them out',
    )


@pytest.mark.parametrize("sign", ["\0", "\x07", "\x1b", "\x7f", "\x85", "\x9b", "\ud800", "\u202d", "\u202e"])
def test_no_control_character_gets_into_a_note_and_none_out_of_the_bucket(sign: str) -> None:
    with pytest.raises(InvalidInput, match="note: must be text without control characters"):
        checked_text(f"a{sign}b")
    with pytest.raises(InvalidDocument, match=r"note\.json: text: must be text without control characters"):
        Note.from_json({**STORED, "text": f"a{sign}b"}, where="note.json")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"text": None}, "note.json: text: must be a text, got null"),
        ({"text": "x" * (MAX_CHARACTERS + 1)}, "note.json: text: must have at most 4,000 characters, got 4,001"),
        ({"written_at": "yesterday"}, "note.json: written_at: must be a time with its zone"),
        ({"schema": 2}, "note.json: schema: must be 1"),
        ({"by": "me"}, 'note.json: unknown field "by"'),
    ],
)
def test_a_document_that_is_no_note_is_named(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidDocument) as raised:
        Note.from_json({**STORED, **change}, where="note.json")
    assert str(raised.value).startswith(fault)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("one", "one"),
        ("one\ntwo", "one …"),
        ("x" * MAX_FIRST, "x" * MAX_FIRST),
        ("x" * (MAX_FIRST - 1) + " y", "x" * (MAX_FIRST - 1) + " …"),
    ],
)
def test_the_first_line_says_whether_there_is_more(text: str, shown: str) -> None:
    assert first_line(text) == shown


def test_the_mark_tells_texts_apart_and_not_times() -> None:
    assert Note(text="a", written_at=AT).mark == Note(text="a").mark
    assert len({Note(text=text).mark for text in ("", "a", "b", "a\n")}) == 4
