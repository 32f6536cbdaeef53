"""Levenberg–Marquardt on plain functions, with no network in sight."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.func import jacrev

from cnn_core.jacobian import ExplicitJacobian
from cnn_core.linear_algebra import sides
from cnn_core.linear_algebra.least_squares import Descent, Linear
from tests.cnn_core.cases import relative


@dataclass(frozen=True)
class Plain:
    """F given as a function; all of its quantities are rows."""

    function: Callable[[Tensor], Tensor]

    def evaluate(self, theta: Tensor) -> list[Tensor]:
        return [self.function(theta)]

    def linearise(self, theta: Tensor) -> Linear:
        matrix = jacrev(self.function)(theta)
        return Linear(self.evaluate(theta), ExplicitJacobian(matrix, 1))

    def select(self, quantities: Sequence[Tensor]) -> Tensor:
        return quantities[0]


def minimised(
    function: Callable[[Tensor], Tensor], theta: Tensor, weights: Tensor, *, pull: float = 0.0, max_steps: int = 200
) -> Descent:
    descent = Descent(theta, pull=pull, on_step=lambda quantities: None)
    descent.minimise(Plain(function), weights, inner_tolerance=1e-14, max_steps=max_steps)
    return descent


def rosenbrock(theta: Tensor) -> Tensor:
    return torch.stack([10 * (theta[1] - theta[0] ** 2), 1 - theta[0]])


def test_it_follows_the_bend_of_rosenbrocks_valley() -> None:
    descent = minimised(rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    assert descent.theta.tolist() == pytest.approx([1.0, 1.0], abs=1e-8)
    assert descent.steps < 60


@pytest.mark.parametrize("pull", [0.0, 0.3])
def test_linear_functions_against_the_normal_equations(pull: float) -> None:
    """More rows than parameters, with weights: (Jᵀ W² J + s² I)(θ − θ₀) = −Jᵀ W² F(θ₀)."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(9, 4, generator=generator, dtype=torch.float64)
    right, start = torch.randn(9, generator=generator).double(), torch.randn(4, generator=generator).double()
    weights = torch.linspace(0.5, 2, 9, dtype=torch.float64)
    descent = minimised(lambda theta: matrix @ theta - right, start, weights, pull=pull)
    weighted = weights[:, None] * matrix
    normal = weighted.T @ weighted + pull * torch.eye(4, dtype=torch.float64)
    move = -torch.linalg.solve(normal, weighted.T @ (weights * (matrix @ start - right)))
    assert relative(descent.theta, start + move) < 1e-5


def test_every_step_is_told_and_none_raises_the_cost() -> None:
    costs: list[float] = []
    descent = Descent(
        torch.tensor([-1.2, 1.0], dtype=torch.float64),
        pull=0.0,
        on_step=lambda quantities: costs.append(float(quantities[0].square().sum())),
    )
    descent.minimise(Plain(rosenbrock), torch.ones(2, dtype=torch.float64), inner_tolerance=1e-14, max_steps=7)
    assert len(costs) == descent.steps == 7
    assert costs == sorted(costs, reverse=True)


def test_where_nothing_depends_on_theta_it_stays() -> None:
    start = torch.tensor([1.0, 2.0], dtype=torch.float64)
    descent = minimised(lambda theta: 0 * theta + 1, start, torch.ones(2, dtype=torch.float64))
    assert torch.equal(descent.theta, start)


def test_steps_that_are_not_finite_are_not_taken() -> None:
    """The logarithm ends where the first steps lead."""
    start = torch.tensor([1e-3], dtype=torch.float64)
    descent = minimised(lambda theta: theta.log() - math.log(2.0), start, torch.ones(1, dtype=torch.float64))
    assert float(descent.theta) == pytest.approx(2.0, rel=1e-6)


def test_a_jacobian_too_large_to_form_is_not_formed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the space of rows parameters have no units of their own then."""
    monkeypatch.setattr(sides, "LARGEST_FORMED", 3)
    start, weights = torch.tensor([-1.2, 1.0], dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    monkeypatch.setattr(ExplicitJacobian, "matrix", lambda self: pytest.fail("J was formed"))
    for space in ("rows", "parameters"):
        descent = Descent(start, space=space, scaled=True)
        descent.minimise(Plain(rosenbrock), weights, inner_tolerance=1e-14, max_steps=200)
        assert descent.theta.tolist() == pytest.approx([1.0, 1.0], abs=1e-8)
