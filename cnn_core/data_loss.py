"""The objective f: the mean over the points of ℓ, the mean over the outputs of (u_θ − u)². Residuals that are
objectives add their squares to it.

Where observations have gaps, or deviations of their own, each has a weight; the weights of a whole data set have the
mean 1, and that of a gap is 0.

Axis names: N points, O outputs, C residuals.
"""

from torch import Tensor


def data_loss(prediction: Tensor, u: Tensor, weight: Tensor | None = None) -> Tensor:
    """The data's part of f, a scalar, for predictions, data and weights (N, O)."""
    return point_losses(prediction, u, weight).mean()


def point_losses(prediction: Tensor, u: Tensor, weight: Tensor | None = None) -> Tensor:
    """ℓ of every point: (…, O) three times → (…)."""
    squares = (prediction - u).square()
    return (squares if weight is None else weight * squares).mean(dim=-1)


def point_loss_slopes(prediction: Tensor, u: Tensor, weight: Tensor | None = None) -> Tensor:
    """∂ℓ/∂u_θ of every point, (…, O)."""
    slopes = (2 / u.shape[-1]) * (prediction - u)
    return slopes if weight is None else weight * slopes


def point_objectives(
    prediction: Tensor, residuals: Tensor, u: Tensor | None, weight: Tensor | None, shares: Tensor | None
) -> Tensor:
    """What each point adds to f, (…): its data, where it has u (…, O), and those of its residuals (…, C) that have
    shares (A,), which are the last.
    """
    data = prediction.new_zeros(prediction.shape[:-1]) if u is None else point_losses(prediction, u, weight)
    if shares is None:
        return data
    return data + weighted_squares(residuals[..., residuals.shape[-1] - len(shares) :], shares)


def weighted_squares(residuals: Tensor, shares: Tensor) -> Tensor:
    """What residuals (…, C) with these shares (C,) in f add to the ℓ of every point: (…)."""
    return (residuals.square() * shares).sum(dim=-1)
