import math

import pytest

from study.statistics.targets import Profile, profiles, seconds_to_target
from tests.study.statistics.drawn import INF

SEARCHES = [[(1.0, 3.0), (5.0, 2.0)], [(2.0, 2.0)], [(3.0, 9.0)]]


def test_the_time_to_a_target_is_the_median_over_searches() -> None:
    assert seconds_to_target(SEARCHES, 2.0) == 5.0
    assert seconds_to_target(SEARCHES, 9.0) == 2.0
    assert seconds_to_target(SEARCHES, 1.0) == INF
    assert seconds_to_target(SEARCHES[1:], 2.0) == INF


@pytest.mark.parametrize(("searches", "target"), [([], 1.0), (SEARCHES, math.nan)])
def test_no_search_and_no_target_are_refused(searches: list, target: float) -> None:
    with pytest.raises(ValueError, match=r"target: got \d searches and the target .*; write at least one and a number"):
        seconds_to_target(searches, target)


def test_profiles_by_hand() -> None:
    """Ratios on heat, wave, kdv: a 1, 3, –; b 2, 1, –. Nobody solves kdv."""
    times = {"a": {"heat": 10.0, "wave": 30.0, "kdv": INF}, "b": {"heat": 20.0, "wave": 10.0}}
    found = profiles(times)
    assert {name: profile.factors for name, profile in found.items()} == {"a": (1.0, 3.0), "b": (1.0, 2.0)}
    assert found["a"].shares == found["b"].shares == (1 / 3, 2 / 3)
    assert {name: profile.score for name, profile in found.items()} == pytest.approx({"a": 4 / 9, "b": 5 / 9})


def test_the_score_is_the_area_up_to_the_largest_factor() -> None:
    times = {"a": {"heat": 1.0}, "b": {"heat": 3.0}, "c": {}}
    assert {name: profile.score for name, profile in profiles(times, largest_factor=2.0).items()} == {
        "a": 1.0, "b": 0.0, "c": 0.0,
    }  # fmt: skip
    assert profiles(times, largest_factor=5.0)["b"].score == 0.5


def test_nobody_and_nothing_have_empty_profiles() -> None:
    assert profiles({}) == {}
    assert profiles({"a": {}}) == {"a": Profile((), (), 0.0)}
    assert profiles({"a": {"heat": INF}}) == {"a": Profile((), (), 0.0)}


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_times_that_are_not_above_0_are_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"profiles: a has .* s on heat; write seconds above 0, and inf for never"):
        profiles({"a": {"heat": seconds}})


def test_a_factor_that_is_not_above_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"profiles: the largest factor is 1\.0; write a number above 1"):
        profiles({}, largest_factor=1.0)
