"""Optimizers against their formulas."""

import pytest
import torch
from torch import Tensor

from cnn_core.optimizers import OPTIMIZERS, Adam, Optimizer, Sgd

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
    assert {Adam().name: Adam, Sgd().name: Sgd} == OPTIMIZERS


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(-1.0), "learning_rate must not be negative, got -1.0"),
        (lambda: Adam(betas=(0.9, 1.0)), r"betas must lie in \[0, 1\), got \[0.9, 1.0\]"),
        (lambda: Adam(epsilon=0.0), "epsilon must be positive, got 0.0"),
        (lambda: Sgd(-1.0), "learning_rate must not be negative, got -1.0"),
        (lambda: Sgd(momentum=1.0), r"momentum must lie in \[0, 1\), got 1.0"),
    ],
)
def test_meaningless_settings_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
