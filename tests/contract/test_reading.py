"""A document that breaks a rule names itself, the field, the rule and the value."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.reading import Fields

MAX = 1.7976931348623157e308


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


RIGHT = [
    ("text", "", ""),
    ("maybe_text", None, None),
    ("maybe_text", "a", "a"),
    ("whole", -3, -3),
    ("count", 0, 0),
    ("maybe_count", None, None),
    ("maybe_count", 0, 0),
    ("flag", False, False),
    ("moment", "2026-11-23T05:30:12+00:00", datetime(2026, 11, 23, 5, 30, 12, tzinfo=UTC)),
    ("number", -MAX, -MAX),
    ("amount", 0, 0),
    ("amount", 0.5, 0.5),
    ("maybe_number", None, None),
    ("maybe_number", -0.5, -0.5),
    ("numbers", [1, 0.5], [1, 0.5]),
    ("values", {"lr": 0.5, "sizes": [1, 2]}, {"lr": 0.5, "sizes": (1, 2)}),
    ("texts", ["a", ""], ["a", ""]),
    ("wholes", [1, -2], [1, -2]),
    ("pairs", [[1, 0.5], [2, 3]], [(1, 0.5), (2, 3)]),
]
TIME = "must be a time with its zone, such as 2026-11-23T05:30:12+00:00"
PAIRS = "must be a list of pairs of numbers, the first one whole"
WRONG: list[tuple[str, Any, str]] = [
    ("text", 1, "must be a text, got 1"),
    ("maybe_text", 1, "must be a text, got 1"),
    ("whole", 1.0, "must be a whole number, got 1.0"),
    ("whole", True, "must be a whole number, got true"),
    ("whole", 10**400, "must be a whole number, got "),
    ("count", -1, "must be 0 or more, got -1"),
    ("maybe_count", -1, "must be 0 or more, got -1"),
    ("flag", 1, "must be true or false, got 1"),
    ("moment", "noon", f'{TIME}, got "noon"'),
    ("moment", "2026-11-23T05:30:12", f'{TIME}, got "2026-11-23T05:30:12"'),
    ("number", True, "must be a number, got true"),
    ("number", float("inf"), "must be a number, got "),
    ("number", float("nan"), "must be a number, got "),
    ("amount", -0.5, "must be 0 or more, got -0.5"),
    ("maybe_number", "1", 'must be a number, got "1"'),
    ("numbers", 1, "must be a list of numbers, got 1"),
    ("numbers", [1, None], "must be a list of numbers, got [1, null]"),
    ("values", [1], "must be an object, got [1]"),
    ("values", {"a b": 1}, 'must have names of options (', ),
    ("values", {"lr": {}}, "must hold values of parameters ("),
    ("texts", "a", 'must be a list of texts, got "a"'),
    ("texts", ["a", 1], 'must be a list of texts, got ["a", 1]'),
    ("wholes", [0.5], "must be a list of whole numbers, got [0.5]"),
    ("wholes", {}, "must be a list of whole numbers, got {}"),
    ("pairs", 1, f"{PAIRS}, got 1"),
    ("pairs", [[1, 2], [0.5, 1]], f"{PAIRS}, got [[1, 2], [0.5, 1]]"),
    ("pairs", [[1, 2, 3]], f"{PAIRS}, got [[1, 2, 3]]"),
    ("pairs", [[1, "2"]], f'{PAIRS}, got [[1, "2"]]'),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "read"), RIGHT)
def test_a_field_is_read(kind: str, value: object, read: object) -> None:
    fields = Fields({"f": value}, "here")
    assert getattr(fields, kind)("f") == read
    fields.done()


@pytest.mark.parametrize(("kind", "value", "said"), WRONG)
def test_a_field_that_breaks_its_rule_is_told(kind: str, value: object, said: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        getattr(Fields({"f": value}, "here"), kind)("f")
    whole = str(caught.value)
    if said.endswith((" ", "(")):
        assert whole.startswith(f"here: f: {said}")
        assert not whole.endswith("got null")
    else:
        assert whole == f"here: f: {said}"


@pytest.mark.parametrize("kind", sorted({kind for kind, *_ in RIGHT}))
def test_a_field_that_is_missing_is_told(kind: str) -> None:
    with pytest.raises(InvalidDocument, match=r"^here: f is missing$"):
        getattr(Fields({}, "here"), kind)("f")


def test_the_names_of_options_are_explained_and_the_value_is_shown() -> None:
    with pytest.raises(InvalidDocument) as caught:
        Fields({"f": {"a b": 1}}, "here").values("f")
    assert str(caught.value).endswith('), got {"a b": 1}')
    with pytest.raises(InvalidDocument) as caught:
        Fields({"f": {"lr": {}}}, "here").values("f")
    assert str(caught.value).endswith('), got {"lr": {}}')


def test_a_member_of_an_enumeration() -> None:
    assert Fields({"f": "red"}, "here").one_of("f", Colour) is Colour.RED
    with pytest.raises(InvalidDocument, match=r'^here: f: must be one of red, blue, got "green"$'):
        Fields({"f": "green"}, "here").one_of("f", Colour)


def test_a_text_that_matches() -> None:
    assert Fields({"f": "ab"}, "here").matching("f", re.compile("[ab]+"), "must be a or b") == "ab"
    with pytest.raises(InvalidDocument, match=r'^here: f: must be a or b, got "abc"$'):
        Fields({"f": "abc"}, "here").matching("f", re.compile("[ab]+"), "must be a or b")


def test_what_is_inside_is_named_with_where_it_is() -> None:
    fields = Fields({"object": {"a": 1}, "list": [{"b": 2}, 3], "none": 4}, "here")
    assert fields.has("object")
    assert not fields.has("other")
    with pytest.raises(InvalidDocument, match=r"^here: object: a: must be a text, got 1$"):
        fields.child("object").text("a")
    assert list(fields.children("list")) == [({"b": 2}, "here: list[0]"), (3, "here: list[1]")]
    with pytest.raises(InvalidDocument, match=r"^here: none: must be a list, got 4$"):
        list(fields.children("none"))
    with pytest.raises(InvalidDocument, match=r"^here: must be an object, got \[\]$"):
        Fields([], "here")


def test_fields_that_nobody_read_are_refused() -> None:
    fields = Fields({"b": 1, "a": 2, "c": 3}, "here")
    assert fields.raw("c") == 3
    with pytest.raises(InvalidDocument, match=r'^here: unknown field "a", "b"$'):
        fields.done()


def test_a_document_of_another_version_is_refused() -> None:
    Fields({"schema": 1}, "here").schema(1)
    with pytest.raises(InvalidDocument) as caught:
        Fields({"schema": 2}, "here").schema(1)
    assert str(caught.value) == "here: schema: must be 1, which this version of stepsweep reads and writes, got 2"
