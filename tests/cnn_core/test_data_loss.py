"""The data loss and its slopes."""

import torch

from cnn_core.data_loss import data_loss, point_loss_slopes, point_losses, weighted_squares
from tests.cnn_core.cases import relative


def test_point_losses_are_means_over_the_outputs() -> None:
    prediction = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    assert point_losses(prediction, torch.tensor([[0.0, 0.0], [3.0, 4.0]])).tolist() == [2.5, 12.5]


def test_slopes_against_autograd() -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, u = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    leaf = prediction.requires_grad_()
    (expected,) = torch.autograd.grad(point_losses(leaf, u).sum(), leaf)
    assert relative(point_loss_slopes(prediction, u), expected) < 1e-15
    (of_mean,) = torch.autograd.grad(data_loss(leaf, u), leaf)
    assert relative(of_mean, expected / 5) < 1e-15


def test_gaps_do_not_pull_and_weights_of_one_change_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, u, weight = torch.rand(3, 5, 3, generator=generator, dtype=torch.float64)
    weight[1, 2] = 0.0
    leaf = prediction.requires_grad_()
    (expected,) = torch.autograd.grad(point_losses(leaf, u, weight).sum(), leaf)
    assert relative(point_loss_slopes(prediction, u, weight), expected) < 1e-15
    assert expected[1, 2] == 0
    by_hand = (weight * (prediction - u).square()).sum() / 15
    assert torch.allclose(data_loss(prediction, u, weight), by_hand, rtol=1e-14)
    assert torch.equal(data_loss(prediction, u, torch.ones_like(u)), data_loss(prediction, u))


def test_residuals_as_objectives_are_weighed_by_their_shares() -> None:
    residuals = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert weighted_squares(residuals, torch.tensor([0.5, 0.25])).tolist() == [1.5, 8.5]
