"""The t-tests against SciPy's, and against what can be worked out by hand."""

import math
import statistics
import sys

import pytest
import scipy  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from stepsweep.contract.significance import (
    corrected_resampled_p,
    difference,
    incomplete_beta,
    mean_of,
    standard_error_of,
    two_sided_p,
    welch_p,
)

samples = st.lists(st.integers(0, 1_000).map(lambda n: n / 1_000), min_size=2, max_size=20)


@given(st.floats(0, 1), st.floats(0.05, 200), st.floats(0.05, 200))
def test_the_incomplete_beta_function_is_scipy_s(x: float, a: float, b: float) -> None:
    assert incomplete_beta(x, a, b) == pytest.approx(scipy.special.betainc(a, b, x), rel=1e-9, abs=1e-13)


@given(st.floats(-50, 50), st.floats(1, 500))
@example(0.0, 1.0)
@example(1e-9, 3.0)
@example(5.960464477539063e-08, 5.0)
def test_p_values_are_scipy_s(t: float, freedom: float) -> None:
    assert two_sided_p(t, freedom) == pytest.approx(2 * scipy.stats.t.sf(abs(t), freedom), rel=1e-9, abs=1e-14)


def test_the_table_in_every_book_says_so_too() -> None:
    assert two_sided_p(12.706, 1) == pytest.approx(0.05, rel=1e-4)
    assert two_sided_p(2.776, 4) == pytest.approx(0.05, rel=1e-3)
    assert two_sided_p(1, 1) == pytest.approx(0.5)  # Cauchy's: a quarter lies above 1


@given(samples, samples)
def test_welch_s_test_is_scipy_s(first: list[float], second: list[float]) -> None:
    if min(statistics.variance(first), statistics.variance(second)) > 1e-12:
        expected = scipy.stats.ttest_ind(first, second, equal_var=False).pvalue
        assert welch_p(first, second) == pytest.approx(expected, rel=1e-8)
        assert welch_p(second, first) == pytest.approx(welch_p(first, second))


def test_the_corrected_test_by_hand() -> None:
    """Differences 1, 2, 3, 4, 5: mean 3, variance 2.5; t = 3 / sqrt((1/5 + 1/4) x 2.5) = 2.8284, where the plain test
    has 3 / sqrt(2.5 / 5) = 4.2426."""
    assert corrected_resampled_p([2, 4, 6, 8, 10], [1, 2, 3, 4, 5]) == pytest.approx(
        2 * scipy.stats.t.sf(math.sqrt(8), 4)
    )
    assert corrected_resampled_p([2, 4, 6, 8, 10], [1, 2, 3, 4, 5]) == pytest.approx(0.0474, abs=1e-4)


@given(samples)
def test_folds_are_never_surer_than_a_plain_paired_test(differences: list[float]) -> None:
    if statistics.variance(differences) > 1e-12:
        plain = scipy.stats.ttest_1samp(differences, 0).pvalue
        assert corrected_resampled_p(differences, [0.0] * len(differences)) >= plain - 1e-12


def test_what_never_varies_is_certain() -> None:
    assert welch_p([0.5, 0.5], [0.5, 0.5, 0.5]) == corrected_resampled_p([0.5, 0.5], [0.5, 0.5]) == 1
    assert welch_p([0.5, 0.5], [0.6, 0.6]) == corrected_resampled_p([0.6, 0.6], [0.5, 0.5]) == 0


finite = st.floats(allow_nan=False, allow_infinity=False)
extremes = st.lists(finite, min_size=2, max_size=8)


@given(extremes, extremes)
@example([1e160, 1e161], [0.2, 0.21])
@example([sys.float_info.max] * 2, [-sys.float_info.max] * 2)
@example([sys.float_info.max, -sys.float_info.max], [5e-324, 0.0])
def test_any_finite_values_have_a_mean_an_error_and_a_p_value(first: list[float], second: list[float]) -> None:
    assert 0 <= welch_p(first, second) <= 1
    folds = min(len(first), len(second))
    assert 0 <= corrected_resampled_p(first[:folds], second[:folds]) <= 1
    assert min(first) <= mean_of(first) <= max(first)
    assert 0 <= standard_error_of(first) <= sys.float_info.max
    assert math.isfinite(difference(max(first), min(second)))


def test_a_diverged_training_is_told_from_the_others() -> None:
    assert welch_p([0.20, 0.21, 0.22], [1e160, 1.1e160, 1.2e160]) < 0.05
    assert welch_p([2e150, 2.1e150], [2e153, 2.1e153]) == pytest.approx(welch_p([2.0, 2.1], [2e3, 2.1e3]))


@given(samples)
def test_the_standard_error_is_scipy_s(values: list[float]) -> None:
    assert standard_error_of(values) == pytest.approx(scipy.stats.sem(values), rel=1e-9, abs=1e-12)
