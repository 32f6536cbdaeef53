"""Balls, polygons, holes and unions: what each is by itself, and what it refuses."""

import math
import subprocess
import sys

import pytest
import torch

from cnn_core.domains import Ball, Box, Polygon, Union, Without
from tests.cnn_core.domains.examples import NOTCHED, SQUARE, SQUARE_IN_TIME, TIME

CIRCLE = Ball({"x": 0.5, "y": 0.5}, 0.25)


def test_a_ball_in_one_dimension_has_two_ends() -> None:
    x, normal = Ball({"x": 1.0}, 0.5).sample("boundary", 4)
    assert normal is not None
    assert x.tolist() == [[0.5], [1.5], [0.5], [1.5]]
    assert normal.tolist() == [[-1], [1], [-1], [1]]


def test_uniform_points_of_a_circle_have_equal_angles() -> None:
    x, normal = Ball({"x": 0.0, "y": 0.0}, 2.0).sample("boundary", 8, "uniform")
    assert normal is not None
    angles = torch.atan2(x[:, 1], x[:, 0]).remainder(2 * math.pi)
    assert angles.tolist() == pytest.approx([math.pi / 4 * (index + 0.5) for index in range(8)])
    assert torch.allclose(2 * normal, x)


def test_edges_of_a_polygon_are_numbered_from_the_first_vertex() -> None:
    for vertices, normal in ((NOTCHED, [0.0, -1.0]), (NOTCHED[::-1], None)):
        polygon = Polygon(vertices)
        assert polygon.regions == ("interior", "boundary", *(f"edge {index}" for index in range(5)))
        for index in range(5):
            x, _ = polygon.sample(f"edge {index}", 2, "uniform")
            start, end = torch.tensor([vertices[index], vertices[(index + 1) % 5]], dtype=torch.float64)
            assert torch.allclose(x, torch.stack([0.75 * start + 0.25 * end, 0.25 * start + 0.75 * end]))
        if normal:
            assert polygon.sample("edge 0", 1).normal.tolist() == [normal]  # type: ignore[union-attr]


def test_a_polygon_holds_its_time_last_and_its_first_vertex_once() -> None:
    polygon = Polygon([*NOTCHED, NOTCHED[0]], ("a", "b"), ("s", (1.0, 2.0)))
    assert polygon.vertices == NOTCHED
    assert polygon.coordinates == ("a", "b", "s")
    assert polygon.box == {"a": (0.0, 2.0), "b": (0.0, 1.0), "s": (1.0, 2.0)}


def test_what_a_polygon_contains() -> None:
    x = [[1.0, 0.25], [1.0, 0.26], [0.0, 1.0], [1.9, 0.9], [1.0, -1e-9], [0.5, 0.625], [3.0, 0.5]]
    expected = [True, False, True, True, False, True, False]
    assert Polygon(NOTCHED).contains(torch.tensor(x, dtype=torch.float64)).tolist() == expected


def test_what_a_domain_with_a_hole_contains() -> None:
    x = [[0.5, 0.5], [0.25, 0.5], [0.2, 0.5], [0.25 + 1e-9, 0.5], [1.0, 1.0], [1.1, 0.5]]
    expected = [False, True, True, False, True, False]
    assert Without(SQUARE, CIRCLE).contains(torch.tensor(x, dtype=torch.float64)).tolist() == expected


def test_a_hole_may_reach_beyond_the_whole_or_miss_it() -> None:
    missed = Without(SQUARE, Ball({"x": 5.0, "y": 5.0}, 1.0))
    assert torch.equal(missed.sample("interior", 9).x, SQUARE.sample("interior", 9).x)
    with pytest.raises(ValueError, match="region 'hole': nothing of it is in the domain"):
        missed.sample("hole", 3)
    half = Without(SQUARE, Box({"x": (0.5, 7.0), "y": (-1.0, 2.0)}))
    assert (half.sample("boundary", 100).x[:, 0] <= 0.5).all()
    with pytest.raises(
        ValueError, match=r"region 'x=1': nothing of it is in the domain, .* make what is cut out of it sm"
    ):
        half.sample("x=1", 3)


