"""The values of parameters: how they are read, how a trainer is given them, and in which order a grid tries them."""

import argparse
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import Value, as_option, canonical, key_of, parse_value, plain, shown
from tests.support.strategies import any_json, choices, numbers, option_names, values

TEXT = "must be a text of 1 to 256 printable characters without spaces at its ends"
LIST = "must be a list of at most 64 values and 4 levels"


class TestValues:
    @pytest.mark.parametrize(("raw", "value"), [(1.0, 1), (-0.0, 0), (-3.0, -3), (2.0**53, 2**53), (0.5, 0.5)])
    def test_a_number_without_a_fraction_is_an_integer_however_it_was_written(self, raw: float, value: Value) -> None:
        assert (type(parse_value(raw)), parse_value(raw)) == (type(value), value)

    @pytest.mark.parametrize("raw", [np.float64(-1e-5), np.float64(0.1), np.float64(3)])
    def test_a_number_of_numpy_becomes_one_of_python(self, raw: Any) -> None:
        assert type(parse_value(raw)) in (int, float)
        assert float(as_option(parse_value(raw))) == raw

    @given(values)
    def test_reading_a_value_again_changes_nothing(self, raw: Any) -> None:
        once = parse_value(raw)
        assert canonical(parse_value(once)) == canonical(once)
        assert plain(once) == raw

    @pytest.mark.parametrize(
        "value",
        [2**53, -(2**53), 1e300, "x" * 256, "a-", "a Ref::b", [0] * 64, [[[[1]]]], None, False, []],
        ids=lambda value: shown(value, limit=20),
    )
    def test_a_value_at_the_limit_is_taken(self, value: Any) -> None:
        assert plain(parse_value(value)) == value

    @pytest.mark.parametrize(
        ("value", "fault"),
        [
            (2**53 + 1, "must be a whole number of at most 9007199254740992 (2**53), got 9007199254740993"),
            (-(2**53) - 1, "must be a whole number of at most 9007199254740992 (2**53), got -9007199254740993"),
            (math.inf, "must be a finite number, got Infinity"),
            ("", f'{TEXT}, got ""'),
            ("x" * 257, f'{TEXT}, got "{"x" * 78}…'),
            ("a\n", f'{TEXT}, got "a\\n"'),
            (" a", f'{TEXT}, got " a"'),
            ("-a", 'must not begin as "-a" does, since a trainer may take it for an option'),
            ("Ref::a", 'must not begin as "Ref::a" does, since Batch may take it for a parameter of its own'),
            ("1_000", '"1_000" is not how JSON writes a number; write 1000'),
            ([0] * 65, f"{LIST}, got {shown([0] * 65)}"),
            ([[[[[1]]]]], f"{LIST}, got [1]"),
            ({"a": 1}, 'must be a number, a text, true, false, null or a list of these, got {"a": 1}'),
        ],
        ids=lambda value: shown(value, limit=20),
    )
    def test_a_value_beyond_a_limit_is_told_the_rule(self, value: Any, fault: str) -> None:
        with pytest.raises(ValueError) as caught:  # noqa: PT011  what it says is compared whole
            parse_value(value)
        assert str(caught.value) == fault


class TestOptions:
    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.1, "0.1"), (1e-5, "1e-05"), (-1e-5, "-0.00001"), (-2.5e17, "-250000000000000000"), (64, "64"), ("a", "a")],
    )
    def test_a_trainer_is_given_the_shortest_text_and_no_exponent_behind_a_minus(self, value: Value, text: str) -> None:
        assert as_option(value) == text

    @given(numbers)
    @example(-5e-324)
    @example(-1.7976931348623157e308)
    def test_a_number_reaches_the_trainer_as_the_same_number(self, number: float) -> None:
        value = parse_value(number)
        assert float(as_option(value)) == number
        assert not (number < 0 and "e" in as_option(value))

    @given(values)
    @example(-1e-5)
    @example(-1e300)
    def test_argparse_takes_every_value_for_a_value_and_none_for_an_option(self, raw: Any) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--x")
        assert parser.parse_args(["--x", as_option(parse_value(raw))]).x == as_option(parse_value(raw))


class TestGrid:
    def test_a_grid_is_tried_in_the_order_of_the_tutorials_loops_the_last_parameter_fastest(self) -> None:
        assert list(SearchSpace(parameters={"lr": (0.1, 0.01), "momentum": (0.5, 0.1, 0.05)}).grid()) == [
            {"lr": 0.1, "momentum": 0.5},
            {"lr": 0.1, "momentum": 0.1},
            {"lr": 0.1, "momentum": 0.05},
            {"lr": 0.01, "momentum": 0.5},
            {"lr": 0.01, "momentum": 0.1},
            {"lr": 0.01, "momentum": 0.05},
        ]

    @given(st.dictionaries(option_names, choices.map(parse_value), min_size=1, max_size=3))
    def test_a_grid_has_as_many_different_combinations_as_it_says(
        self, parameters: dict[str, tuple[Value, ...]]
    ) -> None:
        combinations = [key_of(params) for params in SearchSpace(parameters=parameters).grid()]
        assert len(set(combinations)) == len(combinations) == SearchSpace(parameters=parameters).size


class TestShown:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            (None, "null"),
            (True, "true"),
            ([1, None, "a"], '[1, null, "a"]'),
            ({"low": 0.1}, '{"low": 0.1}'),
            ('say "hi"\n', '"say \\"hi\\"\\n"'),
            ("\x1b[2J\x7f", '"\\u001b[2J\\u007f"'),
            ("\ufeffÜbung 1\xa0学习\u202e\ud800", '"\\ufeffÜbung 1\\u00a0学习\\u202e\\ud800"'),
            (math.nan, "NaN"),
            ({0.1}, '"{0.1}"'),
        ],
    )
    def test_a_value_is_shown_as_it_is_written_in_json(self, raw: object, text: str) -> None:
        assert shown(raw) == text

    def test_an_integer_that_python_refuses_to_write_is_shown_by_its_size(self) -> None:
        assert shown(10**5000) == "an integer of 16610 bits"

    def test_what_python_cannot_write_is_said_to_be_large(self) -> None:
        assert shown([10**5000]) == "what is too large to show"

    @given(any_json, st.integers(1, 100))
    def test_what_is_shown_is_printable_and_never_longer_than_the_limit(self, raw: object, limit: int) -> None:
        assert shown(raw, limit).isprintable()
        assert len(shown(raw, limit)) <= limit

    def test_what_is_cut_off_ends_with_an_ellipsis(self) -> None:
        assert shown("a" * 100, limit=10) == '"aaaaaaaa…'
