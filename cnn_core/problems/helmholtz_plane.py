"""Helmholtz's equation in the plane: Δu + k² u = f on [−1, 1]², u = 0 on the walls, without units.

f belongs to u* = sin a₁πx sin a₂πy. The row has the scale π²(a₁² + a₂²) + k², so that scaled rows are as large as u.

Reference: S. Wang, Y. Teng, P. Perdikaris, Understanding and Mitigating Gradient Flow Pathologies in PINNs, SIAM J.
Sci. Comput. 43, 2021 (a = (1, 4), k = 1).
"""

import math

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.domains import Box
from cnn_core.problems.condition import Condition
from cnn_core.problems.problem import Problem


def helmholtz_2d(a1: int = 1, a2: int = 4, wavenumber: float = 1.0) -> Problem:
    """Helmholtz's equation for a₁ and a₂ half waves along x and y. Raises ValueError unless there are some."""
    if min(a1, a2) < 1:
        raise ValueError(f"a1 and a2 must be at least 1, got {a1} and {a2}")
    size = math.pi**2 * (a1**2 + a2**2)

    def solution(x: Tensor, p: Tensor) -> Tensor:
        return torch.sin(a1 * math.pi * x[:1]) * torch.sin(a2 * math.pi * x[1:])

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"helmholtz": u.laplacian[0] + wavenumber**2 * u.value[0] - (wavenumber**2 - size) * solution(x, p)[0]}

    return Problem(
        name="helmholtz-2d",
        coordinates=Box({"x": (-1.0, 1.0), "y": (-1.0, 1.0)}),
        parameters=(),
        outputs=("u",),
        residual=residual,
        solution=solution,
        scale=lambda p: {"helmholtz": size + wavenumber**2},
        conditions={"walls": Condition("boundary", lambda u, x, p: {"walls": u.value[0]})},
    )
