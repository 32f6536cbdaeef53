import numpy as np
import pytest
from scipy.stats import norm, t

from study.statistics.bootstrap import bootstrap_interval
from study.statistics.middles import median, of_all
from study.statistics.runs import Decades


def mean(values: Decades) -> Decades:
    return values.mean(axis=(-2, -1))


def test_of_a_mean_of_many_units_it_is_students_interval() -> None:
    units = np.random.default_rng(0).standard_normal((1, 200, 1))
    reach = t.ppf(0.975, 199) * units.std(ddof=1) / np.sqrt(200)
    low, high = bootstrap_interval(units, mean, resamples=20_000)
    assert (low, high) == pytest.approx((units.mean() - reach, units.mean() + reach), abs=0.01)


def test_few_units_are_stretched_by_what_they_are_too_short() -> None:
    units = np.array([[[0.0], [1.0], [5.0]]])
    stretch = np.sqrt(3 / 2) * t.ppf(0.975, 2) / norm.ppf(0.975)
    assert bootstrap_interval(units, mean) == pytest.approx((2.0 - 2.0 * stretch, 2.0 + 3.0 * stretch))


def test_strata_are_kept_and_units_are_whole() -> None:
    units = np.array([[[0.0, 10.0]] * 3, [[100.0, 110.0]] * 3])  # units of a stratum are equal: nothing varies
    assert bootstrap_interval(units, mean) == (55.0, 55.0)


def test_degrees_of_freedom_are_those_of_the_strata_that_vary() -> None:
    one, three = (np.array([[[0.0], [1.0], [5.0]]] * strata) for strata in (1, 3))
    alone = np.concatenate([one, np.zeros((2, 3, 1))])
    stretch = np.sqrt(3 / 2) * t.ppf(0.975, 2) / norm.ppf(0.975)
    assert bootstrap_interval(alone, mean) == pytest.approx(((2 - 2 * stretch) / 3, (2 + 3 * stretch) / 3))
    low, high = bootstrap_interval(three, mean)
    assert 2 - 2 * stretch / np.sqrt(3) < low < high < 2 + 3 * stretch / np.sqrt(3)


def test_a_seed_gives_the_same_interval_again() -> None:
    units = np.random.default_rng(0).standard_normal((2, 6, 3))
    first, again, other = (bootstrap_interval(units, of_all(median), resamples=50, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
