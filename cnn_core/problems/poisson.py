"""Poisson's equation −Δu = f with a manufactured solution, on a unit cube and on a unit square with a round hole.

* `sine`: u* = Π sin πx_i, so that f = D π² u*, and u = 0 on the walls.
* `cosine`: u* = Σ cos πx_i, so that f = π² u*, and the walls have its values.

The square with a hole has the sine's values on the outer walls and its normal derivative ∂u/∂n = n · ∇u* on the hole.
x and u have no units; the equation's row has the scale of f, so that scaled rows are as large as u.

Reference: J. Müller, M. Zeinhofer, Achieving High Accuracy with PINNs via Energy Natural Gradient Descent, ICML 2023
(sine, D = 2, and cosine, D = 5).
"""

import math
from typing import Literal

from torch import Tensor
from torch.func import jacfwd

from cnn_core.derivatives import Field
from cnn_core.domains import Ball, Box, Without
from cnn_core.problems.condition import Condition
from cnn_core.problems.problem import Problem

CENTRE = 0.5


def poisson(dimensions: int = 2, solution: Literal["sine", "cosine"] = "sine") -> Problem:
    """−Δu = f on [0, 1]^D, with u given on the walls. Raises ValueError unless there is a dimension."""
    if dimensions < 1:
        raise ValueError(f"dimensions must be at least 1, got {dimensions}")
    exact = _sine if solution == "sine" else _cosine
    square = math.pi**2 * (dimensions if solution == "sine" else 1)
    size = math.pi**2 * dimensions
    axes = "xyz"[:dimensions] if dimensions <= 3 else [f"x{axis + 1}" for axis in range(dimensions)]

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"poisson": u.laplacian[0] + square * exact(x, p)[0]}

    return Problem(
        name="poisson",
        coordinates=Box(dict.fromkeys(axes, (0.0, 1.0))),
        parameters=(),
        outputs=("u",),
        residual=residual,
        solution=exact,
        scale=lambda p: {"poisson": size},
        conditions={"walls": Condition("boundary", lambda u, x, p: {"walls": u.value[0] - exact(x, p)[0]})},
    )


def poisson_hole(radius: float = 0.25) -> Problem:
    """The sine on [0, 1]² without a disc in its middle: u = 0 outside, the flux given on the hole.

    Raises ValueError unless 0 < radius < 1/2.
    """
    if not 0 < radius < CENTRE:
        raise ValueError(f"radius must be between 0 and {CENTRE}, got {radius}")

    def flux(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"flux": (u.gradient[0] - jacfwd(_sine)(x, p)[0]) @ u.normal}

    return Problem(
        name="poisson-hole",
        coordinates=Without(Box({"x": (0.0, 1.0), "y": (0.0, 1.0)}), Ball({"x": CENTRE, "y": CENTRE}, radius)),
        parameters=(),
        outputs=("u",),
        residual=lambda u, x, p: {"poisson": u.laplacian[0] + 2 * math.pi**2 * _sine(x, p)[0]},
        solution=_sine,
        scale=lambda p: {"poisson": 2 * math.pi**2},
        conditions={
            "walls": Condition("outer", lambda u, x, p: {"walls": u.value[0]}),
            "flux": Condition("hole", flux, scale=lambda p: {"flux": math.pi}),
        },
    )


def _sine(x: Tensor, p: Tensor) -> Tensor:
    return (math.pi * x).sin().prod(dim=-1, keepdim=True)


def _cosine(x: Tensor, p: Tensor) -> Tensor:
    return (math.pi * x).cos().sum(dim=-1, keepdim=True)
