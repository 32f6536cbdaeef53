import math

import pytest

from study.comparison.budget import best_after_seconds, best_after_trials
from study.comparison.result import EntryResult, SearchResult, Tried
from tests.study.comparison.made_up import source


def entry(*searches: tuple[tuple[float, float], ...]) -> EntryResult:
    made = (tuple(Tried(source(index), *trial) for index, trial in enumerate(search)) for search in searches)
    return EntryResult("soft", False, tuple(SearchResult(tried, None, {}, ()) for tried in made))


def test_the_best_after_so_many_seconds() -> None:
    curve = best_after_seconds(entry(((1.0, math.inf), (3.0, 0.5), (6.0, 0.1)), ((2.0, 0.3), (4.0, 0.4))))
    assert curve and curve.budget == (1.0, 2.0, 3.0, 4.0, 6.0)
    assert curve.low == (math.inf, 0.3, 0.3, 0.3, 0.1)
    assert curve.high == (math.inf, math.inf, 0.5, 0.5, 0.3)


def test_the_expected_best_of_so_many_trials_is_a_mean_in_decades() -> None:
    curve = best_after_trials(entry(((1.0, 1e-1), (2.0, 1e-3))))
    assert curve and curve.budget == (1.0, 2.0)
    assert curve.middle == pytest.approx((1e-2, 1e-3))


def test_failed_trials_and_exact_ones() -> None:
    curve = best_after_trials(entry(((1.0, math.inf), (2.0, 0.0))))
    assert curve and curve.middle[0] == math.inf
    assert curve.middle[1] == pytest.approx(1e-32)


def test_searches_without_trials_have_no_curve() -> None:
    assert best_after_seconds(entry((), ())) is None
    assert best_after_trials(entry((), ())) is None
