"""Streams against nested differentiation and against closed forms of one hidden layer."""

import math

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, hessian, jacrev

from cnn_core.derivatives import Jet, Order
from cnn_core.networks import Dense, LayeredNetwork, Modulated, Network
from cnn_core.networks.streams import Carried, jet_of
from tests.cnn_core.cases import NETWORKS, assert_same_jet

ORDERS = [Order.VALUE, Order.GRADIENT, Order.LAPLACIAN, Order.HESSIAN]


POINTS = 4


def build(network: Network, inputs: int, outputs: int, parameters: int = 2) -> tuple[LayeredNetwork, Tensor, Tensor]:
    module = network.build(inputs=inputs, parameters=parameters, outputs=outputs, seed=3).double()
    generator = torch.Generator().manual_seed(inputs)
    x = torch.randn(POINTS, inputs, generator=generator, dtype=torch.float64)
    p = torch.randn(POINTS, parameters, generator=generator, dtype=torch.float64)
    return module, x, p


def taylor_jet(module: LayeredNetwork, x: Tensor, p: Tensor, order: Order) -> Jet:
    carried = Carried(module.inputs, order)
    streams, _ = module.propagate(dict(module.named_parameters()), x, p, carried)
    return jet_of(streams.detach(), carried)


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
