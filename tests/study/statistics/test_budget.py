from itertools import combinations

import numpy as np
import pytest

from study.statistics.budget import best_by_seconds, best_by_trials, expected_best
from tests.study.statistics.drawn import INF


def test_it_is_the_mean_over_all_ways_to_draw() -> None:
    values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6]
    expected = [np.mean([min(drawn) for drawn in combinations(values, count)]) for count in range(1, 7)]
    assert expected_best(values) == pytest.approx(expected)


def test_it_is_unbiased() -> None:
    """The mean of the smallest of n uniform numbers is 1/(n + 1)."""
    found = np.mean([expected_best(values) for values in np.random.default_rng(0).random((4000, 6))], axis=0)
    assert found == pytest.approx([1 / (count + 1) for count in range(1, 7)], abs=0.01)


def test_many_trials_lose_no_digits() -> None:
    found = expected_best(list(range(1, 2001)))
    assert found == pytest.approx([2001 / (count + 1) for count in range(1, 2001)])


def test_a_mean_is_inf_while_a_failed_trial_may_be_the_best() -> None:
    assert expected_best([2.0, INF, INF]) == [INF, INF, 2.0]
    assert expected_best([INF]) == [INF]


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [-INF]])
def test_what_has_no_best_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"expected best: got .*; write at least one value, and inf for a trial"):
        expected_best(values)


def test_searches_by_trials_up_to_the_shortest() -> None:
    found = best_by_trials([[1.0, 3.0], [2.0, 2.0, 2.0], [5.0, 7.0]])
    assert found.budget == (1.0, 2.0)
    assert (found.low, found.middle, found.high) == ((2.0, 1.0), (2.0, 2.0), (6.0, 5.0))


def test_searches_by_seconds_at_every_end_of_a_trial() -> None:
    found = best_by_seconds([[(1.0, 4.0), (5.0, 1.0)], [(2.0, 3.0)], [(3.0, 8.0), (4.0, 2.0)]])
    assert found.budget == (1.0, 2.0, 3.0, 4.0, 5.0)
    assert found.middle == (INF, 4.0, 4.0, 3.0, 2.0)
    assert found.low == (4.0, 3.0, 3.0, 2.0, 1.0)
    assert found.high == (INF, INF, 8.0, 4.0, 3.0)


def test_no_search_is_refused() -> None:
    for curve in (best_by_trials, best_by_seconds):
        with pytest.raises(ValueError, match="budget: there is no search"):
            curve([])
