import numpy as np
import pytest

from study.statistics.hypervolume import hypervolume
from tests.study.statistics.drawn import INF

ONE = (1.0, 1.0)


def test_areas_by_hand() -> None:
    assert hypervolume([(1e-2, 1e-3)], reference=ONE) == pytest.approx(6.0)
    assert hypervolume([(1e-3, 1e-1), (1e-1, 1e-3), (1e-2, 1e-2)], reference=ONE) == pytest.approx(3 + 2 + 1)
    assert hypervolume([(1e-2, 1e-3)], reference=(1e-1, 1e-1)) == pytest.approx(2.0)


def test_what_is_dominated_or_twice_there_or_no_better_than_the_reference_adds_nothing() -> None:
    front = [(1e-3, 1e-1), (1e-1, 1e-3)]
    others = [(1e-2, 1e-1), (1e-3, 1e-1), (1e-9, 2.0), (1.0, 1e-9), (INF, 1e-9), (INF, INF)]
    assert hypervolume(front + others, reference=ONE) == hypervolume(front, reference=ONE)
    assert hypervolume([], reference=ONE) == hypervolume([(INF, INF)], reference=ONE) == 0.0


def test_it_is_the_share_of_a_square_that_is_dominated() -> None:
    generator = np.random.default_rng(0)
    points, places = generator.random((7, 2)), generator.random((20_000, 2))
    dominated = (places[:, None] >= points).all(axis=-1).any(axis=-1)
    found = hypervolume([tuple(10**point) for point in points], reference=(10.0, 10.0))
    assert found == pytest.approx(dominated.mean(), abs=0.015)


def test_an_exact_solution_counts_as_the_smallest_error() -> None:
    assert hypervolume([(0.0, 0.0)], reference=ONE, smallest=1e-4) == pytest.approx(16.0)
    assert hypervolume([(1e-9, 1e-2)], reference=ONE, smallest=1e-4) == pytest.approx(8.0)


def test_nan_and_impossible_references_are_refused() -> None:
    with pytest.raises(ValueError, match="errors: point 0, error 1 is nan"):
        hypervolume([(1.0, float("nan"))], reference=ONE)
    for reference in ((INF, 1.0), (0.0, 1.0), (float("nan"), 1.0)):
        with pytest.raises(
            ValueError, match=r"hypervolume: the reference .* must be finite and above the smallest error"
        ):
            hypervolume([], reference=reference)
