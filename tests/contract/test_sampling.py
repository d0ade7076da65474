"""Ranges and random search: which params are drawn, and that they are those of the seed."""

import itertools
import math
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepsweep.contract.given import Given
from stepsweep.contract.limits import MAX_BOUND, MIN_BOUND
from stepsweep.contract.parser import parse
from stepsweep.contract.sampling import drawn
from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import Kind, Parameter, Range, Value, as_option, key_of, values_of
from tests.support.specs import as_number
from tests.support.strategies import choices, option_names, ranges

LR = Range(low=1e-4, high=1, log=True, kind=Kind.FLOAT)
MOMENTUM = Range(low=0, high=0.9, kind=Kind.FLOAT)
BATCH = Range(low=16, high=256, kind=Kind.INT)
STEPPED = Range(low=0, high=1, step=0.1, kind=Kind.FLOAT)


def parsed(document: Any) -> Parameter:
    given = Given({"parameters": {"p": document}, "epochs": 1, "search": {"method": "random", "trials": 1}})
    found: Parameter = parse(given, "s")["parameters"]["p"]
    assert not given.faults
    return found


def first(count: int, parameters: dict[str, Parameter], seed: int = 0) -> list[dict[str, Value]]:
    return list(itertools.islice(drawn(SearchSpace(parameters=parameters), seed=seed), count))


spaces = st.dictionaries(option_names, choices.map(tuple) | ranges().map(parsed), min_size=1, max_size=3)


@st.composite
def hostile_ranges(draw: st.DrawFn) -> Range:
    """Ranges of a few values or of very many, narrow and wide, near the ends of what doubles can hold."""
    log = draw(st.booleans())
    low = draw(st.floats(MIN_BOUND, MAX_BOUND) if log else st.floats(-MAX_BOUND, MAX_BOUND))
    wider = draw(st.sampled_from([0, 1e-16, 1e-15, 1e-6, 1e-4, 1e-3, 1, 1e9]))
    high = min(low + abs(low) * wider, MAX_BOUND)
    if draw(st.booleans()):
        low, high = float(f"{low:.5g}"), max(float(f"{high:.5g}"), float(f"{low:.5g}"))
    found = parsed({"low": low, "high": high, "log": log, "type": "float"})
    assert isinstance(found, Range)
    return found


hostile = hostile_ranges()


class TestRange:
    def test_steps_end_where_they_were_written_to_end_and_not_a_rounding_error_before_it(self) -> None:
        assert values_of(STEPPED) == (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)

    def test_a_step_that_does_not_fit_ends_below_the_high_end(self) -> None:
        assert values_of(Range(low=0.1, high=1, step=0.4, kind=Kind.FLOAT)) == (0.1, 0.5, 0.9)

    def test_whole_numbers_are_listed_one_by_one(self) -> None:
        assert values_of(Range(low=-1, high=2, kind=Kind.INT)) == (-1, 0, 1, 2)
        assert values_of(Range(low=16, high=64, step=16, kind=Kind.INT)) == (16, 32, 48, 64)

    def test_a_drawn_number_has_four_significant_digits_on_a_log_scale_and_ten_thousand_places_on_a_linear_one(
        self,
    ) -> None:
        assert LR.nearest(0.00314159265) == 0.003142
        assert LR.nearest(0.99999) == 1
        assert MOMENTUM.nearest(0.123456789) == 0.12346
        assert Range(low=100, high=350, kind=Kind.FLOAT).nearest(123.456789) == 123.46

    @pytest.mark.parametrize(
        ("given", "size"),
        [(LR, 36_001), (MOMENTUM, 90_001), (BATCH, 241), (STEPPED, 11), (Range(low=1, high=1, kind=Kind.FLOAT), 1)],
    )
    def test_a_range_knows_how_many_values_it_has(self, given: Range, size: int) -> None:
        """36,001: four decades of 9,000 numbers of four digits, and 1 itself."""
        assert given.size == size

    @given(ranges().map(parsed), st.integers())
    def test_what_is_drawn_lies_in_the_range_and_is_one_of_its_values(self, given: Range, seed: int) -> None:
        value = given.draw(Random(seed))
        assert given.low <= value <= given.high
        assert given.nearest(value) == value
        assert isinstance(value, int) or given.kind is Kind.FLOAT
        if given.is_listed and given.size < 10_000:
            assert value in values_of(given)
        assert len(as_option(value)) < 40

    @given(hostile)
    @example(Range(low=0.10009, high=0.1009, log=True, kind=Kind.FLOAT))
    @example(Range(low=0.10005, high=0.10015, log=True, kind=Kind.FLOAT))
    @example(Range(low=10**15, high=10**15 + 1, kind=Kind.FLOAT))
    @example(Range(low=2**53 - 9, high=2**53, log=True, kind=Kind.INT))
    @example(Range(low=-1e300, high=1e300, kind=Kind.FLOAT))
    def test_as_many_values_are_drawn_as_a_range_says_that_it_has(self, given: Range) -> None:
        count = min(given.size, 60)
        drawn_values = [as_number(params["p"]) for params in first(count, {"p": given})]
        assert len(set(drawn_values)) == len(drawn_values) == count
        assert all(given.low <= value <= given.high for value in drawn_values)
        if given.size == count:
            assert set(drawn_values) == set(values_of(given))
            assert not list(itertools.islice(drawn(SearchSpace(parameters={"p": given}), seed=0), count, None))

    @given(ranges().map(parsed))
    def test_a_range_survives_being_written_and_read(self, given: Range) -> None:
        assert parsed(given.to_json()) == given

    def test_a_log_scale_gives_each_decade_as_many_values(self) -> None:
        values = [LR.draw(Random(seed)) for seed in range(4_000)]
        decades = [sum(math.floor(math.log10(value)) == decade for value in values) for decade in range(-4, 0)]
        # 1,000 each; the standard deviation is 27.
        assert all(abs(count - 1_000) < 150 for count in decades)

    def test_the_ends_of_whole_numbers_on_a_log_scale_are_drawn_as_their_share_of_it(self) -> None:
        small = Range(low=1, high=4, log=True, kind=Kind.INT)
        values = [small.draw(Random(seed)) for seed in range(4_000)]
        # Of log(4.5 / 0.5) = 2.197 there are log(1.5 / 0.5) = 1.099 for 1, and log(4.5 / 3.5) = 0.251 for 4.
        assert abs(values.count(1) - 2_000) < 150
        assert abs(values.count(4) - 458) < 100


