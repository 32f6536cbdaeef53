"""Where a solver starts from random parameters: with first layers that see what the problem asks for.

A fresh network is smooth: the features of its first layer hardly change over the domain. Where a solution has several
waves, no combination of them comes near, J has almost no part in the directions that matter, and Levenberg–Marquardt
rests at u = 0 for up to a hundred steps while the first layer's weights creep up. How far they should reach is told by
J itself: of θ with the first layer times 1, 2, 4, 8, 16 the best is that from which a step, damped alike, would leave
least of the residual *off the points* if it were linear,

    min over gains of |F' + J' x|²,        x = argmin |F + J x|² + a |x|²,

with F and J at the points, F' and J' at others: features that change within the distance of two points fit anything at
the points and nothing between them. Each costs about as much as two steps.
"""

import math

from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.linear_algebra.least_squares import Descent
from cnn_core.networks.layered import LayeredNetwork
from cnn_core.solvers.rows import Rows

GAINS = (1.0, 2.0, 4.0, 8.0, 16.0)

DAMPING = 1e-5
"""a relative to the mean square of J's columns."""


def reaching_start(model: ConstrainedNetwork, descent: Descent, rows: Rows, off: Rows) -> Tensor:
    """The θ (P,) of `descent` with its first layer as large as serves `rows`, judged at `off`, the same rows elsewhere.

    Networks that are not of ours stay as they are.
    """
    if not model.layered:
        return descent.theta
    starts = [_scaled(model, descent.theta, gain) for gain in GAINS]
    left = [_left_over(descent.begun_at(start), rows, off) for start in starts]
    return starts[left.index(min(left))]


def _scaled(model: ConstrainedNetwork, theta: Tensor, gain: float) -> Tensor:
    parameters = model.layout.unflatten(theta)
    first = {name: gain * parameters[name] for name in LayeredNetwork.FIRST if name in parameters}
    return model.layout.flatten({**parameters, **first})


def _left_over(descent: Descent, rows: Rows, off: Rows) -> float:
    """What a step would leave of |F'|² if F and F' were linear; infinite where F is not finite."""
    weights = rows.weights(1.0)
    at, side = descent.linearised(rows, weights)
    step, _ = side.damped(DAMPING * side.square / len(descent.theta)).shortest(weights * rows.select(at.quantities))
    elsewhere = off.linearise(descent.theta)
    values = off.weights(1.0) * (off.select(elsewhere.quantities) + elsewhere.jacobian.times(step))
    left = float(values.square().sum())
    return left if left >= 0 else math.inf
