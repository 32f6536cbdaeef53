"""Lagrange multipliers: the solution of (J Jᵀ + δ·s·I) λ = b with s = trace(J Jᵀ)/m.

A constraint's gradient may vanish or repeat, and the Gram matrix G = J Jᵀ of many nearby points is nearly singular, so
a plain Cholesky factorisation fails. The damping δ is relative to the mean diagonal s, so that it has no units. It is
what the caller asks for where that works; otherwise the least that works, and the result says so. λ has the accuracy
of a solve in float64 whatever the network's precision: a large float32 G is factorised as it is, at half the cost, and
what that leaves over in λ is solved for again with residuals in float64 (mixed-precision iterative refinement).

λ itself may be large and cancel in Jᵀλ, and G has the square of J's condition number. A direction d + Jᵀλ is therefore
exact only after its own error has been solved for as well, with the factor at hand: see `cnn_core.methods.correction`.

References: Jergensen 2019, Constrained Neural Nets Workbook, for λ; Nocedal & Wright 2006, §18.1, for the linear
algebra; Higham 2002, Accuracy and Stability of Numerical Algorithms, ch. 10 for the rounding errors of the pivots,
ch. 12 for iterative refinement.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import torch
from torch import Tensor

DAMPING_GROWTH = 10.0

ROUNDING_ERRORS = 100
"""A pivot below this many rounding errors (or m of them, if that is more) of its own diagonal entry counts as zero."""


LARGE = 256
"""Constraints from which on factorising in float32 pays for the refinement of λ."""

MOST_REFINEMENTS = 10
REFINED_TO = 1e-12
"""Refinement ends at this relative residual, or where it no longer halves it."""

WORTH_KEEPING = 1e-6
"""A refinement that ends above this relative residual gives way to a factorisation in float64."""


class SolveStatus(StrEnum):
    """What became of a multiplier solve."""

    SOLVED = "solved"
    DAMPED = "damped"  # G was too ill-conditioned for the damping asked for
    ZERO = "zero"  # G vanished (no constraint depends on θ): λ = 0
    NOT_FINITE = "not finite"  # G, b or λ held inf or NaN: λ = 0


@dataclass(frozen=True)
class Factorisation:
    """G + δ·s·I = `matrix` (m, m) = L Lᵀ, L the lower triangle `factor`, or None where there was nothing to factorise.

    `damping` is the δ used, `shift` = δ·s. `condition` is the largest ratio of a diagonal entry to its pivot: a lower
    bound of the condition number that the damped matrix has with its rows and columns scaled to a unit diagonal. The
    constraints' units have no say in it.
    """

    matrix: Tensor
    factor: Tensor | None
    damping: float
    shift: float
    condition: float
    status: SolveStatus
    alive: Tensor
    """Which constraints depend on θ at all (m,); the others' multipliers would change nothing, and are zero."""

    def solve(self, right_side: Tensor) -> "Multipliers":
        """λ for b (m,). λ is zero where G could not be factorised or λ would not be finite."""
        if self.factor is None:
            return Multipliers(torch.zeros_like(right_side), self, self.status)
        values = self._solved(right_side.double()).to(right_side.dtype) * self.alive
        if not torch.isfinite(values).all():
            return Multipliers(torch.zeros_like(right_side), self, SolveStatus.NOT_FINITE)
        return Multipliers(values, self, self.status)

    def _solved(self, right_side: Tensor) -> Tensor:
        assert self.factor is not None
        if self.factor.dtype == torch.float64:
            return _substituted(self.factor, right_side)
        size = float(right_side.norm())
        values, missing, length = torch.zeros_like(right_side), right_side, size
        for _ in range(MOST_REFINEMENTS):
            if length <= REFINED_TO * size:
                return values
            better = values + _substituted(self.factor, missing / length) * length
            missing = right_side - self.matrix @ better
            before, length = length, float(missing.norm())
            if not length < 0.5 * before:
                break
            values = better
        return values if before < WORTH_KEEPING * size else self._solved_in_float64(right_side)

    def _solved_in_float64(self, right_side: Tensor) -> Tensor:
        return _substituted(torch.linalg.cholesky_ex(self.matrix)[0], right_side)


