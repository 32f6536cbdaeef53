"""Lagrange multipliers: the solution of (J Jᵀ + δ·s·I) λ = b with s = trace(J Jᵀ)/m.

A constraint's gradient may vanish or repeat, and the Gram matrix G = J Jᵀ of many nearby points is nearly singular, so
a plain Cholesky factorisation fails. The damping δ is relative to the mean diagonal s, so that it has no units. It is
what the caller asks for where that works; otherwise the least that works, and the result says so. The solve is in
float64 whatever the network's precision.

λ itself may be large and cancel in Jᵀλ, and G has the square of J's condition number. A direction d + Jᵀλ is therefore
exact only after its own error has been solved for as well, with the factor at hand: see `cnn_core.methods.correction`.

References: Jergensen 2019, Constrained Neural Nets Workbook, for λ; Nocedal & Wright 2006, §18.1, for the linear
algebra; Higham 2002, Accuracy and Stability of Numerical Algorithms, ch. 10, for the rounding errors of the pivots.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

DAMPING_GROWTH = 10.0

ROUNDING_ERRORS = 100
"""A pivot below this many rounding errors (or m of them, if that is more) of its own diagonal entry counts as zero."""


class SolveStatus(StrEnum):
    """What became of a multiplier solve."""

    SOLVED = "solved"
    DAMPED = "damped"  # G was too ill-conditioned for the damping asked for
    ZERO = "zero"  # G vanished (no constraint depends on θ): λ = 0
    NOT_FINITE = "not finite"  # G, b or λ held inf or NaN: λ = 0


@dataclass(frozen=True)
class Multipliers:
    """λ (m,) in the dtype of b, with the relative damping used and an estimate of the damped matrix's condition number.

    `condition` is the largest ratio of a diagonal entry to its pivot: a lower bound of the condition number that the
    matrix has with its rows and columns scaled to a unit diagonal. The constraints' units have no say in it.
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


@dataclass(frozen=True)
class Factorisation:
    """G + δ·s·I = L Lᵀ with the lower triangle L (m, m), or None where there was nothing to factorise."""

    factor: Tensor | None
    damping: float
    condition: float
    status: SolveStatus

    def solve(self, right_side: Tensor) -> Multipliers:
        """λ for b (m,). λ is zero where G could not be factorised or λ would not be finite."""
        zero = torch.zeros_like(right_side)
        if self.factor is None:
            return Multipliers(zero, self.damping, self.condition, self.status)
        values = torch.cholesky_solve(right_side.double()[:, None], self.factor)[:, 0].to(right_side.dtype)
        if not torch.isfinite(values).all():
            return Multipliers(zero, self.damping, self.condition, SolveStatus.NOT_FINITE)
        return Multipliers(values, self.damping, self.condition, self.status)


def solve_multipliers(gram: Tensor, right_side: Tensor, *, damping: float = 0.0) -> Multipliers:
    """Solve (G + δ·s·I) λ = b for G (m, m) and b (m,); see `factorise` for δ. Never raises: see `SolveStatus`."""
    return factorise(gram, damping=damping).solve(right_side)


def factorise(gram: Tensor, *, damping: float = 0.0) -> Factorisation:
    """Factorise G + δ·s·I for G (m, m).

    δ is `damping` where every pivot then stands clear of the rounding errors of the precision that G came in, and is
    raised by factors of ten until it does.
    """
    noise = max(len(gram), ROUNDING_ERRORS) * torch.finfo(gram.dtype).eps
    matrix = gram.double()
    scale = float(matrix.diagonal().mean())
    if not math.isfinite(scale):
        return Factorisation(None, damping, math.inf, SolveStatus.NOT_FINITE)
    if scale <= 0:
        return Factorisation(None, damping, math.inf, SolveStatus.ZERO)
    used = damping
    while used <= max(damping, 1 / noise):
        factor, condition = _cholesky(matrix, used * scale)
        if condition * noise < 1:
            return Factorisation(factor, used, condition, SolveStatus.SOLVED if used == damping else SolveStatus.DAMPED)
        used = max(used * DAMPING_GROWTH, noise)
    return Factorisation(None, used, math.inf, SolveStatus.NOT_FINITE)


def _cholesky(matrix: Tensor, shift: float) -> tuple[Tensor, float]:
    shifted = matrix + shift * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    factor, info = torch.linalg.cholesky_ex(shifted)
    if int(info) != 0:
        return factor, math.inf
    return factor, float((shifted.diagonal() / factor.diagonal().square()).max())
