import numpy as np
import pytest

from study.statistics.middles import interquartile_mean, median


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], 7.0),
        ([1.0, 2.0], 1.5),
        ([9.0, 1.0, 2.0, 100.0], 5.5),
        ([5.0, 1.0, 2.0, 3.0, 4.0, 1000.0], (0.5 * 2 + 3 + 4 + 0.5 * 5) / 3),
    ],
)
def test_the_interquartile_mean_is_that_of_the_middle_half(values: list[float], expected: float) -> None:
    assert interquartile_mean(np.array(values)) == pytest.approx(expected)


def test_middles_are_over_the_last_axis_and_move_with_the_values() -> None:
    values = np.random.default_rng(0).standard_normal((3, 2, 7))
    for middle in (median, interquartile_mean):
        assert middle(values).shape == (3, 2)
        assert np.allclose(middle(3.0 * values + 2.0), 3.0 * middle(values) + 2.0)
        assert np.allclose(middle(-values), -middle(values))
