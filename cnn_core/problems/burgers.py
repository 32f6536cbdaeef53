"""Burgers' equation u_t + u u_x = ν u_xx on [−1, 1] × [0, 1], u(x, 0) = −sin πx, u(±1, t) = 0, without units.

A front builds up at x = 0, ν wide in comparison with u. The substitution of Cole and Hopf, u = −2ν φ_x / φ, makes of it
the heat equation, φ_t = ν φ_xx, so that with φ(y, 0) = f(y) = exp(−cos(πy) / (2πν)) and y = x − 2 √(νt) z,

    u(x, t) = −∫ sin(πy) f(y) e^(−z²) dz / ∫ f(y) e^(−z²) dz.

Both integrands are entire functions that decay like e^(−z²) once |z| is beyond ½ √(t/ν), where the exponents balance.
The trapezoidal rule converges geometrically on such; unlike Gauss and Hermite's it needs no weights that underflow.
Exponents are taken relative to the largest, so that any ν will do.

References: C. Basdevant et al., Spectral and finite difference solutions of the Burgers equation, Computers & Fluids
14, 1986; L. N. Trefethen, J. A. C. Weideman, The Exponentially Convergent Trapezoidal Rule, SIAM Review 56, 2014.
"""

import math

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.domains import Box
from cnn_core.problems.condition import Condition
from cnn_core.problems.problem import Problem

STEP, TAIL = 0.125, 7.0
"""Of the trapezoidal rule, in z: far below the narrowest width of an integrand, and where e^(−z²) is below rounding."""


def burgers(viscosity: float = 0.01 / math.pi) -> Problem:
    """Burgers' equation with the viscosity ν. Raises ValueError unless ν > 0."""
    if viscosity <= 0:
        raise ValueError(f"viscosity must be positive, got {viscosity}")
    count = math.ceil((TAIL + 0.5 / math.sqrt(viscosity)) / STEP)
    nodes = STEP * torch.arange(-count, count + 1, dtype=torch.float64)

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"burgers": u["t"][0] + u.value[0] * u["x"][0] - viscosity * u["xx"][0]}

    def solution(x: Tensor, p: Tensor) -> Tensor:
        z = nodes.to(x)
        angle = math.pi * (x[0] - 2 * torch.sqrt(viscosity * x[1]) * z)
        weights = torch.softmax(-angle.cos() / (2 * math.pi * viscosity) - z**2, dim=0)
        return -(weights * angle.sin()).sum(dim=0, keepdim=True)

    return Problem(
        name="burgers",
        coordinates=Box({"x": (-1.0, 1.0), "t": (0.0, 1.0)}, time="t"),
        parameters=(),
        outputs=("u",),
        residual=residual,
        solution=solution,
        conditions={
            "start": Condition("initial", lambda u, x, p: {"start": u.value[0] + (math.pi * x[0]).sin()}),
            "walls": Condition("boundary", lambda u, x, p: {"walls": u.value[0]}),
        },
    )
