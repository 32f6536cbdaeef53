import math

import pytest
import torch
from scipy.stats import qmc

from cnn_core.domains import SAMPLINGS, unit_points
from cnn_core.domains.piece import shares
from cnn_core.domains.sampling import grid, lattice

EVEN = ("uniform", "sobol", "latin-hypercube")


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(("count", "dimensions"), [(1, 1), (7, 1), (1, 3), (100, 2), (128, 6), (5, 0)])
def test_points_are_in_the_unit_cube(count: int, dimensions: int, sampling) -> None:
    x = unit_points(count, dimensions, sampling, seed=3)
    assert (x.shape, x.dtype) == ((count, dimensions), torch.float64)
    assert ((x >= 0) & (x <= 1)).all()


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
@pytest.mark.parametrize("sampling", EVEN)
def test_points_are_spread_more_evenly_than_random_ones(sampling, dimensions: int) -> None:
    """By the centred discrepancy, of the median of some seeds."""

    def discrepancy(sampling, count: int = 256) -> float:
        points = [unit_points(count, dimensions, sampling, seed=seed).numpy() for seed in range(9)]
        return sorted(qmc.discrepancy(x) for x in points)[4]

    assert discrepancy(sampling) < 0.8 * discrepancy("random")


@pytest.mark.parametrize("dimensions", [2, 4])
@pytest.mark.parametrize(("sampling", "engine"), [("sobol", qmc.Sobol), ("latin-hypercube", qmc.LatinHypercube)])
def test_sobol_and_latin_hypercube_are_as_even_as_those_of_scipy(sampling, engine, dimensions: int) -> None:
    def median(points) -> float:
        return sorted(qmc.discrepancy(points(seed)) for seed in range(15))[7]

    ours = median(lambda seed: unit_points(256, dimensions, sampling, seed=seed).numpy())
    theirs = median(lambda seed: engine(dimensions, rng=seed).random(256))
    assert ours == pytest.approx(theirs, rel=0.5)


@pytest.mark.parametrize("sampling", ["sobol", "latin-hypercube"])
def test_each_layer_of_each_axis_has_one_point(sampling) -> None:
    x = unit_points(64, 5, sampling, seed=11)
    for axis in range(5):
        assert sorted((64 * x[:, axis]).floor().tolist()) == list(range(64))


def test_a_lattice_in_one_dimension_has_the_centres_of_equal_cells() -> None:
    assert lattice(4, 1).tolist() == [[0.125], [0.375], [0.625], [0.875]]
    golden = (math.sqrt(5) - 1) / 2
    assert lattice(3, 2)[:, 1].tolist() == pytest.approx([(0.5 + index * golden) % 1 for index in range(3)])


def test_a_grid_has_the_ends_of_its_axes() -> None:
    assert grid(3, 1).tolist() == [[0.0], [0.5], [1.0]]
    assert grid(1, 2).tolist() == [[0.5, 0.5]]
    assert grid(4, 2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("measures", "count", "expected"),
    [
        ([1.0], 7, [7]),
        ([1.0, 1.0], 5, [3, 2]),
        ([3.0, 1.0], 8, [6, 2]),
        ([1.0, 1e-9, 1.0], 3, [1, 1, 1]),
        ([1.0, 0.0, 1.0], 4, [2, 0, 2]),
        ([1.0] * 4, 2, [1, 0, 1, 0]),
        ([1.0] * 100, 4, [int(index % 25 == 12) for index in range(100)]),
    ],
)
def test_shares_are_in_proportion(measures: list[float], count: int, expected: list[int]) -> None:
    assert shares(measures, count) == expected


@pytest.mark.parametrize("count", [1, 10, 33, 1000])
def test_shares_add_up_and_miss_the_exact_ones_by_less_than_one(count: int) -> None:
    measures = torch.rand(10, generator=torch.Generator().manual_seed(count)).tolist()
    numbers = shares(measures, count)
    assert sum(numbers) == count
    exact = [count * measure / sum(measures) for measure in measures]
    assert all(abs(number - share) <= 1 for number, share in zip(numbers, exact, strict=True))
