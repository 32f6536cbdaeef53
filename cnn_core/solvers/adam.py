"""The workbook's projection: Adam on a reduction of g until a tolerance or a limit of steps.

It has no term that keeps the network near its own predictions. A damped wave satisfies a homogeneous PDE better than
the wave itself, so this projection flattens what the network learned (the workbook's fault 8, kept here for
comparison).
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.reductions import Lp, Reduction
from cnn_core.solvers.solver import ProjectionStatus, Solution


@dataclass(frozen=True)
class AdamProjection:
    """Adam on Σ_c R_c(g) until it is at most `tolerance`, or for `max_steps` steps.

    `points` collocation points a wave; `waves` bounds how many waves of a split are projected. The path holds
    the predictions at steps 0, 1, 2, 4, 8 … and after the last.
    """

    learning_rate: float = 1e-4
    error: Reduction = field(default_factory=Lp)
    tolerance: float = 1e-5
    max_steps: int = 10_000
    points: int = 100
    waves: int | Literal["all"] = "all"
    solver: Literal["adam"] = "adam"

    def __post_init__(self) -> None:
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.tolerance < 0:
            raise ValueError(f"tolerance must not be negative, got {self.tolerance}")
        for name in ("max_steps", "points", "waves"):
            if getattr(self, name) != "all" and getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def solve(self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor) -> Solution:
        moving = theta.clone().requires_grad_()
        optimizer = torch.optim.Adam([moving], lr=self.learning_rate)
        errors: list[float] = []
        path: list[tuple[int, Tensor]] = []
        while True:
            evaluation = model.evaluate(moving, x, p.expand(len(x), -1))
            error = self.error(evaluation.residuals).sum()
            step = len(errors)
            errors.append(float(error.detach()))
            status = self._status(errors)
            if status is not None or step & (step - 1) == 0:
                path.append((step, evaluation.prediction.detach()))
            if status is ProjectionStatus.DIVERGED:
                return Solution(theta, status, errors, path)
            if status is not None:
                return Solution(moving.detach(), status, errors, path)
            moving.grad = torch.autograd.grad(error, moving)[0]
            optimizer.step()

    def _status(self, errors: list[float]) -> ProjectionStatus | None:
        if not abs(errors[-1]) < float("inf"):
            return ProjectionStatus.DIVERGED
        if errors[-1] <= self.tolerance:
            return ProjectionStatus.CONVERGED
        return ProjectionStatus.TOLERANCE_NOT_MET if len(errors) > self.max_steps else None
