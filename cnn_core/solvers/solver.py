"""What every projection solver is: a frozen dataclass of settings that moves θ onto the constraint of one wave."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork


class ProjectionStatus(StrEnum):
    """How a projection ended."""

    CONVERGED = "converged"
    TOLERANCE_NOT_MET = "tolerance not met"
    DIVERGED = "diverged"  # a step was not finite; θ is the trained one again


class Solution(NamedTuple):
    """Where a solver arrived: θ (P,), how, its own error before every step and at the end, and figures worth watching.

    `path` holds (step, prediction (n, O)) at the collocation points: before, at a few steps on the way, and after.
    """

    theta: Tensor
    status: ProjectionStatus
    errors: list[float]
    path: list[tuple[int, Tensor]]
    figures: Mapping[str, float] = {}


class Solver(Protocol):
    """A projection solver. `points` are collocation points a wave; `waves` bounds the waves projected of a split."""

    @property
    def solver(self) -> str: ...
    @property
    def points(self) -> int: ...
    @property
    def waves(self) -> int | Literal["all"]: ...
    def solve(self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor) -> Solution:
        """Move a copy of θ (P,) so that the residuals vanish at x (n, D) for the wave p (K,)."""
        ...
