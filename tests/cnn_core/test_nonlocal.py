"""Residuals that read `u.function` at points of their own, which do not vary with x: integrals, nonlocal terms."""

import math
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.func import jacfwd

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.derivatives import Field
from cnn_core.linearisation import batch_terms
from cnn_core.networks import parameter_vector
from cnn_core.problems import Condition, Problem
from cnn_core.projection import project
from cnn_core.solvers import LevenbergMarquardt
from tests.cnn_core.cases import NETWORKS, OwnNetwork, relative

NODES = ((torch.arange(7, dtype=torch.float64) + 0.5) / 7)[:, None]


def integral(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
    """u − ∫u + u'(first node) p, which mixes points that vary with those that do not."""
    mean = torch.vmap(u.function)(NODES).mean()
    return {"nonlocal": u.value[0] - mean + jacfwd(u.function)(NODES[0])[0, 0] * p[0], "trace": u.function(NODES[0])[0]}


PROBLEM = Problem("nonlocal", {"x": (0.0, 1.0)}, ("k",), ("u",), integral, lambda x, p: p * x)

MODULES: Mapping[str, Callable[[], nn.Module]] = {
    name: lambda network=network: network.build(inputs=1, parameters=1, outputs=1, seed=0).double()
    for name, network in NETWORKS.items()
} | {"own": lambda: OwnNetwork(1, 1, 1)}


def by_hand(network: nn.Module, x: Tensor, p: Tensor) -> Tensor:
    """The residuals (N, 2), point by point, by plain autograd."""
    rows = []
    for at, k in zip(x, p, strict=True):
        node = NODES[:1].clone().requires_grad_()
        (slope,) = torch.autograd.grad(network(node, k[None]).sum(), node, create_graph=True)
        mean = network(NODES, k.expand(len(NODES), 1)).mean()
        trace = network(NODES[:1], k[None])[0, 0]
        rows.append(torch.stack([network(at[None], k[None])[0, 0] - mean + slope[0, 0] * k[0], trace]))
    return torch.stack(rows)


@pytest.mark.parametrize("name", MODULES)
def test_values_gradients_and_jacobians(name: str) -> None:
    network = MODULES[name]()
    model, theta = ConstrainedNetwork(PROBLEM, network), parameter_vector(network).requires_grad_()
    x, p = torch.rand(2, 5, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected, parameters = by_hand(network, x, p), [*network.parameters()]

    def gradient(of: Tensor) -> Tensor:
        pieces = torch.autograd.grad(of, parameters, retain_graph=True, materialize_grads=True)
        return torch.cat([piece.flatten() for piece in pieces])

    residuals = model.residuals(theta, x, p)
    assert model.path == "general"
    assert relative(residuals, expected) < 1e-13
    with torch.no_grad():
        assert relative(model.residuals(theta, x, p), expected) < 1e-13
    (slope,) = torch.autograd.grad(residuals.square().sum(), theta)
    assert relative(slope, gradient(expected.square().sum())) < 1e-11
    rows = torch.stack([gradient(residual) for residual in expected.flatten()])
    terms = batch_terms(model, theta, x, p, torch.zeros_like(x))
    assert terms.constraints is not None and relative(terms.constraints.matrix(), rows) < 1e-11


def test_an_integral_chooses_among_solutions() -> None:
    """u'' = −π² sin πx and u(0) = 0 leave a line open, ∫u = 2/π closes it: u = sin πx."""
    problem = Problem(
        "poisson", {"x": (0.0, 1.0)}, (), ("u",),
        lambda u, x, p: {"poisson": u.laplacian[0] / math.pi**2 + torch.sin(math.pi * x[0])},
    )  # fmt: skip
    nodes = ((torch.arange(40, dtype=torch.float64) + 0.5) / 40)[:, None]
    known = Condition(
        torch.zeros(1, 1, dtype=torch.float64),
        lambda u, x, p: {"u": u.value[0], "integral": torch.vmap(u.function)(nodes).mean()},
        values=torch.tensor([[0.0, 2 / math.pi]], dtype=torch.float64),
    )
    network = NETWORKS["Dense-tanh"].build(inputs=1, parameters=0, outputs=1, seed=0).double()
    model = ConstrainedNetwork(problem, network)
    solver = LevenbergMarquardt(nearest="parameters", points=20, first_weight=30.0, growth=10.0, max_steps=300)
    (result,) = project(model, parameter_vector(network), torch.zeros(1, 0), solver, conditions=[known])
    x = torch.linspace(0, 1, 21, dtype=torch.float64)[:, None]
    assert relative(model.predict(result.theta, x, x[:, :0]), torch.sin(math.pi * x)) < 2e-3
