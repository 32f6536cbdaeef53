from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import ttest_ind

from study.statistics.comparison import Comparison, Decision, Verdict, compare, decide, signed_rank
from study.statistics.estimate import Estimate, Over
from tests.study.statistics.drawn import INF, drawn, holds


def verdict(errors: object, baseline: object) -> Verdict:
    return decide({"a": compare(np.asarray(errors), np.asarray(baseline))})["a"]


def test_it_is_welchs_test_of_the_searches_medians() -> None:
    generator = np.random.default_rng(0)
    a, b = drawn(generator, 4, 1.0), 30.0 * drawn(generator, 3, 0.2)
    found = compare(a, b)
    expected = ttest_ind(*(np.median(np.log10(errors), axis=1) for errors in (a, b)), equal_var=False)
    bounds = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(np.asarray(expected)[1])
    assert found.ratio.interval == pytest.approx((10**bounds.low, 10**bounds.high))
    assert holds(found.ratio.interval, found.ratio.value)
    assert found.ratio.over is Over.SEARCHES


def basins(generator: np.random.Generator, worse: float) -> np.ndarray:
    return drawn(generator, 3, 0.0) * np.where(generator.random((3, 1)) < 0.5, 1.0, worse)


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda generator: drawn(generator, 1, 0.0), id="one search"),
        pytest.param(lambda generator: drawn(generator, 3, 0.0), id="seeds only"),
        pytest.param(lambda generator: drawn(generator, 3, 1.0), id="as much between as within"),
        pytest.param(lambda generator: drawn(generator, 3, 5.0), id="mostly between"),
        pytest.param(lambda generator: drawn(generator, 2, 1.0), id="two searches"),
        pytest.param(lambda generator: basins(generator, 1e9), id="two ends"),
        pytest.param(lambda generator: basins(generator, INF), id="failing"),
    ],
)
def test_where_nothing_differs_at_most_5_of_100_are_told_apart(draw: Callable[..., np.ndarray]) -> None:
    """The Monte-Carlo error of 1000 repetitions is 0.7 %, so 6 % may be found."""
    generator = np.random.default_rng(0)
    found = [compare(draw(generator), draw(generator), resamples=10).p_value <= 0.05 for _ in range(1000)]
    assert np.mean(found) <= 0.06


def test_contestants_that_differ_less_in_one_than_in_the_other_are_not_told_apart() -> None:
    generator = np.random.default_rng(0)
    found = [compare(drawn(generator, 3, 5.0), drawn(generator, 3, 0.2)).p_value <= 0.05 for _ in range(1000)]
    assert np.mean(found) <= 0.06


def test_better_worse_and_undecided() -> None:
    generator = np.random.default_rng(0)
    a, b, c = (10.0 ** (0.1 * generator.standard_normal((3, 10))) for _ in range(3))
    found = decide({"better": compare(0.1 * a, c), "worse": compare(10.0 * a, c), "same": compare(b, c)})
    assert [one.decision for one in found.values()] == [Decision.BETTER, Decision.WORSE, Decision.UNDECIDED]
    assert found["same"].p_value > 0.05 >= found["worse"].p_value


def test_what_one_comparison_decides_many_may_not() -> None:
    estimate = Estimate(0.5, None, Over.SEARCHES)
    comparison = Comparison(estimate, estimate, 0.04)
    assert decide({"a": comparison})["a"] == Verdict(Decision.BETTER, 0.04)
    assert decide({"a": comparison, "b": comparison})["a"] == Verdict(Decision.UNDECIDED, 0.08)


def test_what_always_fails_is_worse_and_two_of_that_are_undecided() -> None:
    errors, failed = drawn(np.random.default_rng(0), 3, 0.5), np.full((3, 10), INF)
    assert verdict(failed, errors).decision is Decision.WORSE
    assert verdict(errors, failed).decision is Decision.BETTER
    assert verdict(failed, failed) == Verdict(Decision.UNDECIDED, 1.0)
    assert compare(failed, failed).ratio == Estimate(1.0, (1.0, 1.0), Over.SEARCHES)
    assert compare(errors, failed).ratio.value == 0.0


def test_two_searches_of_three_that_fail_decide_nothing() -> None:
    errors = drawn(np.random.default_rng(0), 3, 0.5)
    failed = np.concatenate([errors[:1], np.full((2, 10), INF)])
    assert verdict(failed, errors).decision is Decision.UNDECIDED


def test_two_searches_each_decide_nothing() -> None:
    assert verdict(np.full((2, 10), 1e-9), np.ones((2, 10))) == Verdict(Decision.UNDECIDED, 0.125)


def test_runs_that_do_not_vary_are_told_apart_exactly() -> None:
    assert verdict(np.full((3, 1), 0.1), np.full((3, 1), 0.1)) == Verdict(Decision.UNDECIDED, 1.0)
    assert verdict(np.full((3, 1), 0.1), np.full((3, 1), 0.3)) == Verdict(Decision.BETTER, 0.0)
    assert verdict(np.zeros((3, 1)), np.full((3, 1), 0.3)).decision is Decision.BETTER


def test_one_search_each_is_compared_by_seeds() -> None:
    """All 8 differences have one sign: p = 2/2⁸."""
    baseline = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, INF]])
    found = compare([[0.5, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 9.0]], baseline)
    assert found.p_value == pytest.approx(2 / 2**8)
    assert found.ratio.value < 1 and found.ratio.over is Over.SEEDS
    assert compare([[1.0]], [[2.0]]).ratio == Estimate(0.5, None, Over.SEEDS)
    assert compare([[1.0]], [[2.0]]).p_value == 1.0


def test_signed_ranks_of_problems_by_hand() -> None:
    assert signed_rank([1.0] * 6, [2.0, 3.0, 4.0, 5.0, 6.0, 7.0]) == pytest.approx(2 / 2**6)
    assert signed_rank([1.0, INF], [1.0, INF]) == 1.0
    with pytest.raises(ValueError, match="comparison: 1 errors against 2; write pairs"):
        signed_rank([1.0], [1.0, 2.0])


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="search 0, seed 0 is nan"):
        compare([[float("nan")]], [[1.0]])
