"""Activations' derivatives against autograd."""

import pytest
import torch

from cnn_core.networks import ACTIVATIONS


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
