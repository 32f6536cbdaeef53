"""Derivatives by name through the layers, against nested differentiation, in values and in their transposes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods import Batch, Soft
from cnn_core.networks import ACTIVATIONS, Dense, Network
from cnn_core.networks.chain_rule import Term, activate, chain_rule, pull_back
from cnn_core.networks.streams import carried_for
from cnn_core.problems import Problem
from tests.cnn_core.cases import (
    NETWORKS,
    grid_points,
    make_model,
    make_step,
    relative,
    residual_jacobian,
    start,
    theta_of,
)

Rows = Mapping[str, Tensor]


def heat(u: Any) -> Rows:
    return {"heat": u["t"][0] - 0.3 * u["xx"][0]}


def korteweg_de_vries(u: Any) -> Rows:
    return {"kdv": u["t"][0] + u.value[0] * u["x"][0] + 0.0025 * u["xxx"][0]}


def beam(u: Any) -> Rows:
    return {"beam": u["tt"][0] + u["xxxx"][0]}


def biharmonic(u: Any) -> Rows:
    return {"plate": u["xxxx"][0] + 2 * u["ttxx"][0] + u["tttt"][0]}


def mixed(u: Any) -> Rows:
    """By name and as a whole, of several outputs."""
    return {
        "first": u["xxt"][0] * u.gradient[0, 1] + u.laplacian[0],
        "second": u["tx"][0] ** 2 + u.hessian[0, 0, 1] + u["xtt"][0],
    }


RESIDUALS = [heat, korteweg_de_vries, beam, biharmonic, mixed]
COUNTS: Mapping[Callable[[Any], Rows], int] = {heat: 4, korteweg_de_vries: 5, beam: 7, biharmonic: 13, mixed: 8}
"""How many streams each of them carries: what is read, and what that needs."""


def problem_of(rows: Callable[[Any], Rows]) -> Problem:
    return Problem(
        rows.__name__, {"x": (-1.0, 1.0), "t": (0.0, 1.0)}, ("amplitude",), ("u",),
        residual=lambda u, x, p: rows(u), solution=lambda x, p: (p[0] * x.sum()).sin()[None],
    )  # fmt: skip


@pytest.mark.parametrize("rows", RESIDUALS)
def test_only_what_is_needed_is_carried(rows: Callable[[Any], Rows]) -> None:
    assert carried_for(problem_of(rows).reads).count == COUNTS[rows]


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("rows", RESIDUALS)
def test_layers_agree_with_nested_differentiation(rows: Callable[[Any], Rows], network: Network) -> None:
    model = make_model(problem_of(rows), network)
    twin = replace(model, taylor=False)
    assert (model.path, twin.path) == ("layers", "general")
    points, theta = grid_points(model.problem, 5), theta_of(model)
    found, expected = (one.evaluate(theta, points.x, points.p) for one in (model, twin))
    assert relative(found.residuals, expected.residuals) < 1e-12
    gradients = [
        torch.autograd.grad(one.residuals.square().sum(), theta, retain_graph=True)[0] for one in (found, expected)
    ]
    assert relative(*gradients) < 1e-12
    jacobians = [
        residual_jacobian(one, theta, evaluation, points.x, points.p)
        for one, evaluation in ((model, found), (twin, expected))
    ]
    assert relative(jacobians[0].matrix(), jacobians[1].matrix()) < 1e-12
    assert relative(jacobians[0].gram(), jacobians[1].gram()) < 1e-12


@pytest.mark.parametrize("method", [Soft(weight=0.7), Batch(damping=1e-3)], ids=["soft", "batch"])
def test_methods_take_the_same_direction_by_both_paths(method: Any) -> None:
    model = make_model(problem_of(korteweg_de_vries), NETWORKS["Modulated-swish"])
    points = grid_points(model.problem, 5)

    def direction(of: ConstrainedNetwork) -> Tensor:
        return method.direction(make_step(of, points), start(method, of, points)).gradient

    assert relative(direction(model), direction(replace(model, taylor=False))) < 1e-10


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_knows_five_derivatives(name: str) -> None:
    activation = ACTIVATIONS[name]
    a = torch.linspace(-3, 3, 25, dtype=torch.float64, requires_grad=True)
    expected = activation.value(a)
    for highest in range(6):
        found = activation.derivatives(a.detach(), max(1, highest))
        assert len(found) == max(1, highest) + 1
        torch.testing.assert_close(found[highest], expected.detach(), rtol=1e-12, atol=1e-13)
        if highest < 5:
            (expected,) = torch.autograd.grad(expected.sum(), a, create_graph=True)


def test_the_transpose_is_that_of_the_pass() -> None:
    rule = chain_rule([(0, 0, 0, 0), (0, 0, 1), (1, 1)])
    generator = torch.Generator().manual_seed(0)
    streams, weights = (
        torch.randn(len(rule.indices), 3, 4, generator=generator, dtype=torch.float64).requires_grad_() for _ in "ab"
    )
    tanh = ACTIVATIONS["tanh"].derivatives
    left = activate(streams, tanh(streams[0], rule.order), rule)
    (expected,) = torch.autograd.grad((left * weights).sum(), streams)
    entered = streams.detach().unsqueeze(2)
    found = pull_back(weights.detach().unsqueeze(2), entered, tanh(entered[0], rule.order + 1), rule)
    assert relative(found.squeeze(2), expected) < 1e-13


def test_the_formula_of_the_fourth_derivative() -> None:
    """(φ∘a)'''' = φ' a'''' + φ'' (4 a' a''' + 3 a''²) + 6 φ''' a'² a'' + φ'''' a'⁴."""
    rule = chain_rule([(0,) * 4])
    assert rule.indices == tuple((0,) * order for order in range(5))
    assert set(rule.polynomials[4]) == {
        Term(1, 1, (4,)), Term(4, 2, (1, 3)), Term(3, 2, (2, 2)), Term(6, 3, (1, 1, 2)), Term(1, 4, (1, 1, 1, 1)),
    }  # fmt: skip
    assert [sum(term.count for term in polynomial) for polynomial in rule.polynomials[1:]] == [1, 2, 5, 15]  # Bell's


def test_a_closed_form_of_third_order() -> None:
    """u = v tanh(w x + b) in one dimension: u''' = v w³ φ'''."""
    problem = Problem("third", {"x": (0.0, 1.0)}, (), ("u",), lambda u, x, p: {"r": u["xxx"][0]})
    model = make_model(problem, Dense(widths=(1,), activation="tanh", normalise=False))
    layout = model.layout
    values = {"hidden.0.weight": 0.7, "hidden.0.bias": 0.2, "output.weight": -1.3, "output.bias": 0.4}
    theta = layout.flatten(
        {
            name: torch.full(shape, values[name], dtype=torch.float64)
            for name, shape in zip(layout.names, layout.shapes, strict=True)
        }
    )
    x = torch.tensor([[0.6]], dtype=torch.float64)
    t = math.tanh(0.7 * 0.6 + 0.2)
    third = (1 - t * t) * (6 * t * t - 2)
    assert float(model.residuals(theta, x, x[:, :0])) == pytest.approx(-1.3 * 0.7**3 * third, rel=1e-12)
