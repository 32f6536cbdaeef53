"""Points are distributed by measure: what integrals over regions say that are known."""

import math

import pytest
import torch
from torch import Tensor

from cnn_core.domains import Sampling
from tests.cnn_core.domains.examples import EXAMPLES, NOTCHED

COUNT = 40_000
"""Shares of so many points miss the exact ones by 0.0025 at one half (one standard deviation)."""

SHARE = 0.008


def points(name: str, region: str, sampling: Sampling = "random") -> Tensor:
    return EXAMPLES[name].sample(region, COUNT, sampling, seed=12).x


def share(mask: Tensor) -> float:
    return float(mask.double().mean())


@pytest.mark.parametrize("sampling", ["random", "uniform", "sobol", "latin-hypercube"])
@pytest.mark.parametrize(("name", "dimensions"), [("ball 2", 2), ("ball 3", 3), ("ball 5", 5)])
def test_balls_and_spheres(name: str, dimensions: int, sampling) -> None:
    domain = EXAMPLES[name]
    low, high = torch.tensor(list(domain.box.values()), dtype=torch.float64).T
    x = (points(name, "interior", sampling) - (low + high) / 2) / ((high - low) / 2)
    squares = x.square()
    assert x.mean(dim=0).tolist() == pytest.approx([0.0] * dimensions, abs=0.02)
    assert squares.mean(dim=0).tolist() == pytest.approx([1 / (dimensions + 2)] * dimensions, abs=SHARE)
    assert share(squares.sum(dim=1) < 0.25) == pytest.approx(0.5**dimensions, abs=SHARE)
    x = (points(name, "boundary", sampling) - (low + high) / 2) / ((high - low) / 2)
    assert x.mean(dim=0).tolist() == pytest.approx([0.0] * dimensions, abs=0.02)
    assert x.square().mean(dim=0).tolist() == pytest.approx([1 / dimensions] * dimensions, abs=SHARE)
    fourth = 3 / (dimensions * (dimensions + 2))
    assert x.pow(4).mean(dim=0).tolist() == pytest.approx([fourth] * dimensions, abs=SHARE)
    assert torch.corrcoef(x.T).triu(1).abs().max() < 0.03


@pytest.mark.parametrize("sampling", ["random", "uniform", "sobol", "latin-hypercube"])
@pytest.mark.parametrize("name", ["polygon", "polygon clockwise", "polygon in time"])
def test_polygons(name: str, sampling) -> None:
    """The notched one: of its area 1.25, the triangle left out of the rectangle has its tip at (1, 1/4)."""
    x = points(name, "interior", sampling)
    assert share(x[:, 0] < 1) == pytest.approx(0.5, abs=SHARE)
    assert share(x[:, 1] < 0.25) == pytest.approx(0.5 / 1.25, abs=SHARE)
    assert share(x[:, 0] < 0.5) == pytest.approx((0.5 - 0.5 * 0.5 * 0.375) / 1.25, abs=SHARE)
    x, lengths = (
        points(name, "boundary", sampling),
        [math.dist(NOTCHED[index], NOTCHED[index - 1]) for index in range(5)],
    )
    assert share(x[:, 1] == 0) == pytest.approx(2 / sum(lengths), abs=SHARE)
    assert share((x[:, 0] == 0) | (x[:, 0] == 2)) == pytest.approx(2 / sum(lengths), abs=SHARE)


@pytest.mark.parametrize("sampling", ["random", "uniform", "sobol", "latin-hypercube"])
@pytest.mark.parametrize("name", ["hole", "hole in time"])
def test_a_hole(name: str, sampling) -> None:
    area, around = 1 - math.pi / 16, math.pi / 2
    x = points(name, "interior", sampling)
    assert x[:, :2].mean(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.01)
    assert share(x[:, 0] < 0.25) == pytest.approx(0.25 / area, abs=SHARE)
    x = points(name, "boundary", sampling)
    radius = (x[:, :2] - 0.5).norm(dim=1)
    assert share((radius - 0.25).abs() < 1e-9) == pytest.approx(around / (4 + around), abs=SHARE)
    assert share(x[:, 0] == 0) == pytest.approx(1 / (4 + around), abs=SHARE)


