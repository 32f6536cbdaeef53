"""The heat equation in a rod whose ends are kept cold: u_t = D u_xx on [0, 1]², u(x, 0) = sin πx, u = 0 at x = 0, 1.

Solved by u = e^(−Dπ²t) sin πx, a family in p = (diffusivity D,). Lengths are in units of the rod's, times in units of
the duration T = 1, D in units of length²/T. The equation's row has the scale 1/T + Dπ², the size of its operator on a
sine, which no D makes vanish: D may be unknown.

Reference: L. C. Evans, Partial Differential Equations, AMS 2010, ch. 2.3; with D = 1/4, F. Dangel, J. Müller,
M. Zeinhofer, Kronecker-Factored Approximate Curvature for PINNs, NeurIPS 2024.
"""

import math

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.domains import Box
from cnn_core.problems.condition import Condition
from cnn_core.problems.problem import Problem


def heat() -> Problem:
    """The heat equation for any diffusivity, on one dimension and time."""

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"heat": u["t"][0] - p[0] * u["xx"][0]}

    def solution(x: Tensor, p: Tensor) -> Tensor:
        return torch.exp(-p[0] * math.pi**2 * x[1:]) * (math.pi * x[:1]).sin()

    return Problem(
        name="heat",
        coordinates=Box({"x": (0.0, 1.0), "t": (0.0, 1.0)}, time="t"),
        parameters=("diffusivity",),
        outputs=("u",),
        residual=residual,
        solution=solution,
        scale=lambda p: {"heat": 1 + math.pi**2 * p[0]},
        conditions={
            "start": Condition("initial", lambda u, x, p: {"start": u.value[0] - (math.pi * x[0]).sin()}),
            "walls": Condition("boundary", lambda u, x, p: {"walls": u.value[0]}),
        },
    )
