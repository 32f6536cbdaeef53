import math

import pytest

from study.comparison.targets import profiles_of, target, times_to_target
from tests.study.comparison.made_up import comparison, entry, problem

ENTRIES = entry("soft", [[0.2], [0.1], [0.3]]), entry("batch", [[0.1], [0.1], [0.15]]), entry("reduction", [[1.0]] * 3)
MADE = comparison(problem("waves", *ENTRIES))


def test_the_target_is_what_the_best_baselines_median_search_came_to() -> None:
    (waves,) = MADE.problems
    assert target(waves, ("soft", "reduction")) == 0.2
    assert target(waves, ()) == 0.2  # the median entry's


def test_the_time_until_then() -> None:
    assert times_to_target(MADE) == {
        "soft": {"waves": 20.0},
        "batch": {"waves": 20.0},
        "reduction": {"waves": math.inf},
    }


def test_profiles_are_over_problems() -> None:
    found = profiles_of(MADE)
    assert {label: profile.score for label, profile in found.items()} == pytest.approx(
        {"soft": 1.0, "batch": 1.0, "reduction": 0.0}
    )


def test_a_target_that_nobody_reached() -> None:
    made = comparison(problem("waves", entry("soft", [[math.inf]])))
    assert times_to_target(made) == {"soft": {"waves": math.inf}}
    assert profiles_of(made)["soft"].score == 0
