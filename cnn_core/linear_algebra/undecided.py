"""Lagrange multipliers as in `cnn_core.linear_algebra.factorisation`, where the host may not look at the numbers.

Of the dampings δ that a host would try one after the other, three are tried, always, and the first that works is taken:
the one that was asked for, the next one, and one at which pivots stand clear of the rounding errors by themselves,

    δ·s = 10 · noise · max diag G,     since every pivot of G + δ·s·I is δ·s at least.

Where that is more than a host would have found, λ is damped more than there. All is in float64: on a GPU that costs
less than to find out whether float32 would do. What the results say of themselves are tensors of one number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from cnn_core.decisions import stacked
from cnn_core.linear_algebra.factorisation import DAMPING_GROWTH, ROUNDING_ERRORS


@dataclass(frozen=True)
class UndecidedFactorisation:
    """G + δ·s·I = L Lᵀ with `factor` L (m, m); the identity where it is not `usable`. Fields as in `Factorisation`.

    `asked` is the damping that was asked for.
    """

    factor: Tensor
    damping: Tensor
    shift: Tensor
    condition: Tensor
    usable: Tensor
    alive: Tensor
    asked: float | Tensor

    def solve(self, right_side: Tensor) -> "UndecidedMultipliers":
        """λ for b (m,). λ is zero where G could not be factorised or λ would not be finite."""
        halfway = torch.linalg.solve_triangular(self.factor, right_side.double()[:, None], upper=False)
        values = torch.linalg.solve_triangular(self.factor.mT, halfway, upper=True)[:, 0]
        values = values.to(right_side.dtype) * self.alive
        solved = self.usable & torch.isfinite(values).all()
        return UndecidedMultipliers(torch.where(solved, values, 0.0), self, solved)


@dataclass(frozen=True)
class UndecidedMultipliers:
    """λ (m,), whether it was `solved` for, and whether a cap held it back."""

    values: Tensor
    factorisation: UndecidedFactorisation
    solved: Tensor
    held_back: Tensor | bool = False

    @property
    def exact(self) -> Tensor | bool:
        """Whether λ solves the system itself, neither damped nor held back; False where that is known beforehand."""
        asked = self.factorisation.asked
        if not isinstance(asked, Tensor) and asked != 0:
            return False
        exact = self.solved & (self.factorisation.damping == 0)
        return exact & ~self.held_back if isinstance(self.held_back, Tensor) else exact

    def capped(self, cap: float | None) -> "UndecidedMultipliers":
        """These multipliers, scaled down together so that none exceeds `cap` in size."""
        if cap is None:
            return self
        largest = self.values.abs().max()
        return replace(self, values=self.values * (cap / largest).clamp(max=1.0), held_back=largest > cap)


def factorise_undecided(gram: Tensor, *, damping: float | Tensor = 0.0) -> UndecidedFactorisation:
    """Factorise G + δ·s·I for G (m, m)."""
    noise = max(len(gram), ROUNDING_ERRORS) * torch.finfo(gram.dtype).eps
    matrix = gram.double()
    scale, largest = matrix.diagonal().mean(), matrix.diagonal().max()
    asked = damping.to(scale) if isinstance(damping, Tensor) else scale.new_full((), damping)
    raised = (DAMPING_GROWTH * asked).clamp(min=noise)
    sure = torch.maximum(DAMPING_GROWTH * raised, DAMPING_GROWTH * noise * largest / scale)
    factor, condition = torch.eye(len(gram), dtype=matrix.dtype, device=gram.device), torch.full_like(scale, torch.inf)
    used, usable = sure, torch.zeros_like(scale, dtype=torch.bool)
    trials = (sure, raised, asked)
    for trial, (tried, of_trial) in zip(trials, _attempts(matrix, [trial * scale for trial in trials]), strict=True):
        works = of_trial * noise < 1
        factor, condition = torch.where(works, tried, factor), torch.where(works, of_trial, condition)
        used, usable = torch.where(works, trial, used), usable | works
    return UndecidedFactorisation(factor, used, used * scale, condition, usable, gram.diagonal() != 0, damping)


def _attempts(matrix: Tensor, shifts: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Those with each shift: on a GPU, which no single factorisation fills, at the same time."""
    if not matrix.is_cuda or stacked():
        return [_attempt(matrix, shift) for shift in shifts]
    here, found = torch.cuda.current_stream(matrix.device), []
    streams = _streams(matrix.device, len(shifts))
    for stream, shift in zip(streams, shifts, strict=True):
        stream.wait_stream(here)
        with torch.cuda.stream(stream):
            found.append(_attempt(matrix, shift))
    for stream in streams:
        here.wait_stream(stream)
    return found


@cache
def _streams(device: torch.device, count: int) -> list[torch.cuda.Stream]:
    """The same ones always: torch keeps memory for each that was used."""
    return [torch.cuda.Stream(device) for _ in range(count)]


def _attempt(matrix: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """L, and the condition, which is infinite where there is no L."""
    shifted = matrix + torch.diag(shift.expand(len(matrix)))
    factor, failed = torch.linalg.cholesky_ex(shifted)
    condition = (shifted.diagonal() / factor.diagonal().square()).max()
    return factor, torch.where((failed == 0) & torch.isfinite(condition), condition, torch.inf)
