"""The workbook's projection: Adam on a reduction of g until a tolerance or a limit of steps.

It has no term that keeps the network near its own predictions. A damped wave satisfies a homogeneous PDE better than
the wave itself, so this projection flattens what the network learned (the workbook's fault 8, kept here for
comparison).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.problems import Problem
from cnn_core.reductions import Lp, Reduction
from cnn_core.solvers.enforced import Enforced, require_points
from cnn_core.solvers.rows import condition_block
from cnn_core.solvers.solver import Accept, Course, ProjectionStatus, Solution, require_common


@dataclass(frozen=True)
class AdamProjection:
    """Adam on Σ_c R_c(g) until it is at most `tolerance`, or for `max_steps` steps.

    `points` collocation points a wave, in the interior or by region; `waves` bounds how many waves of a split are
    projected. The path holds the predictions at steps 0, 1, 2, 4, 8 … and after the last.
    """

    learning_rate: float = 1e-4
    error: Reduction = field(default_factory=Lp)
    tolerance: float = 1e-5
    max_steps: int = 10_000
    points: int | Mapping[str, int] = 100
    waves: int | Literal["all"] = "all"
    every: int | None = None
    accept: Accept = "always"
    solver: Literal["adam"] = "adam"

    def __post_init__(self) -> None:
        require_common(self)
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.tolerance < 0:
            raise ValueError(f"tolerance must not be negative, got {self.tolerance}")

    def require(self, problem: Problem) -> None:
        """Raise ValueError where points do not say which of the problem's conditions are enforced."""
        require_points(problem, self.points)

    @torch.enable_grad()
    def solve(
        self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, conditions: Sequence[Enforced] = ()
    ) -> Solution:
        moving = theta.clone().requires_grad_()
        optimizer = torch.optim.Adam([moving], lr=self.learning_rate)
        blocks = [condition_block(condition.points(model, p)) for condition in conditions]
        course: Course | None = None
        while True:
            evaluation = model.evaluate(moving, x, p.expand(len(x), -1))
            residuals = [evaluation.residuals, *(block.residuals(moving) for block in blocks)]
            error = torch.stack([self.error(one).sum() for one in residuals]).sum()
            if course is None:
                course = Course(evaluation.prediction.detach(), float(error.detach()))
            else:
                course.note(float(error.detach()), evaluation.prediction.detach())
            status = self._status(course.errors)
            if status is not None:
                diverged = status is ProjectionStatus.DIVERGED
                return course.solution(theta if diverged else moving.detach(), status)
            moving.grad = torch.autograd.grad(error, moving)[0]
            optimizer.step()

    def _status(self, errors: list[float]) -> ProjectionStatus | None:
        if not abs(errors[-1]) < float("inf"):
            return ProjectionStatus.DIVERGED
        if errors[-1] <= self.tolerance:
            return ProjectionStatus.CONVERGED
        return ProjectionStatus.TOLERANCE_NOT_MET if len(errors) > self.max_steps else None
