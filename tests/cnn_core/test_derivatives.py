"""Derivatives in x: Taylor streams against nested differentiation and against closed forms of one hidden layer."""

import math

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, hessian, jacrev

from cnn_core.derivatives import Jet, Order, PointField, Probe
from cnn_core.networks import ACTIVATIONS, Dense, LayeredNetwork, Modulated, Network
from cnn_core.networks.streams import jet_of
from tests.cnn_core.cases import NETWORKS, relative

ORDERS = [Order.VALUE, Order.GRADIENT, Order.LAPLACIAN, Order.HESSIAN]
POINTS = 4


def build(network: Network, inputs: int, outputs: int, parameters: int = 2) -> tuple[LayeredNetwork, Tensor, Tensor]:
    module = network.build(inputs=inputs, parameters=parameters, outputs=outputs, seed=3).double()
    generator = torch.Generator().manual_seed(inputs)
    x = torch.randn(POINTS, inputs, generator=generator, dtype=torch.float64)
    p = torch.randn(POINTS, parameters, generator=generator, dtype=torch.float64)
    return module, x, p


def taylor_jet(module: LayeredNetwork, x: Tensor, p: Tensor, order: Order) -> Jet:
    streams, _ = module.propagate(dict(module.named_parameters()), x, p, order)
    return jet_of(streams.detach(), module.inputs, order)


def assert_same_jet(jet: Jet, expected: Jet, order: Order, tolerance: float = 1e-13) -> None:
    """Everything up to the order is there and agrees; nothing beyond is claimed, except a Laplacian from a Hessian."""
    assert relative(jet.value, expected.value) < tolerance
    present = {"gradient": Order.GRADIENT, "laplacian": Order.LAPLACIAN, "hessian": Order.HESSIAN}
    for name, needed in present.items():
        actual = getattr(jet, name)
        if order < needed:
            assert actual is None
        else:
            assert actual.shape == getattr(expected, name).shape
            assert relative(actual, getattr(expected, name)) < tolerance


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("inputs", [1, 2, 3])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_streams_against_nested_differentiation(network: Network, order: Order, inputs: int, outputs: int) -> None:
    module, x, p = build(network, inputs, outputs)

    def at(point: Tensor, parameters: Tensor) -> Tensor:
        return functional_call(module, dict(module.named_parameters()), (point[None], parameters[None]))[0]

    second = torch.vmap(hessian(at))(x, p).detach()
    expected = Jet(
        module(x, p).detach(),
        torch.vmap(jacrev(at))(x, p).detach(),
        second.diagonal(dim1=-2, dim2=-1).sum(-1),
        second,
    )
    assert_same_jet(taylor_jet(module, x, p, order), expected, order)


def derivatives_by_hand(activation: str, a: float) -> tuple[float, float, float]:
    """φ, φ', φ'' written independently of the code: by hyperbolic functions for tanh, by e^(−a) for swish."""
    if activation == "tanh":
        return math.tanh(a), math.cosh(a) ** -2, -2 * math.sinh(a) / math.cosh(a) ** 3
    e = math.exp(-a)
    first = (1 + e + a * e) / (1 + e) ** 2
    second = e * (2 * (1 + e) + a * (e - 1)) / (1 + e) ** 3
    return a / (1 + e), first, second


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("inputs", [1, 2, 3])
@pytest.mark.parametrize("activation", ["tanh", "swish"])
@pytest.mark.parametrize("kind", [Dense, Modulated])
def test_streams_against_the_closed_form_of_one_hidden_layer(
    kind: type[Dense | Modulated], activation: str, inputs: int, order: Order
) -> None:
    """u_o = Σ_h V_oh r_h φ(a_h) + c_o, so ∂ᵢu_o has φ'(a_h) W_hi in the sum and ∂ᵢⱼu_o has φ''(a_h) W_hi W_hj."""
    module, x, p = build(kind(widths=(4,), activation=activation), inputs, outputs=2)  # type: ignore[arg-type]
    weights = {name: tensor.detach() for name, tensor in module.named_parameters()}
    w, b, v, c = (weights[key] for key in ("hidden.0.weight", "hidden.0.bias", "output.weight", "output.bias"))
    value = torch.zeros(POINTS, 2, dtype=torch.float64)
    gradient, second = value.new_zeros(POINTS, 2, inputs), value.new_zeros(POINTS, 2, inputs, inputs)
    for n in range(POINTS):
        entered = torch.cat([x[n], p[n]]) if kind is Dense else x[n]
        rates = (
            p[n] @ weights["modulation.weight"].T + weights["modulation.bias"] if kind is Modulated else torch.ones(4)
        )
        value[n] = c
        for h in range(4):
            phi = derivatives_by_hand(activation, float(w[h] @ entered + b[h]))
            share = v[:, h] * rates[h]
            value[n] += share * phi[0]
            gradient[n] += phi[1] * share[:, None] * w[h, :inputs]
            second[n] += phi[2] * share[:, None, None] * torch.outer(w[h, :inputs], w[h, :inputs])
    expected = Jet(value, gradient, torch.einsum("noii->no", second), second)
    assert_same_jet(taylor_jet(module, x, p, order), expected, order)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_derivatives_against_autograd(name: str) -> None:
    a = torch.cat([torch.linspace(-8, 8, 81, dtype=torch.float64), torch.tensor([0.0, -700.0, 700.0]).double()])
    leaf = a.clone().requires_grad_()
    expected = [ACTIVATIONS[name].value(leaf)]
    for _ in range(3):
        expected.append(torch.autograd.grad(expected[-1].sum(), leaf, create_graph=True)[0])
    derivatives = ACTIVATIONS[name].derivatives(a, 3)
    for actual, wanted in zip(derivatives, expected, strict=True):
        assert torch.isfinite(actual).all()
        torch.testing.assert_close(actual, wanted.detach(), rtol=1e-11, atol=1e-14)
    for highest in (1, 2):
        for actual, wanted in zip(ACTIVATIONS[name].derivatives(a, highest), derivatives, strict=False):
            assert torch.equal(actual, wanted)


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
