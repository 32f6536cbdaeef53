"""Reductions: many residuals → one number per constraint.

For residuals g of shape (points, constraints) a reduction returns (constraints,). The mean is over the points, so a
reduction does not depend on the batch size.

Every reduction here has a zero gradient where the residual is zero. A multiplier for a *reduced* constraint is
therefore ill-posed near the solution (∂R/∂θ → 0 while R → 0): see `cnn_core.methods.reduction`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Parts = tuple[Callable[..., Tensor], tuple[float, ...]]
"""A reduction as a function of (residuals, *numbers) and its numbers, which a compiled pass takes as inputs."""


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
        function, numbers = self.parts
        return function(residuals, *numbers)

    @property
    def parts(self) -> Parts:
        return (_mean_square, ()) if self.exponent == 2 else (_mean_power, (float(self.exponent),))


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
        function, numbers = self.parts
        return function(residuals, *numbers)

    @property
    def parts(self) -> Parts:
        return _mean_huber, (float(self.delta),)


def _mean_square(residuals: Tensor) -> Tensor:
    return residuals.square().mean(dim=0)


def _mean_power(residuals: Tensor, exponent: float) -> Tensor:
    return residuals.abs().pow(exponent).mean(dim=0)


def _mean_huber(residuals: Tensor, delta: float) -> Tensor:
    size = residuals.abs()
    return torch.where(size <= delta, 0.5 * size.square(), delta * (size - 0.5 * delta)).mean(dim=0)


Reduction = Lp | Huber
