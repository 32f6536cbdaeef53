"""The data loss f: the mean over the points of ℓ = mean over the outputs of (u_θ − u)².

Axis names: N points, O outputs.
"""

from torch import Tensor


def data_loss(prediction: Tensor, u: Tensor) -> Tensor:
    """f, a scalar, for predictions and data (N, O)."""
    return point_losses(prediction, u).mean()


def point_losses(prediction: Tensor, u: Tensor) -> Tensor:
    """ℓ of every point: (…, O) and (…, O) → (…)."""
    return (prediction - u).square().mean(dim=-1)


def point_loss_slopes(prediction: Tensor, u: Tensor) -> Tensor:
    """∂ℓ/∂u_θ of every point, (…, O)."""
    return (2 / u.shape[-1]) * (prediction - u)
