"""A synthetic set of 1 to 100 linearly independent constraints, for measuring cost against their number.

Output j is a wave of its own, u_j(x) = A sin(2πνx + φ + j), and constraint j is Helmholtz's equation for it. The
outputs have separate weights in the network's last layer, so the constraints' gradients are independent.
"""

import math

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.problems.problem import Problem

MOST_CONSTRAINTS = 100


def synthetic(constraints: int = 10) -> Problem:
    """`constraints` Helmholtz equations on as many outputs. Raises ValueError outside 1 … 100."""
    if not 1 <= constraints <= MOST_CONSTRAINTS:
        raise ValueError(f"constraints must be between 1 and {MOST_CONSTRAINTS}, got {constraints}")
    names = tuple(f"helmholtz_{index}" for index in range(constraints))

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        rows = u.laplacian + (2 * math.pi * p[1]) ** 2 * u.value
        return {name: rows[index] for index, name in enumerate(names)}

    def solution(x: Tensor, p: Tensor) -> Tensor:
        amplitude, frequency, phase = p
        shifts = torch.arange(constraints, dtype=x.dtype, device=x.device)
        return amplitude * torch.sin(2 * math.pi * frequency * x + phase + shifts)

    return Problem(
        name="synthetic",
        coordinates={"x": (-1.0, 1.0)},
        parameters=("amplitude", "frequency", "phase"),
        outputs=tuple(f"u_{index}" for index in range(constraints)),
        residual=residual,
        solution=solution,
        scale=lambda p: dict.fromkeys(names, (2 * math.pi * p[1]) ** 2),
    )
