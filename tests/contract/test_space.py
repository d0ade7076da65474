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
            ("\x1b[2J", '"\\u001b[2J"'),
            (math.nan, "NaN"),
            ({0.1}, '"{0.1}"'),
        ],
    )
    def test_a_value_is_shown_as_it_is_written_in_json(self, raw: object, text: str) -> None:
        assert shown(raw) == text

    def test_an_integer_that_python_refuses_to_write_is_shown_by_its_size(self) -> None:
        assert shown(10**5000) == "an integer of 16610 bits"

    @given(any_json, st.integers(1, 100))
    def test_what_is_shown_is_printable_and_never_longer_than_the_limit(self, raw: object, limit: int) -> None:
        assert shown(raw, limit).isprintable()
        assert len(shown(raw, limit)) <= limit

    def test_what_is_cut_off_ends_with_an_ellipsis(self) -> None:
        assert shown("a" * 100, limit=10) == '"aaaaaaaa…'
