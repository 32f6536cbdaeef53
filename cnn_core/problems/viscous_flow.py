"""Steady viscous flow without a pressure gradient, in three dimensions: four constraints at every point.

∇·u = 0 and (u·∇)u − μ∇²u = 0, where ((u·∇)u)_i = Σ_j u_j ∂_j u_i.

The exact family is the asymptotic suction profile (Schlichting, Boundary-Layer Theory, ch. XIV) over a plate at y = 0,

    u = (U (1 − e^(−Vy/μ)), −V, W (1 − e^(−Vy/μ))),   p = (U, V, W),

on [0, 1]³. The boundary layer is μ/V thick: rows are scaled by |p| V/μ (continuity) and V |p| V/μ (momentum). U, W ∈
[0.2, 2] and V ∈ [0.2, 1] are sensible ranges.
"""

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.problems.problem import Problem


def viscous_flow(viscosity: float = 0.2) -> Problem:
    """The suction profile's problem with dynamic viscosity μ (density 1). Raises ValueError unless μ > 0."""
    if viscosity <= 0:
        raise ValueError(f"viscosity must be positive, got {viscosity}")

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        advection = u.gradient @ u.value
        momentum = advection - viscosity * u.laplacian
        continuity = u.gradient.diagonal(dim1=-2, dim2=-1).sum(-1)
        return {"continuity": continuity} | {f"momentum_{axis}": momentum[i] for i, axis in enumerate("xyz")}

    def solution(x: Tensor, p: Tensor) -> Tensor:
        along, suction, across = p
        profile = 1 - torch.exp(-suction * x[1] / viscosity)
        return torch.stack([along * profile, -suction, across * profile])

    def scale(p: Tensor) -> dict[str, Tensor]:
        shear = p.norm() * p[1] / viscosity
        return {"continuity": shear} | {f"momentum_{axis}": p[1] * shear for axis in "xyz"}

    return Problem(
        name="viscous-flow",
        coordinates={axis: (0.0, 1.0) for axis in "xyz"},
        parameters=("u_infinity", "suction", "w_infinity"),
        outputs=("u", "v", "w"),
        residual=residual,
        solution=solution,
        scale=scale,
    )
