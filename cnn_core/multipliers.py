"""Lagrange multipliers: the solution of (J Jᵀ + δ·s·I) λ = b with s = trace(J Jᵀ)/m.

A constraint's gradient may vanish or repeat, and the Gram matrix G = J Jᵀ of many nearby points is nearly singular, so a
plain Cholesky factorisation fails. The damping δ is relative to the mean diagonal s, which makes it independent of the
constraints' units. It is what the caller asks for where that works; otherwise the least that works, and the result says so.
The solve is in float64 whatever the network's precision.

Reference: Jergensen 2019, Constrained Neural Nets Workbook, for λ; Nocedal & Wright 2006, §18.1, for the linear algebra.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

DAMPING_GROWTH = 10.0


class SolveStatus(StrEnum):
    """What became of a multiplier solve."""

    SOLVED = "solved"
    DAMPED = "damped"  # G was too ill-conditioned for the damping asked for
    ZERO = "zero"  # G vanished (no constraint depends on θ): λ = 0
    NOT_FINITE = "not finite"  # G or b held inf or NaN: λ = 0


@dataclass(frozen=True)
class Multipliers:
    """λ (m,) in the dtype of b, with the relative damping used and an estimate of the damped matrix's condition number.

    `condition` is the square of the largest over the smallest diagonal entry of the Cholesky factor: a lower bound.
    """

    values: Tensor
    damping: float
    condition: float
    status: SolveStatus

    def capped(self, cap: float | None) -> "Multipliers":
        """These multipliers, scaled down together so that none exceeds `cap` in size."""
        largest = float(self.values.abs().max())
        if cap is None or largest <= cap:
            return self
        return replace(self, values=self.values * (cap / largest))


def solve_multipliers(gram: Tensor, right_side: Tensor, *, damping: float = 0.0) -> Multipliers:
    """Solve (G + δ·s·I) λ = b for G (m, m) and b (m,).

    δ is `damping` where the factorisation then holds at least some digits in the precision that G came in, and is raised by
    factors of ten until it does. Never raises on singular or non-finite input: see `SolveStatus`.
    """
    noise = gram.shape[0] * torch.finfo(gram.dtype).eps
    matrix, b = gram.double(), right_side.double()
    scale = float(matrix.diagonal().mean())
    zero = torch.zeros_like(right_side)
    if not (math.isfinite(scale) and torch.isfinite(b).all()):
        return Multipliers(zero, damping, math.inf, SolveStatus.NOT_FINITE)
    if scale <= 0:
        return Multipliers(zero, damping, math.inf, SolveStatus.ZERO)
    used = damping
    while True:
        factor, condition = _factorise(matrix, used * scale)
        if factor is not None and condition * noise < 1:
            values = torch.cholesky_solve(b[:, None], factor)[:, 0]
            values = values + _refinement(matrix, used * scale, factor, b, values)
            status = SolveStatus.SOLVED if used == damping else SolveStatus.DAMPED
            return Multipliers(values.to(right_side.dtype), used, condition, status)
        if used > 1 / noise:
            return Multipliers(zero, used, math.inf, SolveStatus.NOT_FINITE)
        used = max(used * DAMPING_GROWTH, noise)


def _factorise(matrix: Tensor, shift: float) -> tuple[Tensor | None, float]:
    shifted = matrix + shift * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    factor, info = torch.linalg.cholesky_ex(shifted)
    if int(info) != 0:
        return None, math.inf
    diagonal = factor.diagonal()
    return factor, float((diagonal.max() / diagonal.min()).square())


def _refinement(matrix: Tensor, shift: float, factor: Tensor, b: Tensor, values: Tensor) -> Tensor:
    """One step of iterative refinement; it removes most of the rounding error of the first solve."""
    residual = b - matrix @ values - shift * values
    return torch.cholesky_solve(residual[:, None], factor)[:, 0]