def effective_rank(factor: Tensor | None, shift: float) -> float:
    """tr G (G + δ·s·I)⁻¹ for δ·s = `shift` and the lower triangle (m, m) of the damped matrix; 0 without one.

    It lies between 0 and m: the number of constraints that the damping leaves free. An eigenvalue of G counts as 1
    where it is large against δ·s, and as 0 where it is small. Costs about what the factorisation did.
    """
    if factor is None:
        return 0.0
    if shift == 0:
        return float(len(factor))
    return len(factor) - shift * float(torch.cholesky_inverse(factor).diagonal().double().sum())


def _substituted(factor: Tensor, right_side: Tensor) -> Tensor:
    return torch.cholesky_solve(right_side.to(factor.dtype)[:, None], factor)[:, 0].double()


@dataclass(frozen=True)
class Multipliers:
    """λ (m,) in the dtype of b, the factorisation that it comes from, and whether a cap held it back."""

    values: Tensor
    factorisation: Factorisation
    status: SolveStatus
    held_back: bool = False

    @property
    def damping(self) -> float:
        """The relative damping δ used."""
        return self.factorisation.damping

    @property
    def condition(self) -> float:
        """The condition estimate of G + δ·s·I; see `Factorisation`."""
        return self.factorisation.condition

    @property
    def exact(self) -> bool:
        """Whether λ solves the system itself, neither damped nor held back."""
        return self.damping == 0 and self.status is SolveStatus.SOLVED and not self.held_back

    def capped(self, cap: float | None) -> "Multipliers":
        """These multipliers, scaled down together so that none exceeds `cap` in size."""
        if cap is None:
            return self
        largest = float(self.values.abs().max())
        return self if largest <= cap else replace(self, values=self.values * (cap / largest), held_back=True)


def solve_multipliers(gram: Tensor, right_side: Tensor, *, damping: float = 0.0) -> Multipliers:
    """Solve (G + δ·s·I) λ = b for G (m, m) and b (m,); see `factorise` for δ. Never raises: see `SolveStatus`."""
    return factorise(gram, damping=damping).solve(right_side)


def factorise(gram: Tensor, *, damping: float = 0.0) -> Factorisation:
    """Factorise G + δ·s·I for G (m, m).

    δ is `damping` where every pivot then stands clear of the rounding errors of the precision that G came in. Until it
    does, δ is raised to ten times itself, but at least to these rounding errors.
    """
    alive = gram.diagonal() != 0
    noise = max(len(gram), ROUNDING_ERRORS) * torch.finfo(gram.dtype).eps
    matrix = gram.double()
    scale = float(matrix.diagonal().mean())
    if not math.isfinite(scale):
        return Factorisation(matrix, None, damping, 0.0, math.inf, SolveStatus.NOT_FINITE, alive)
    if scale <= 0:
        return Factorisation(matrix, None, damping, 0.0, math.inf, SolveStatus.ZERO, alive)
    factorised = matrix if len(gram) < LARGE else gram
    used = damping
    while used <= max(damping, 1 / noise):
        shifted = _shifted(factorised, used * scale)
        factor, failed = torch.linalg.cholesky_ex(shifted)
        condition = math.inf if int(failed) else float((shifted.diagonal() / factor.diagonal().square()).max())
        if condition * noise < 1:
            status = SolveStatus.SOLVED if used == damping else SolveStatus.DAMPED
            matrix = shifted if shifted.dtype == matrix.dtype else _shifted(matrix, used * scale)
            return Factorisation(matrix, factor, used, used * scale, condition, status, alive)
        used = max(used * DAMPING_GROWTH, noise)
    return Factorisation(matrix, None, used, 0.0, math.inf, SolveStatus.NOT_FINITE, alive)


def _shifted(matrix: Tensor, shift: float) -> Tensor:
    shifted = matrix.clone()
    shifted.diagonal().add_(shift)
    return shifted
