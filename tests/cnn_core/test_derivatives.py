"""Derivatives in x of a field: by nested differentiation, and what a probe finds out about a residual."""

import math
from collections.abc import Sequence

import pytest
import torch

from cnn_core.derivatives import Jet, MultiIndex, Order, PointField, Probe, Reads, index_of
from tests.cnn_core.cases import assert_same_jet


def test_point_field_against_the_closed_form() -> None:
    """u = (sin(ax) e^(by), x y²)."""
    a, b = 1.3, -0.7
    point = torch.tensor([0.4, 0.9], dtype=torch.float64)
    field = PointField(lambda at: torch.stack([(a * at[0]).sin() * (b * at[1]).exp(), at[0] * at[1] ** 2]), point)
    x, y = point.tolist()
    s, c, e = math.sin(a * x), math.cos(a * x), math.exp(b * y)
    gradient = [[a * c * e, b * s * e], [y**2, 2 * x * y]]
    second = [[[-a * a * s * e, a * b * c * e], [a * b * c * e, b * b * s * e]], [[0, 2 * y], [2 * y, 2 * x]]]
    expected = Jet(
        torch.tensor([s * e, x * y * y], dtype=torch.float64),
        torch.tensor(gradient, dtype=torch.float64),
        torch.tensor([(b * b - a * a) * s * e, 2 * x], dtype=torch.float64),
        torch.tensor(second, dtype=torch.float64),
    )
    jet = Jet(field.value, field.gradient, field.laplacian, field.hessian)
    assert_same_jet(jet, expected, Order.HESSIAN, tolerance=1e-14)
    assert torch.equal(field.function(point), field.value)


def test_probe_finds_the_highest_order_that_is_read() -> None:
    for order, names in [
        (Order.VALUE, ["value"]),
        (Order.GRADIENT, ["value", "gradient"]),
        (Order.LAPLACIAN, ["laplacian", "gradient"]),
        (Order.HESSIAN, ["hessian", "laplacian"]),
        (Order.FUNCTION, ["function", "hessian"]),
    ]:
        probe = Probe(("x", "y"), outputs=3)
        for name in names:
            getattr(probe, name)
        assert probe.order is order


def test_probe_shows_fields_of_the_right_shape() -> None:
    probe = Probe(("x", "y"), outputs=3)
    fields = (probe.value, probe.gradient, probe.laplacian, probe.hessian, probe.function(torch.zeros(2)))
    assert [tuple(field.shape) for field in fields] == [(3,), (3, 2), (3,), (3, 2, 2), (3,)]


def test_a_jet_has_no_function() -> None:
    with pytest.raises(TypeError, match=r"reads u\.function takes the general path"):
        _ = Jet(torch.zeros(1)).function


def test_derivatives_by_name_against_the_closed_form() -> None:
    a, b = 1.3, -0.7
    point = torch.tensor([0.4, 0.9], dtype=torch.float64)
    field = PointField(lambda at: ((a * at[0]).sin() * (b * at[1]).exp())[None], point, ("x", "t"))
    s, c, e = math.sin(a * 0.4), math.cos(a * 0.4), math.exp(b * 0.9)
    expected = {
        "x": a * c * e,
        "tt": b * b * s * e,
        "xt": a * b * c * e,
        "xxx": -(a**3) * c * e,
        "txtx": -a * a * b * b * s * e,
    }
    for name, value in expected.items():
        assert float(field[name]) == pytest.approx(value, rel=1e-13), name


@pytest.mark.parametrize(
    ("name", "coordinates", "index"),
    [("x", "xt", (0,)), ("tx", "xt", (0, 1)), ("xxtt", "xt", (0, 0, 1, 1)), ("r1r2r1", ("r1", "r2"), (0, 0, 1))],
)
def test_names_of_derivatives(name: str, coordinates: Sequence[str], index: MultiIndex) -> None:
    assert index_of(name, tuple(coordinates)) == index


@pytest.mark.parametrize(
    ("name", "coordinates", "message"),
    [
        (
            "y",
            ("x", "t"),
            r"u\['y'\] is no derivative; write one to 4 of the coordinates' names \(x, t\), one after the",
        ),
        ("", ("x", "t"), r"u\[''\] is no derivative"),
        ("xxxxx", ("x", "t"), r"u\['xxxxx'\] is no derivative; write one to 4 .*, or use u.function"),
        ("aaa", ("a", "aa"), r"u\['aaa'\] may mean several derivatives"),
        ("x" * 100_000, ("x",), "is no derivative"),
    ],
)
def test_names_that_are_no_derivatives(name: str, coordinates: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        index_of(name, coordinates)


def test_probe_notes_derivatives_by_name() -> None:
    probe = Probe(("x", "t"), outputs=2)
    assert tuple(probe["txx"].shape) == (2,)
    _ = probe["xxt"], probe["t"], probe.gradient
    assert probe.reads == Reads(2, Order.GRADIENT, ((1,), (0, 0, 1)))
    assert probe.reads.highest is Order.HESSIAN


def test_a_jet_answers_by_name_with_what_it_holds() -> None:
    jet = Jet(torch.zeros(2), gradient=torch.tensor([[1.0, 2.0], [3.0, 4.0]]), coordinates=("x", "t"))
    assert jet["t"].tolist() == [2.0, 4.0]
    with pytest.raises(KeyError, match="this jet holds no derivative 'xx'"):
        _ = jet["xx"]
