"""Whether two means differ by more than chance: two t-tests, and the distribution that they need.

- Seeds: Welch's t-test, for samples with different variances (B. L. Welch, "The generalization of 'Student's' problem
  when several different population variances are involved", Biometrika 34, 1947).
- Folds: the corrected resampled t-test of C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine
  Learning 52, 2003. Any two of k folds share most of their training data, so their results are correlated, and a plain
  t-test would find differences that do not exist. The test takes the variance of the mean difference as
  (1/k + n_test/n_train) times the variance of the differences, with n_test/n_train = 1/(k - 1).
"""

import math
import statistics
import sys
from collections.abc import Sequence

LEVEL = 0.05
"""Two means with a p-value above this level count as a tie. There is no correction for many comparisons."""

_TINY = 1e-300
_STEPS = 10_000


def welch_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Returns the two-sided p-value of Welch's t-test; both samples have at least two values."""
    values = _scaled([*first, *second])
    samples = values[: len(first)], values[len(first) :]
    shares = [statistics.variance(sample) / len(sample) for sample in samples]
    apart = statistics.fmean(samples[0]) - statistics.fmean(samples[1])
    if not sum(shares):
        return _certain(apart)
    # Welch-Satterthwaite degrees of freedom, from shares of the sum, since the squares of small variances would be 0.
    weights = [share / sum(shares) for share in shares]
    freedom = 1 / sum(weight**2 / (len(sample) - 1) for weight, sample in zip(weights, samples, strict=True))
    return two_sided_p(apart / math.sqrt(sum(shares)), freedom)


def corrected_resampled_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Returns the two-sided p-value of Nadeau and Bengio's test.

    Args:
        first, second: the values of two sets of params, one per fold, in the same order; at least two folds.
    """
    folds = len(first)
    values = _scaled([*first, *second])
    differences = [one - other for one, other in zip(values[:folds], values[folds:], strict=True)]
    mean, variance = statistics.fmean(differences), statistics.variance(differences)
    if not variance:
        return _certain(mean)
    return two_sided_p(mean / math.sqrt((1 / folds + 1 / (folds - 1)) * variance), folds - 1)


def mean_of(values: Sequence[float]) -> float:
    """Returns the mean, for any finite values: `fmean` and `sum` overflow where two values near 1.8e308 are added."""
    return statistics.mean(values)


def standard_error_of(values: Sequence[float]) -> float:
    """Returns the standard error of the mean of at least two values, for any finite values."""
    exponent = _exponent(values)
    error = statistics.stdev(_scaled(values)) / math.sqrt(len(values))
    # It is at most the largest value, but for rounding.
    return min(math.ldexp(error / 2, exponent), sys.float_info.max / 2) * 2


def difference(one: float, other: float) -> float:
    """Returns `one - other`, or the largest double with its sign where that overflows: what is shown stays a number."""
    return min(max(one - other, -sys.float_info.max), sys.float_info.max)


def _scaled(values: Sequence[float]) -> list[float]:
    """Returns the values divided by a power of two, so that none is above 1. A t does not depend on the scale.

    Without it the square of a value from 1e154 on overflows, as does the difference of two values near 1.8e308. A power
    of two keeps all bits.
    """
    exponent = _exponent(values)
    return [math.ldexp(value, -exponent) for value in values]


def _exponent(values: Sequence[float]) -> int:
    return math.frexp(max(map(abs, values)))[1]


def two_sided_p(t: float, freedom: float) -> float:
    """Returns the probability of a t at least as far from 0 in Student's distribution."""
    # https://dlmf.nist.gov/8.17 ; near 0 the other side has the digits, which are lost where x is almost 1.
    if abs(t) < 1:
        return 1 - incomplete_beta(t * t / (freedom + t * t), 0.5, freedom / 2)
    return incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Returns the regularized incomplete beta function, by its continued fraction (https://dlmf.nist.gov/8.17.E22)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - incomplete_beta(1 - x, b, a)
    log_front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(log_front) / a / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Returns 1 + d1/(1 + d2/(1 + …)) by Lentz's method, after Thompson and Barnett (J. Comput. Phys. 64, 1986)."""
    value = c = 1.0
    d = 0.0
    for step in range(1, _STEPS):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _not_zero(1 + term * d)
        c = _not_zero(1 + term / c)
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _certain(difference: float) -> float:
    """Returns the p-value of a difference without variance."""
    return 0.0 if difference else 1.0