def test_a_small_remainder_is_found_and_a_smaller_one_refused() -> None:
    thin = Without(SQUARE, Box({"x": (-1.0, 2.0), "y": (-1.0, 1.0 - 1e-4)}))
    assert (thin.sample("interior", 50).x[:, 1] >= 1 - 1e-4).all()
    with pytest.raises(
        ValueError, match="too little of it is in the domain: 100000 points need more than 4194304 tries"
    ):
        thin.sample("interior", 100_000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ball({}, 1.0), "ball: center is empty; name at least one coordinate"),
        (lambda: Ball({"x": math.nan}, 1.0), "ball: the center's 'x' must be finite, got nan"),
        (lambda: Ball({"x": 0.0}, 0.0), "ball: the radius must be positive and finite, got 0.0"),
        (lambda: Ball({"x": 0.0}, math.inf), "ball: the radius must be positive and finite, got inf"),
        (lambda: Ball({"x": 0.0}, 1.0, ("x", (0.0, 1.0))), "the time 'x' is a coordinate in space; give it another"),
        (lambda: Ball({"x": 0.0}, 1.0, ("t", (1.0, 1.0))), "ball: coordinate 't' needs a finite interval"),
        (lambda: Polygon(((0, 0), (1, 0))), "polygon: it needs at least three vertices, got 2"),
        (lambda: Polygon(((0, 0), (1, 0), (0, 0))), "polygon: it needs at least three vertices, got 2"),
        (lambda: Polygon(((0, 0), (1, 0), (math.nan, 1))), r"polygon: vertex 2 must be finite, got \(nan, 1.0\)"),
        (lambda: Polygon(((0, 0), (1, 0), (1, 0), (0, 1))), r"polygon: vertex 2 is \(1.0, 0.0\) like the one before"),
        (lambda: Polygon(((0, 0), (1, 1), (1, 0), (0, 1))), r"its edges cross or touch \(Self-intersection.*in order"),
        (lambda: Polygon(((0, 0), (1, 0), (2, 0))), "its edges cross or touch"),
        (lambda: Polygon(NOTCHED, ("x", "x")), r"two different names of its plane, got \('x', 'x'\)"),
        (lambda: Polygon(NOTCHED, ("x", "y", "z")), r"two different names of its plane, got \('x', 'y', 'z'\)"),
        (lambda: Without(SQUARE, SQUARE).sample("interior", 3), "region 'interior': nothing of it is in the domain"),
        (lambda: Without(SQUARE, Ball({"x": 0.5, "y": 0.5}, 9.0)).sample("boundary", 3), "region 'boundary': nothing"),
        (lambda: Without(SQUARE, Ball({"x": 0.5}, 0.1)), "without: all parts need the same coordinates, got x, y and"),
        (lambda: Without(SQUARE_IN_TIME, CIRCLE), "without: all parts need the same coordinates, got x, y, t and x, y"),
        (
            lambda: Without(SQUARE_IN_TIME, Ball({"x": 0.5, "y": 0.5}, 0.25, ("t", (0.0, 9.0)))),
            r"without: all parts need the same time, got \('t', \(0.0, 0.5\)\) and \('t', \(0.0, 9.0\)\); give each",
        ),
        (lambda: Union(), "union: it has no member; give at least one domain"),
        (lambda: Union(CIRCLE, Ball({"y": 0.0, "x": 0.0}, 1.0)), "union: all parts need the same coordinates"),
    ],
)  # fmt: skip
def test_bad_shapes_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_polygon_without_shapely_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shapely", None)
    with pytest.raises(
        ImportError, match=r"polygon: it needs shapely; install it by pip install 'cnn-study\[geometry\]'"
    ):
        Polygon(NOTCHED)


def test_other_domains_do_without_shapely() -> None:
    code = "import sys; from cnn_core.domains import Ball; Ball({'x': 0.0}, 1.0); print('shapely' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_hole_in_time_is_one_at_its_beginning_and_end_too() -> None:
    domain = Without(SQUARE_IN_TIME, Ball({"x": 0.5, "y": 0.5}, 0.25, TIME))
    assert domain.regions[:6] == ("interior", "boundary", "outer", "hole", "initial", "final")
    for region, time in (("initial", 0.0), ("final", 0.5)):
        distance = (domain.sample(region, 500).x[:, :2] - 0.5).norm(dim=1)
        assert (distance >= 0.25).all()
        assert domain.contains(torch.tensor([[0.5, 0.5, time], [0.1, 0.1, time]])).tolist() == [False, True]
    assert domain.contains(torch.tensor([[0.1, 0.1, -0.1], [0.1, 0.1, 0.6]])).tolist() == [False, False]
