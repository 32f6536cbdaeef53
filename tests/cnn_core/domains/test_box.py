import math
from collections import Counter

import pytest
import torch

from cnn_core.domains import Box
from cnn_core.problems import collocation_points, helmholtz, viscous_flow
from cnn_core.projection import projection_points

SQUARE = Box({"x": (0.0, 2.0), "y": (-1.0, 0.5)})
HEAT = Box({"x": (-1.0, 1.0), "t": (0.0, 0.5)}, time="t")


def hexadecimal(x: torch.Tensor) -> list[list[str]]:
    return [[number.hex() for number in row] for row in x.tolist()]


def test_the_interior_is_drawn_as_that_of_problems_was_before_there_were_domains() -> None:
    """To the last bit; the figures are of the commit before."""
    line = [
        ["-0x1.dd12bdbc9f2d0p-1"], ["-0x1.b4c18a3e465f4p-2"], ["0x1.177703e1ec790p-1"], ["-0x1.4cdfedc8339d6p-1"]
    ]  # fmt: skip
    cube = [
        ["0x1.1e15e7465c988p-2", "0x1.18432a35053ecp-2", "0x1.b9643fa6cd0d3p-1"],
        ["0x1.5039774a13667p-1", "0x1.d855c4ed9ecb9p-1", "0x1.add8e438d0a17p-1"],
    ]
    grid = [
        ["-0x1.0000000000000p+0"], ["-0x1.5555555555556p-2"], ["0x1.5555555555558p-2"], ["0x1.0000000000000p+0"]
    ]  # fmt: skip
    for points in (
        collocation_points,
        lambda problem, *options, seed=0: Box(problem.coordinates).sample("interior", *options, seed=seed).x,
    ):
        assert hexadecimal(points(helmholtz(), 4, "random", seed=3)) == line
        assert hexadecimal(points(viscous_flow(), 2, "random", seed=7)) == cube
        assert hexadecimal(points(helmholtz(), 4, "uniform")) == grid
        corners = [[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)]
        assert points(viscous_flow(), 8, "uniform").tolist() == corners


def test_a_projections_lattice_is_what_it_was() -> None:
    assert hexadecimal(projection_points(viscous_flow(), 3)) == [
        ["0x1.5555555555555p-3", "0x1.0000000000000p-1", "0x1.0000000000000p-1"],
        ["0x1.0000000000000p-1", "0x1.04fea6a40a98cp-2", "0x1.1e10da5c79e80p-4"],
        ["0x1.aaaaaaaaaaaabp-1", "0x1.3fa9a902a6300p-7", "0x1.478436971e79ep-1"],
    ]


def test_regions_are_named() -> None:
    assert SQUARE.regions == ("interior", "boundary", "x=0", "x=2", "y=-1", "y=0.5")
    assert HEAT.regions == ("interior", "boundary", "initial", "final", "x=-1", "x=1")
    assert Box({"x": (-0.0, 1e-9)}).regions == ("interior", "boundary", "x=0", "x=1e-09")
    assert Box({"x": (1.0, 1.0 + 1e-9)}).regions == ("interior", "boundary", "x=1.0", "x=1.000000001")
    assert Box({"t": (0.0, 1.0)}, time="t").regions == ("interior", "initial", "final")


def test_faces_lie_where_their_names_say() -> None:
    for name, axis, value, sign in (
        ("x=0", 0, 0.0, -1),
        ("x=2", 0, 2.0, 1),
        ("y=-1", 1, -1.0, -1),
        ("y=0.5", 1, 0.5, 1),
    ):
        x, normal = SQUARE.sample(name, 50)
        assert normal is not None
        assert (x[:, axis] == value).all()
        assert (normal[:, axis] == sign).all()
        assert (normal[:, 1 - axis] == 0).all()
    assert (HEAT.sample("initial", 9).x[:, 1] == 0.0).all()
    assert (HEAT.sample("final", 9).x[:, 1] == 0.5).all()


def test_faces_extend_over_the_whole_time() -> None:
    x, normal = HEAT.sample("boundary", 200, "uniform")
    assert normal is not None
    assert torch.equal(normal, torch.stack([x[:, 0], torch.zeros(200)], dim=1))
    walls = x[x[:, 0] == 1, 1]
    assert walls.tolist() == pytest.approx([0.005 * (index + 0.5) for index in range(100)])


def test_faces_get_points_in_proportion_to_their_measure() -> None:
    flat = Box({"x": (0.0, 3.0), "y": (0.0, 1.0)})
    x, _ = flat.sample("boundary", 80, "uniform")
    assert [int((x[:, axis] == value).sum()) for axis, value in ((0, 0), (0, 3), (1, 0), (1, 1))] == [10, 10, 30, 30]
    thin = Box({"x": (0.0, 1.0), "y": (0.0, 1e-6)})
    for sampling in ("random", "uniform", "sobol", "latin-hypercube"):
        _, normal = thin.sample("boundary", 4, sampling)
        assert normal is not None
        assert sorted(normal.tolist()) == [[-1, 0], [0, -1], [0, 1], [1, 0]]


def test_the_two_ends_of_an_interval_alternate() -> None:
    assert Box({"x": (0.0, 1.0)}).sample("boundary", 5).x.tolist() == [[0], [1], [0], [1], [0]]


def test_regions_do_not_share_their_random_numbers() -> None:
    columns = [HEAT.sample(region, 9).x[:, 0] for region in ("interior", "initial", "final")]
    assert Counter(torch.cat(columns).tolist()).most_common(1)[0][1] == 1


def test_what_a_box_contains() -> None:
    points = [[0.0, 0.0], [2.0, 0.5], [1.0, -1.0], [2.0 + 1e-9, 0.0], [1.0, -1.0 - 1e-9], [1.0, 0.0]]
    assert SQUARE.contains(torch.tensor(points, dtype=torch.float64)).tolist() == [True, True, True, False, False, True]
    far = Box({"x": (0.1, 0.3), "t": (0.0, 1e9)}, time="t")
    rounded = far.sample("boundary", 20).x.float()
    assert far.contains(rounded).all()
    assert not far.contains(torch.tensor([[0.1 - 1e-9, 5.0]], dtype=torch.float64)).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Box({}), "box: sides is empty; name at least one coordinate"),
        (lambda: Box({"x": (1.0, 0.0)}), r"box: coordinate 'x' needs a finite interval .* got \(1.0, 0.0\)"),
        (lambda: Box({"x": (0.0, math.inf)}), "box: coordinate 'x' needs a finite interval"),
        (lambda: Box({"x": (0.0, 1.0)}, time="t"), "the time 't' is no coordinate; write one of: x, or None"),
        (lambda: SQUARE.sample("interior", 5, "uniform"), r"2 dimensions needs k\^2 points, got 5; write 4"),
        (
            lambda: Box(dict.fromkeys("xyz", (0.0, 1e-200))).sample("boundary", 9),
            "region 'boundary': its measure is 0.0, .*; choose other units",
        ),
        (lambda: SQUARE.contains(torch.zeros(3)), r"the shape \(N, 2\), got \(3,\)"),
    ],
)
def test_bad_boxes_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
