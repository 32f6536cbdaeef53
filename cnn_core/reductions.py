"""Reductions: many residuals → one number per constraint.

For residuals g of shape (points, constraints) a reduction returns (constraints,). The mean is over the points, so a
reduction does not depend on the batch size.

Every reduction here has a zero gradient where the residual is zero. A multiplier for a *reduced* constraint is
therefore ill-posed near the solution (∂R/∂θ → 0 while R → 0): see `cnn_core.methods.reduction`.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Lp:
    """R(g) = mean |g|^p, the p-th power of the Lp norm over the points; `exponent` 2 is the mean square."""

    exponent: float = 2.0
    name: Literal["lp"] = "lp"

    def __post_init__(self) -> None:
        if self.exponent < 1:
            raise ValueError(f"exponent must be at least 1 (below, the gradient at 0 is infinite), got {self.exponent}")

    def __call__(self, residuals: Tensor) -> Tensor:
        """(points, constraints) → (constraints,)."""
        if self.exponent == 2:
            return residuals.square().mean(dim=0)
        return residuals.abs().pow(self.exponent).mean(dim=0)


@dataclass(frozen=True)
class Huber:
    """R(g) = mean of ½g² where |g| ≤ δ and δ(|g| − ½δ) beyond (Huber 1964); the workbook used δ = 6."""

    delta: float = 6.0
    name: Literal["huber"] = "huber"

    def __post_init__(self) -> None:
        if self.delta <= 0:
            raise ValueError(f"delta must be positive, got {self.delta}")

    def __call__(self, residuals: Tensor) -> Tensor:
        """(points, constraints) → (constraints,)."""
        loss = torch.nn.functional.huber_loss(
            residuals, torch.zeros_like(residuals), reduction="none", delta=self.delta
        )
        return loss.mean(dim=0)


REDUCTIONS = {"lp": Lp, "huber": Huber}

Reduction = Lp | Huber
