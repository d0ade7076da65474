"""Values as people write them: what they read in a table, they may write in an option."""

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract.space import Value, as_option, canonical, parse_value
from stepsweep.contract.words import as_word, options_line, read_word, read_words
from tests.support.strategies import option_names, values

LOOKALIKES = [
    "true",
    "null",
    "1",
    "1e-3",
    "007",
    "nan",
    "1,5",
    "0..1",
    "a b",
    "a, b",
    "[1]",
    '"',
    "a\\b",
    "=1",
    "ü",
    "",
]


@given(values | st.sampled_from(LOOKALIKES[:-1]))
def test_a_value_that_is_read_in_a_table_is_the_same_value_in_an_option(raw: Any) -> None:
    value = parse_value(raw)
    assert canonical(parse_value(read_word(as_word(value)))) == canonical(value)


@given(st.lists(values.map(parse_value), min_size=1, max_size=4))
def test_values_that_commas_separate_are_those_values(found: list[Value]) -> None:
    words = read_words(", ".join(map(as_word, found)))
    assert [canonical(parse_value(word)) for word in words] == [canonical(value) for value in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.1,sgd,true,null", [0.1, "sgd", True, None]),
        ("[64,64],[128],[]", [[64, 64], [128], []]),
        ("[relu, [1,2] , \"a, b\"],x", [["relu", [1, 2], "a, b"], "x"]),
        ('"1",1,"a, b"', ["1", 1, "a, b"]),
        ("a[0],b", ["a[0]", "b"]),
        ("x,", ["x", ""]),
    ],
)  # fmt: skip
def test_a_list_of_words(text: str, found: list[Any]) -> None:
    assert read_words(text) == found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[64", '"[64" is a list without its closing bracket'),
        ("[1]x", '"x" follows a value without a comma'),
        ('"a', r'"\"a" is not a text in quotes: '),
        ("[1_0]", '"1_0" is not how JSON writes a number; write 10'),
    ],
)
def test_a_broken_word_is_named(text: str, fault: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        read_words(text)
    assert str(raised.value).startswith(fault)


def test_words_of_a_table_are_plain_where_they_can_be() -> None:
    given: list[Value] = [0.1, -1e-5, "resnet-18", "/data/x", (64, 64), True, None, "1", "a b"]
    assert [as_word(value) for value in given] == [
        "0.1", "-0.00001", "resnet-18", "/data/x", "[64,64]", "true", "null", '"1"', '"a b"',
    ]  # fmt: skip
    assert json.loads(as_word('say "hi"')) == 'say "hi"'


@given(st.dictionaries(option_names, values.map(parse_value), min_size=1, max_size=4))
def test_the_winners_options_can_be_pasted_into_a_shell(params: dict[str, Value]) -> None:
    words = shlex.split(options_line(params))
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        f"--{name}": as_option(value) for name, value in params.items()
    }


def test_the_line_of_options_is_the_winners_params() -> None:
    assert options_line({"lr": 0.1, "momentum": -1e-5}) == "--lr 0.1 --momentum -0.00001"
