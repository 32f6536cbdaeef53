import math
from functools import partial

import numpy as np
import pytest

from study.statistics.aggregate import aggregate
from study.statistics.comparison import compare
from study.statistics.estimate import Over
from study.statistics.middles import interquartile_mean, median
from tests.study.statistics.drawn import INF, drawn, holds


@pytest.mark.parametrize("share", [1.0, 0.05], ids=["alike", "20 times less"])
@pytest.mark.parametrize("problems", [1, 2, 4])
def test_a_95_percent_interval_holds_1_where_nothing_differs(problems: int, share: float) -> None:
    """Whatever the contestant spreads beside its reference; for few searches the interval is a little too wide."""
    generator = np.random.default_rng(0)
    found = []
    for seed in range(600):
        one, reference = (np.stack([drawn(generator, 3, 1.0, seeds=3) for _ in range(problems)]) for _ in range(2))
        found.append(holds(aggregate(one**share, reference, resamples=250, seed=seed).interval, 1.0))
    assert 0.93 <= np.mean(found) <= 0.99  # 600 repetitions: ± 0.9 %


def test_of_one_problem_the_interval_is_as_wide_as_that_of_one_comparison() -> None:
    one, reference = (drawn(np.random.default_rng(seed), 3, 0.5) for seed in range(2))
    found, expected = aggregate([one], [reference]), compare(one, reference).ratio
    assert found.value == pytest.approx(np.median(one) / np.median(reference), rel=0.1)
    assert found.interval is not None and expected.interval is not None
    wide, as_wide = (math.log10(high / low) for low, high in (found.interval, expected.interval))
    assert wide == pytest.approx(as_wide)


def test_it_is_the_middle_of_all_runs_in_decades_beside_that_of_each_reference() -> None:
    found = aggregate([[[1.0]], [[10.0]], [[100.0]], [[1e9]]], [[[1.0]], [[1.0]], [[10.0]], [[1.0]]])
    assert found.value == pytest.approx(10.0)
    assert found.interval is None


def test_of_one_search_seeds_vary() -> None:
    one, reference = (np.stack([drawn(np.random.default_rng(3 * k + s), 1, 0.0) for s in range(3)]) for k in range(2))
    found = aggregate(one, reference)
    assert found.over is Over.SEEDS and holds(found.interval, found.value)


def test_a_reference_that_varies_widens_the_interval() -> None:
    one = np.ones((2, 3, 2))
    steady, varying = one, one * 10.0 ** np.arange(3)[:, None]
    assert aggregate(one, steady).interval == (1.0, 1.0)
    low, high = aggregate(one, varying).interval or (1.0, 1.0)
    assert low < 0.1 < high


def test_a_contestant_without_runs_on_few_problems_keeps_a_finite_middle() -> None:
    errors, beside = np.ones((5, 3, 2)), partial(aggregate, reference=np.ones((5, 3, 2)), middle=interquartile_mean)
    errors[0] = INF
    assert beside(errors).interval == (1.0, 1.0)
    errors[1] = INF
    assert beside(errors).value == INF


def test_where_both_failed_they_are_equal() -> None:
    failed = [[[INF]], [[INF]]]
    assert aggregate(failed, failed, median).value == 1.0
    assert aggregate([[[1.0]], [[1.0]]], failed).value == 0.0


def test_problems_with_different_numbers_of_runs_are_refused() -> None:
    with pytest.raises(
        ValueError, match="errors: no table of numbers, problems × searches × seeds; write inf for a run"
    ):
        aggregate([[[1.0, 2.0]], [[1.0]]], [[[1.0, 2.0]], [[1.0]]])
