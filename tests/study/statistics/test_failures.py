import numpy as np
import pytest
from scipy.stats import beta, binom

from study.statistics.estimate import Over
from study.statistics.failures import failure_rate
from tests.study.statistics.drawn import INF


def test_a_share_and_the_interval_of_clopper_and_pearson() -> None:
    found = failure_rate([[1.0, INF, 2.0, 0.0, 3.0], [INF, 1.0, 2.0, 3.0, 4.0]])
    assert found.value == 0.2
    assert found.interval == pytest.approx((beta.ppf(0.025, 2, 9), beta.ppf(0.975, 3, 8)))
    assert found.over is Over.SEEDS


def test_none_and_all_leave_room_for_what_other_seeds_would_do() -> None:
    none, every = failure_rate(np.ones((3, 10))), failure_rate(np.full((3, 10), INF))
    assert none.value == 0.0 and none.interval == pytest.approx((0.0, 1 - 0.025 ** (1 / 30)))
    assert every.value == 1.0 and every.interval == pytest.approx((0.025 ** (1 / 30), 1.0))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_it_holds_the_truth_with_at_least_95_percent(share: float) -> None:
    """Exactly: the probabilities of all counts whose interval holds it."""
    held = 0.0
    for count in range(31):
        low, high = failure_rate(np.where(np.arange(30) < count, INF, 1.0).reshape(3, 10)).interval or (1.0, 0.0)
        held += binom.pmf(count, 30, share) * (low <= share <= high)
    assert held >= 0.95


def test_nan_is_no_failure() -> None:
    with pytest.raises(ValueError, match="search 0, seed 1 is nan"):
        failure_rate([[1.0, float("nan")]])
