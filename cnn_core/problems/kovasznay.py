"""Kovasznay's flow behind a grid: the steady Navier–Stokes equations in the plane, for u, v and the pressure p.

    u u_x + v u_y + p_x − Δu/Re = 0,   u v_x + v v_y + p_y − Δv/Re = 0,   u_x + v_y = 0

on [−½, 1] × [−½, 1½], with all three given on the walls. With λ = Re/2 − √(Re²/4 + 4π²) they are solved by

    u = 1 − e^(λx) cos 2πy,   v = λ/(2π) e^(λx) sin 2πy,   p = ½ (1 − e^(2λx)).

Lengths are in units of the grid's spacing L, velocities of the mean one U, the pressure of ρU²; Re = UL/ν.

Reference: L. I. G. Kovasznay, Laminar flow behind a two-dimensional grid, Proc. Cambridge Phil. Soc. 44, 1948.
"""

import math

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.domains import Box
from cnn_core.problems.condition import Condition
from cnn_core.problems.problem import Problem


def kovasznay(reynolds: float = 40.0) -> Problem:
    """Kovasznay's flow of a Reynolds number Re. Raises ValueError unless Re > 0."""
    if reynolds <= 0:
        raise ValueError(f"reynolds must be positive, got {reynolds}")
    decay = reynolds / 2 - math.sqrt(reynolds**2 / 4 + 4 * math.pi**2)

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        velocity, along, across = u.value[:2], u["x"], u["y"]
        inertia = velocity[0] * along[:2] + velocity[1] * across[:2]
        momentum = inertia + torch.stack([along[2], across[2]]) - (u["xx"] + u["yy"])[:2] / reynolds
        return {"momentum_x": momentum[0], "momentum_y": momentum[1], "continuity": along[0] + across[1]}

    def solution(x: Tensor, p: Tensor) -> Tensor:
        profile, angle = torch.exp(decay * x[0]), 2 * math.pi * x[1]
        across = decay / (2 * math.pi) * profile * angle.sin()
        return torch.stack([1 - profile * angle.cos(), across, 0.5 * (1 - profile**2)])

    def walls(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return dict(zip(("u", "v", "p"), u.value - solution(x, p), strict=True))

    return Problem(
        name="kovasznay",
        coordinates=Box({"x": (-0.5, 1.0), "y": (-0.5, 1.5)}),
        parameters=(),
        outputs=("u", "v", "p"),
        residual=residual,
        solution=solution,
        conditions={"walls": Condition("boundary", walls)},
    )
