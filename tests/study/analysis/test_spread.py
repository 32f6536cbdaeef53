import pytest
from scipy.stats import binom

from study.analysis.spread import spread


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
