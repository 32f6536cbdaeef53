import numpy as np
import pytest
from scipy.stats import binom

from study.analysis.spread import Spread, spread


@pytest.mark.parametrize("count", range(1, 40))
def test_the_interval_of_a_median_holds_it_with_95_percent_and_is_the_shortest_that_does(count: int) -> None:
    result = spread(float(value) for value in range(count, 0, -1))
    assert result is not None
    if result.interval is None:
        assert count < 6
        return
    low, high = result.interval
    assert low + high == count + 1
    assert 1 - 2 * binom.cdf(low - 1, count, 0.5) >= 0.95
    assert 1 - 2 * binom.cdf(low, count, 0.5) < 0.95


def test_no_values_have_no_spread() -> None:
    assert spread([]) is None


@pytest.mark.parametrize("count", [1023, 1100, 20_000])
def test_the_median_of_thousands_of_values_has_an_interval(count: int) -> None:
    """2^−count is no float any more, and the number of ways to leave half of them out is none either."""
    result = spread(map(float, range(1, count + 1)))
    assert result is not None and result.interval is not None
    low, high = result.interval
    assert low + high == count + 1
    assert 1 - 2 * binom.cdf(low - 1, count, 0.5) >= 0.95 > 1 - 2 * binom.cdf(low, count, 0.5)


@pytest.mark.parametrize("count", [6, 8, 20, 100])
def test_the_deviation_is_that_of_normal_values_and_far_ones_hardly_change_it(count: int) -> None:
    drawn = np.random.default_rng(0).standard_normal((4000, count))
    found = [one.deviation for values in drawn if (one := spread(values)) is not None and one.deviation is not None]
    assert np.median(found) == pytest.approx(1.0, abs=0.06)
    assert spread([1.0] * 18 + [-1e9, 1e9]) == Spread(1.0, (1.0, 1.0), 20, 0.0)


def test_few_values_have_no_deviation() -> None:
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == Spread(3.0, None, 5, None)