def test_a_bite_takes_a_part_of_the_boundary_away() -> None:
    x, around = points("bite", "boundary"), math.pi / 4
    on_bite = ((x - torch.tensor([1.0, 0.5])).norm(dim=1) - 0.25).abs() < 1e-9
    assert share(on_bite) == pytest.approx(around / (3.5 + around), abs=SHARE)
    assert (x[~on_bite, 0] < 1).logical_or((x[~on_bite, 1] - 0.5).abs() > 0.25).all()
    assert share(points("bite", "interior")[:, 0] < 0.5) == pytest.approx(0.5 / (1 - math.pi / 32), abs=SHARE)


def test_edges_that_a_hole_shares_with_the_whole_are_no_boundary() -> None:
    x = points("corner cut off", "boundary")
    assert not ((x[:, 0] == 1) & (x[:, 1] > 0.5)).any()
    assert share(x[:, 0] == 0.5) == pytest.approx(0.5 / 4, abs=SHARE)
    assert share(x[:, 0] == 1) == pytest.approx(0.5 / 4, abs=SHARE)
    hole = points("corner cut off", "hole")
    assert ((hole[:, 0] == 0.5) | (hole[:, 1] == 0.5)).all()


@pytest.mark.parametrize("name", ["two holes", "hole in a hole"])
def test_two_holes_either_way(name: str) -> None:
    x, around = points(name, "boundary"), math.pi / 4
    for middle in (0.25, 0.75):
        distance = (x - torch.tensor([middle, 0.5])).norm(dim=1)
        assert share((distance - 0.125).abs() < 1e-9) == pytest.approx(around / (4 + 2 * around), abs=SHARE)


def test_the_regions_of_a_hole_in_a_hole_are_those_of_the_last() -> None:
    domain = EXAMPLES["hole in a hole"]
    assert domain.regions == ("interior", "boundary", "outer", "hole", "x=0", "x=1", "y=0", "y=1")
    assert (domain.sample("hole", 100).x[:, 0] >= 0.625).all()
    assert share(points("hole in a hole", "outer")[:, 0] == 0) == pytest.approx(1 / (4 + math.pi / 4), abs=SHARE)


def test_parts_that_touch_have_no_boundary_between_them() -> None:
    x = points("L", "boundary")
    assert not ((x[:, 1] == 1) & (x[:, 0] < 1)).any()
    assert share(x[:, 0] == 0) == pytest.approx(2 / 8, abs=SHARE)
    assert share(x[:, 1] == 1) == pytest.approx(1 / 8, abs=SHARE)
    assert share(points("L", "interior")[:, 1] < 1) == pytest.approx(2 / 3, abs=SHARE)


def test_where_parts_overlap_nothing_counts_twice() -> None:
    x = points("overlap", "boundary")
    assert share(x[:, 1] == 0) == pytest.approx(1.5 / 5, abs=SHARE)
    assert share((x[:, 1] == 0) & (x[:, 0] > 0.5) & (x[:, 0] < 1)) == pytest.approx(0.5 / 5, abs=SHARE)
    assert share(points("overlap", "interior")[:, 0] < 0.5) == pytest.approx(1 / 3, abs=SHARE)
    overlap = 2 * math.pi / 3 - math.sqrt(3) / 2
    for region in ("interior", "initial", "final"):
        x = points("lens", region)
        both = (x[:, :2].norm(dim=1) < 1) & ((x[:, :2] - torch.tensor([1.0, 0.0])).norm(dim=1) < 1)
        assert share(both) == pytest.approx(overlap / (2 * math.pi - overlap), abs=SHARE)
    assert share(points("lens", "boundary")[:, 0] > 0.5) == pytest.approx(0.5, abs=SHARE)


def test_small_parts_far_apart_are_found() -> None:
    assert share(points("islands", "interior")[:, 0] > 0.5) == pytest.approx(8 / 9, abs=SHARE)
    assert share(points("islands", "boundary")[:, 0] > 0.5) == pytest.approx(4 / 5, abs=SHARE)


@pytest.mark.parametrize("sampling", ["uniform", "sobol", "latin-hypercube"])
def test_an_even_sampling_stays_even_where_points_are_left_out(sampling) -> None:
    """The mean of x² + y² over the square without its hole, with a hundredth of random points' error at best."""
    inside = 2 / 3 - (math.pi / 16 * 0.5 + math.pi / 2 / 4**4)
    exact = inside / (1 - math.pi / 16)
    errors = [
        abs(float(EXAMPLES["hole"].sample("interior", 1000, sampling, seed=seed).x.square().sum(dim=1).mean()) - exact)
        for seed in range(8)
    ]
    random = 0.48 / math.sqrt(1000)
    assert sum(errors) / 8 < random / 3
