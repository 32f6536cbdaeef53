import numpy as np
import pytest
from scipy.stats import norm

from study.statistics.estimate import Estimate, Over
from study.statistics.improvement import probability_of_improvement
from tests.study.statistics.drawn import INF, drawn, holds


def test_pairs_by_hand() -> None:
    """1 beats 2, 3 and ties 1; 2 ties 2 and beats 3: 2.5 + 1.5 of 6 pairs."""
    found = probability_of_improvement([[1.0], [2.0]], [[1.0], [2.0], [3.0]])
    assert found.value == pytest.approx(4 / 6)
    assert found.over is Over.SEARCHES


def test_the_other_way_round_it_is_the_rest() -> None:
    generator = np.random.default_rng(0)
    a, b = drawn(generator, 3, 1.0), drawn(generator, 4, 0.5)
    there, back = probability_of_improvement(a, b), probability_of_improvement(b, a)
    assert there.interval is not None and back.interval is not None
    assert there.value == pytest.approx(1 - back.value)
    assert there.interval == pytest.approx((1 - back.interval[1], 1 - back.interval[0]))


@pytest.mark.parametrize(
    ("searches", "between", "shift"), [(1, 0.0, 1.0), (3, 0.0, 1.0), (3, 1.0, 0.0), (3, 1.0, 1.0), (5, 0.5, 1.0)]
)
def test_a_95_percent_interval_holds_the_truth(searches: int, between: float, shift: float) -> None:
    """The Monte-Carlo error of 1500 repetitions is 0.56 %."""
    generator, true = np.random.default_rng(0), float(norm.cdf(shift / np.sqrt(2 + 2 * between**2)))
    found = []
    for _ in range(1500):
        a, b = drawn(generator, searches, between), 10.0**shift * drawn(generator, searches, between)
        found.append(holds(probability_of_improvement(a, b).interval, true))
    assert 0.93 <= np.mean(found) <= 0.97


def test_failed_runs_are_equal_to_each_other_and_worse_than_all_others() -> None:
    failed = np.full((3, 2), INF)
    assert probability_of_improvement(failed, failed).value == 0.5
    assert probability_of_improvement(np.ones((3, 2)), failed).value == 1.0


def test_three_searches_that_all_win_leave_room_for_what_others_would() -> None:
    won = probability_of_improvement(np.ones((3, 10)), np.full((3, 10), 2.0))
    assert won.value == 1.0
    assert won.interval is not None and won.interval[0] < 0.3 and won.interval[1] == 1.0


def test_one_run_each_has_no_interval() -> None:
    assert probability_of_improvement([[1.0]], [[2.0]]) == Estimate(1.0, None, Over.SEEDS)


def test_seeds_that_go_together_make_it_surer() -> None:
    generator = np.random.default_rng(0)
    of_seeds = generator.standard_normal((1, 10))
    a, b = 10.0**of_seeds, 10.0 ** (of_seeds + 0.3)
    paired, mixed = probability_of_improvement(a, b), probability_of_improvement(a, generator.permuted(b, axis=1))
    assert paired.value == mixed.value
    assert paired.interval is not None and mixed.interval is not None
    assert np.ptp(paired.interval) < np.ptp(mixed.interval)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="comparison: 1 searches against 3; write several of both, or one of both"):
        probability_of_improvement(np.ones((1, 5)), np.ones((3, 5)))
    with pytest.raises(ValueError, match="one search with 5 seeds against one with 4; write the same of both"):
        probability_of_improvement(np.ones((1, 5)), np.ones((1, 4)))
