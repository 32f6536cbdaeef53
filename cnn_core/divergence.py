"""Why a training diverged: the first residual that is not finite, or whose derivative in θ is not, and where."""

from dataclasses import replace

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import measure
from cnn_core.problems import PointSet

UNEXPLAINED = "the step is not finite, though residuals and their derivatives are; lower the learning rate, or gain"


def cause(model: ConstrainedNetwork, theta: Tensor, points: PointSet) -> str | None:
    """Why no step from θ (P,) with these points is finite: one clause, such as `the residual 'r' is nan at x = …`."""
    if not model.problem.constraints:
        return None
    return not_finite(model, theta, points) or _steep(
        replace(model, compile=False), theta.detach().requires_grad_(), points
    )


def not_finite(
    model: ConstrainedNetwork, theta: Tensor, points: PointSet, *, shown: PointSet | None = None
) -> str | None:
    """`the residual 'r' is nan at x = …, p = …`: the first that is not finite at θ (P,); None if all are.

    `shown` are the same points as they are told, in another precision.
    """
    if not len(points):
        return None
    residuals = measure(model, theta, points).residuals
    wrong = (~torch.isfinite(residuals)).nonzero()
    if not len(wrong):
        return None
    point, index = wrong[0].tolist()
    name, value, told = model.problem.constraints[index], float(residuals[point, index]), shown or points
    return f"the residual {name!r} is {value}{at(told.x[point], told.p[point])}"


def at(x: Tensor | None, p: Tensor | None) -> str:
    """` at x = [0.5], p = [2.0]` for a point x (D,) and its parameters p (K,); what is None or empty is left out."""
    named = [f"{name} = {value.tolist()}" for name, value in (("x", x), ("p", p)) if value is not None and len(value)]
    return f" at {', '.join(named)}" if named else ""


def _steep(model: ConstrainedNetwork, theta: Tensor, points: PointSet) -> str | None:
    """Halves the points for as long as the derivative of their residuals' sum is not finite."""
    first, last = 0, len(points)
    if _finite_slope(model, theta, points, first, last):
        return None
    while last - first > 1:
        middle = (first + last) // 2
        if _finite_slope(model, theta, points, first, middle):
            first = middle
        else:
            last = middle
    return f"the derivative in θ of the residuals is not finite{at(points.x[first], points.p[first])}"


def _finite_slope(model: ConstrainedNetwork, theta: Tensor, points: PointSet, first: int, last: int) -> bool:
    slope = model.gradient(theta, points.x[first:last], points.p[first:last], _sum_of_residuals).gradient
    return bool(torch.isfinite(slope).all())


def _sum_of_residuals(prediction: Tensor, residuals: Tensor) -> Tensor:
    return residuals.sum() + 0 * prediction.sum()
