"""Optimizers against their formulas."""

import math

import pytest
import torch
from torch import Tensor

from cnn_core.optimizers import OPTIMIZERS, Adam, AdamLbfgs, Lbfgs, Optimizer, Sgd, Soap, searches_at

GRADIENTS = [torch.tensor(values, dtype=torch.float64) for values in ([1.0, -2.0], [0.5, 3.0], [-1.0, 0.1])]


def walk(optimizer: Optimizer) -> Tensor:
    theta = torch.tensor([1.0, 1.0], dtype=torch.float64).requires_grad_()
    stepper = optimizer.build(theta)
    for gradient in GRADIENTS:
        theta.grad = gradient.clone()
        stepper.step()
    return theta.detach()


def test_gradient_descent() -> None:
    expected = 1.0 - 0.1 * torch.stack(GRADIENTS).sum(dim=0)
    assert torch.allclose(walk(Sgd(0.1)), expected, rtol=1e-15)


def test_heavy_ball() -> None:
    theta, velocity = torch.ones(2).double(), torch.zeros(2).double()
    for gradient in GRADIENTS:
        velocity = 0.9 * velocity + gradient
        theta = theta - 0.1 * velocity
    assert torch.allclose(walk(Sgd(0.1, momentum=0.9)), theta, rtol=1e-15)


def test_adam() -> None:
    theta, mean, square = (torch.full((2,), value, dtype=torch.float64) for value in (1.0, 0.0, 0.0))
    for count, gradient in enumerate(GRADIENTS, 1):
        mean = 0.8 * mean + 0.2 * gradient
        square = 0.95 * square + 0.05 * gradient**2
        theta = theta - 0.1 * (mean / (1 - 0.8**count)) / ((square / (1 - 0.95**count)).sqrt() + 1e-6)
    assert torch.allclose(walk(Adam(0.1, betas=(0.8, 0.95), epsilon=1e-6)), theta, rtol=1e-13)


def test_defaults_and_registry() -> None:
    assert (Adam().learning_rate, Adam().betas, Adam().epsilon) == (1e-3, (0.9, 0.999), 1e-8)
    assert {kind().name: kind for kind in (Adam, Sgd, Soap, Lbfgs, AdamLbfgs)} == OPTIMIZERS


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(-1.0), "learning_rate must not be negative, got -1.0"),
        (lambda: Adam(betas=(0.9, 1.0)), r"betas must lie in \[0, 1\), got \[0.9, 1.0\]"),
        (lambda: Adam(epsilon=0.0), "epsilon must be positive, got 0.0"),
        (lambda: Soap(-1.0), "learning_rate must not be negative, got -1.0"),
        (lambda: Soap(refresh_interval=0), "refresh_interval must be at least 1, got 0"),
        (lambda: AdamLbfgs(-1.0), "learning_rate must not be negative, got -1.0"),
        (lambda: AdamLbfgs(switch=-1.0), "switch must be 0 or more epochs, got -1.0"),
        (lambda: AdamLbfgs(history=0), "max_iterations and history must be at least 1, got 20 and 0"),
        (lambda: Sgd(-1.0), "learning_rate must not be negative, got -1.0"),
        (lambda: Sgd(momentum=1.0), r"momentum must lie in \[0, 1\), got 1.0"),
    ],
)
def test_meaningless_settings_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


SHAPES = [torch.Size([3, 2]), torch.Size([2])]


def by_hand(optimizer: Soap, theta: Tensor, gradients: list[Tensor]) -> Tensor:
    """SOAP of the matrix G (3, 2), in the eigenbases of G Gᵀ and Gᵀ G of its first step, and Adam of a vector."""
    (fade, fade_square), rate = optimizer.betas, float(optimizer.learning_rate)  # type: ignore[arg-type]
    first = gradients[0][:6].view(3, 2)
    left, right = (torch.linalg.eigh(factor)[1].flip(1) for factor in (first @ first.T, first.T @ first))
    matrix, vector = theta[:6].view(3, 2).clone(), theta[6:].clone()
    mean, square, mean_v, square_v = (torch.zeros_like(one) for one in (matrix, matrix, vector, vector))
    for count, gradient in enumerate(gradients[1:], 1):
        rise = rate * (1 - fade_square**count) ** 0.5 / (1 - fade**count)
        own, rest = gradient[:6].view(3, 2), gradient[6:]
        mean, mean_v = fade * mean + (1 - fade) * own, fade * mean_v + (1 - fade) * rest
        square = fade_square * square + (1 - fade_square) * (left.T @ own @ right).square()
        square_v = fade_square * square_v + (1 - fade_square) * rest.square()
        matrix -= rise * left @ ((left.T @ mean @ right) / (square.sqrt() + 1e-8)) @ right.T
        vector -= rise * mean_v / (square_v.sqrt() + 1e-8)
    return torch.cat([matrix.flatten(), vector])


def test_soap_acts_on_the_tensors_that_theta_is_made_of() -> None:
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(8, generator=generator).double() for _ in range(5)]
    start = torch.randn(8, generator=generator).double()
    theta, optimizer = start.clone().requires_grad_(), Soap(0.1, betas=(0.8, 0.9))
    stepper = optimizer.build(theta, SHAPES)
    for gradient in gradients:
        theta.grad = gradient.clone()
        stepper.step()
    torch.testing.assert_close(theta.detach(), by_hand(optimizer, start, gradients), rtol=1e-6, atol=1e-8)


def test_soap_moves_what_stands_behind_the_tensors_of_theta() -> None:
    theta = torch.ones(8, dtype=torch.float64).requires_grad_()
    stepper = Soap(0.1).build(theta, SHAPES[:1])
    for _ in range(2):
        theta.grad = torch.ones_like(theta)
        stepper.step()
    assert float(theta.detach().max()) < 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e200])
def test_a_step_of_soap_that_is_not_finite_makes_theta_so(bad: float) -> None:
    theta = torch.ones(8, dtype=torch.float64).requires_grad_()
    stepper = Soap().build(theta, SHAPES)
    theta.grad = torch.full((8,), bad, dtype=torch.float64)
    stepper.step()
    assert not torch.isfinite(theta).all()


@pytest.mark.parametrize("kind", [Soap, Lbfgs, AdamLbfgs], ids=lambda kind: kind().name)
def test_some_have_no_metric_to_give(kind: type[Soap | Lbfgs | AdamLbfgs]) -> None:
    message = f"{kind().name} has no diagonal metric; use the metric of adam, or the identity"
    with pytest.raises(ValueError, match=message):
        kind().precondition(GRADIENTS[0], {})


def test_when_an_optimizer_searches() -> None:
    assert [searches_at(AdamLbfgs(switch=2.5), epoch) for epoch in (0.0, 2.4, 2.5, 9.0)] == [False, False, True, True]
    assert searches_at(Lbfgs(), 0.0)
    assert not searches_at(Adam(), 100.0)