class TestDrawn:
    def test_the_first_trials_of_a_seed_are_these(self) -> None:
        """By hand: trial n is dealt place Random("0:n").randrange(n, 6) of the pack, with the cards moved so far."""
        parameters: dict[str, Parameter] = {"lr": (0.1, 0.01, 0.001), "momentum": (0.5, 0.9)}
        pack = list(SearchSpace(parameters=parameters).grid())
        for number in range(6):
            place = Random(f"0:{number}").randrange(number, 6)
            pack[number], pack[place] = pack[place], pack[number]
        assert first(6, parameters) == pack

    def test_a_range_and_choices_are_drawn_in_the_order_in_which_they_are_named(self) -> None:
        random = Random("7:0")
        lr = float(f"{math.exp(random.uniform(math.log(1e-4), math.log(1))):.3e}")
        momentum = random.choice((0.5, 0.9))
        assert first(1, {"lr": LR, "momentum": (0.5, 0.9)}, seed=7) == [{"lr": lr, "momentum": momentum}]

    @given(spaces, st.integers(0, 2**32 - 1), st.integers(1, 30))
    def test_params_are_all_different_in_the_space_and_the_same_for_the_same_seed(
        self, parameters: dict[str, Parameter], seed: int, count: int
    ) -> None:
        found = first(count, parameters, seed)
        assert (
            len({key_of(params) for params in found})
            == len(found)
            == min(count, SearchSpace(parameters=parameters).size)
        )
        assert found == first(count, parameters, seed)
        for params in found:
            assert list(params) == list(parameters)

    @given(spaces, st.integers(0, 9), st.integers(1, 20), st.integers(0, 20))
    def test_more_trials_extend_the_same_sequence(
        self, parameters: dict[str, Parameter], seed: int, count: int, more: int
    ) -> None:
        assert first(count + more, parameters, seed)[:count] == first(count, parameters, seed)

    @given(st.dictionaries(option_names, choices.map(tuple), min_size=1, max_size=3), st.integers(0, 99))
    def test_all_of_a_small_space_is_the_grid_in_another_order(
        self, parameters: dict[str, Parameter], seed: int
    ) -> None:
        found = [tuple(params.items()) for params in drawn(SearchSpace(parameters=parameters), seed=seed)]
        assert sorted(map(repr, found)) == sorted(
            repr(tuple(params.items())) for params in SearchSpace(parameters=parameters).grid()
        )

    def test_another_seed_is_another_sequence(self) -> None:
        assert first(5, {"lr": LR}, seed=0) != first(5, {"lr": LR}, seed=1)
        assert first(5, {"n": BATCH}, seed=0) != first(5, {"n": BATCH}, seed=1)

    def test_a_pack_of_a_million_million_cards_is_dealt_at_once(self) -> None:
        huge: dict[str, Parameter] = {"a": Range(low=0, high=10**6, kind=Kind.INT), "b": tuple(range(10**3))}
        assert len(first(50, {**huge, "c": Range(low=0, high=10**6, kind=Kind.INT)})) == 50
