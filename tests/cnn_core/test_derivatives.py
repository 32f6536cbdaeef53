"""Derivatives in x of a field: by nested differentiation, and what a probe finds out about a residual."""

import math

import pytest
import torch

from cnn_core.derivatives import Jet, Order, PointField, Probe
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
        probe = Probe(inputs=2, outputs=3)
        for name in names:
            getattr(probe, name)
        assert probe.order is order


def test_probe_shows_fields_of_the_right_shape() -> None:
    probe = Probe(inputs=2, outputs=3)
    fields = (probe.value, probe.gradient, probe.laplacian, probe.hessian, probe.function(torch.zeros(2)))
    assert [tuple(field.shape) for field in fields] == [(3,), (3, 2), (3,), (3, 2, 2), (3,)]


def test_a_jet_has_no_function() -> None:
    with pytest.raises(TypeError, match=r"reads u\.function takes the general path"):
        _ = Jet(torch.zeros(1)).function
