import pytest

from study.statistics.degrees import degrees_of_freedom


def test_equal_variances_add_their_degrees_and_one_alone_has_its_own() -> None:
    assert degrees_of_freedom([2.0, 2.0], [3, 3]) == pytest.approx(4.0)
    assert degrees_of_freedom([2.0, 0.0], [3, 8]) == pytest.approx(2.0)
    assert degrees_of_freedom([0.0, 2.0], [3, 8]) == pytest.approx(7.0)
    assert degrees_of_freedom([1.0, 3.0], [3, 5]) == pytest.approx(16 / (1 / 2 + 9 / 4))


def test_where_nothing_varies_they_are_the_fewest() -> None:
    assert degrees_of_freedom([0.0, 0.0], [3, 8]) == 2
