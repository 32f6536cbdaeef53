import numpy as np
import pytest
from scipy.stats import norm

from study.statistics.aggregate import aggregate
from study.statistics.estimate import Over, estimate
from study.statistics.middles import interquartile_mean, median
from tests.study.statistics.drawn import INF, drawn, holds


@pytest.mark.parametrize(("problems", "between"), [(2, 1.0), (4, 0.5)])
def test_a_95_percent_interval_over_problems_holds_the_truth(problems: int, between: float) -> None:
    """The Monte-Carlo error of 1000 repetitions is 0.7 %."""
    generator, apart = np.random.default_rng(0), np.arange(problems)[:, None]
    places = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    true = 10 ** float(interquartile_mean((apart + np.hypot(1.0, between) * places).ravel()))
    found = []
    for seed in range(1000):
        errors = [10.0**middle * drawn(generator, 3, between) for middle in apart[:, 0]]
        found.append(holds(aggregate(errors, resamples=250, seed=seed).interval, true))
    assert 0.93 <= np.mean(found) <= 0.97


def test_of_one_problem_it_is_the_estimate() -> None:
    errors = drawn(np.random.default_rng(0), 3, 0.5)
    assert aggregate([errors]) == estimate(errors, interquartile_mean)
    assert aggregate([errors], median) == estimate(errors)


def test_it_is_the_middle_of_all_runs_in_decades() -> None:
    found = aggregate([[[1.0]], [[10.0]], [[100.0]], [[1e9]]])
    assert found.value == pytest.approx(10**1.5)
    assert found.interval is None


def test_of_one_search_seeds_vary() -> None:
    errors = np.stack([drawn(np.random.default_rng(seed), 1, 0.0) for seed in range(3)])
    found = aggregate(errors)
    assert found.over is Over.SEEDS and holds(found.interval, found.value)


def test_a_contestant_without_runs_on_few_problems_keeps_a_finite_mean() -> None:
    errors = np.ones((5, 3, 2))
    errors[0] = INF
    assert aggregate(errors).interval == (1.0, 1.0)
    errors[1] = INF
    assert aggregate(errors).value == INF


def test_problems_with_different_numbers_of_runs_are_refused() -> None:
    with pytest.raises(
        ValueError, match="errors: no table of numbers, problems × searches × seeds; write inf for a run"
    ):
        aggregate([[[1.0, 2.0]], [[1.0]]])
