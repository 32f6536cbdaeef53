import numpy as np
import pytest

from study.statistics.holm import holm


def test_an_example_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04; times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, which must not fall."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_comparison_is_left_alone_and_none_is_none() -> None:
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_no_p_value_is_above_1_and_ties_stay_ties() -> None:
    assert holm([0.5, 0.5, 0.9]) == [1.0, 1.0, 1.0]
    assert holm([0.01, 0.01]) == [0.02, 0.02]


def test_under_no_difference_any_is_found_in_5_of_100_families() -> None:
    families = np.random.default_rng(0).random((4000, 5))
    assert np.mean([min(holm(list(family))) <= 0.05 for family in families]) == pytest.approx(0.05, abs=0.01)
