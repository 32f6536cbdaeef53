import numpy as np
import pytest
from scipy.stats import t

from study.statistics.estimate import Estimate, Over, estimate
from study.statistics.middles import Middle, interquartile_mean, median
from tests.study.statistics.drawn import INF, drawn, holds

MIDDLES = pytest.mark.parametrize("middle", [median, interquartile_mean])


def test_the_median_of_three_searches_by_hand() -> None:
    found = estimate([[1e-4, 1e-3, 1e-2], [1e-3, 1e-2, 1e-1], [1e-5, 1e-4, 1e-3]])
    reach = t.ppf(0.975, 2) * 1.0 / np.sqrt(3)  # medians -3, -2, -4: their standard deviation is 1
    assert found.value == pytest.approx(1e-3)
    assert found.interval == pytest.approx((10 ** (-3 - reach), 10 ** (-3 + reach)))
    assert found.over is Over.SEARCHES


@MIDDLES
@pytest.mark.parametrize(
    ("searches", "between"), [(1, 0.0), (3, 0.0), (3, 0.5), (3, 1.0), (5, 0.0), (5, 0.5), (5, 1.0)]
)
def test_a_95_percent_interval_holds_the_truth_93_to_97_times_of_100(
    middle: Middle, searches: int, between: float
) -> None:
    """The Monte-Carlo error of 1500 repetitions is 0.56 %."""
    generator = np.random.default_rng(0)
    found = [
        holds(estimate(drawn(generator, searches, between), middle, resamples=300, seed=seed).interval, 1.0)
        for seed in range(1500)
    ]
    assert 0.93 <= np.mean(found) <= 0.97


@MIDDLES
def test_one_search_tells_of_its_seeds_alone(middle: Middle) -> None:
    errors = drawn(np.random.default_rng(3), 1, 0.0)
    found = estimate(errors, middle)
    assert found.over is Over.SEEDS
    assert found == estimate(errors, middle)
    assert found.interval is not None and found.interval[0] < found.value < found.interval[1]
    assert found.interval == pytest.approx(estimate(errors, middle, seed=1).interval, rel=0.2)
    assert estimate(errors[:, :5], middle).interval is None


def test_one_run_is_a_value_without_an_interval() -> None:
    assert estimate([[0.25]]) == Estimate(0.25, None, Over.SEEDS)


def test_searches_with_one_seed_have_an_interval() -> None:
    assert holds(estimate([[1.0], [2.0], [4.0]]).interval, 2.0)


def test_an_interval_goes_with_the_unit_of_errors() -> None:
    errors = drawn(np.random.default_rng(0), 3, 1.0)
    found, scaled = estimate(errors), estimate(1e-6 * errors)
    assert found.interval is not None
    assert scaled.interval == pytest.approx([1e-6 * bound for bound in found.interval])


@MIDDLES
def test_failed_runs_are_the_worst_and_count(middle: Middle) -> None:
    errors = drawn(np.random.default_rng(0), 3, 0.5)
    assert estimate(np.full((3, 10), INF), middle) == Estimate(INF, (INF, INF), Over.SEARCHES)
    assert estimate(np.full((1, 10), INF), middle) == Estimate(INF, (INF, INF), Over.SEEDS)
    few = errors.copy()
    few[:, 0] = INF
    found = estimate(few, middle)
    assert found.interval is not None and found.value < found.interval[1] < INF
    assert found.value > estimate(errors, middle).value


def test_a_failed_search_of_three_leaves_the_median_and_takes_the_interval() -> None:
    errors = [[1.0] * 4, [2.0] * 4, [INF] * 4]
    assert estimate(errors) == Estimate(2.0, (0.0, INF), Over.SEARCHES)
    assert estimate([[1.0] * 4, [INF] * 4, [INF] * 4]).value == INF


def test_errors_of_0_are_the_best() -> None:
    assert estimate(np.zeros((3, 10))) == Estimate(0.0, (0.0, 0.0), Over.SEARCHES)
    assert estimate([[0.0, 1.0, 2.0], [0.0, 3.0, 4.0]]).value == pytest.approx(np.sqrt(2.0))


def test_equal_runs_have_an_interval_without_width() -> None:
    assert estimate(np.full((4, 3), 0.1)).interval == pytest.approx((0.1, 0.1))


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="search 1, seed 0 is nan"):
        estimate([[1.0], [float("nan")]])
