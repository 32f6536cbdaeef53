"""Projection: move a trained network's parameters onto the constraint of one wave, after training.

The result is a new θ; the trained one is never touched. A solver is a frozen dataclass of its settings:

* `adam`: the workbook's way, Adam on a reduction of g until a tolerance or a limit of steps. It has no term that keeps the
  network near its own predictions. A damped wave satisfies a homogeneous PDE better than the wave itself, so this projection
  flattens what the network learned (the workbook's fault 8, kept here for comparison).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.problem import Problem, collocation_points
from cnn_core.reductions import Lp, Reduction

SEED_SHIFT = 7_654_321
"""A projection with seed s must not repeat the first wave of a split sampled with seed s."""


class ProjectionStatus(StrEnum):
    """How a projection ended."""

    CONVERGED = "converged"
    TOLERANCE_NOT_MET = "tolerance not met"
    DIVERGED = "diverged"  # a step was not finite; θ is the trained one again


@dataclass(frozen=True)
class ProjectionResult:
    """One wave's projection. Errors are the solver's own measure, with scaled or unscaled residuals as the model has them.

    `path` holds (step, prediction (n, O)) at the collocation points before, during and after; `errors` the error at every step.
    """

    theta: Tensor
    status: ProjectionStatus
    steps: int
    error_before: float
    error_after: float
    distance_parameters: float
    distance_function: float
    seconds: float
    x: Tensor
    path: list[tuple[int, Tensor]]
    errors: list[float]


class Solver(Protocol):
    """A projection solver: moves θ onto the constraint at x (n, D) for one wave p (K,)."""

    @property
    def solver(self) -> str: ...
    @property
    def points(self) -> int: ...
    @property
    def waves(self) -> int | Literal["all"]: ...
    def project(self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor) -> ProjectionResult: ...


@dataclass(frozen=True)
class AdamProjection:
    """Adam on Σ_c R_c(g) until it is at most `tolerance`, or for `max_steps` steps.

    `points` collocation points a wave; `waves` bounds how many waves of a split are projected; `snapshots` says how many
    predictions along the way are kept.
    """

    learning_rate: float = 1e-4
    error: Reduction = field(default_factory=Lp)
    tolerance: float = 1e-5
    max_steps: int = 10_000
    points: int = 100
    waves: int | Literal["all"] = "all"
    snapshots: int = 5
    solver: Literal["adam"] = "adam"

    def __post_init__(self) -> None:
        if self.learning_rate <= 0 or self.tolerance < 0:
            raise ValueError(
                f"learning_rate must be positive and tolerance not negative, got {self.learning_rate} and {self.tolerance}"
            )
        if min(self.max_steps, self.points, self.snapshots) < 1 or (self.waves != "all" and self.waves < 1):
            raise ValueError("max_steps, points, snapshots and waves must be at least 1")

    def project(self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor) -> ProjectionResult:
        started = time.perf_counter()
        moving = theta.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([moving], lr=self.learning_rate)
        waves = p.expand(len(x), -1)
        every = max(1, self.max_steps // self.snapshots)
        errors: list[float] = []
        path: list[tuple[int, Tensor]] = []
        status = ProjectionStatus.TOLERANCE_NOT_MET
        for step in range(self.max_steps + 1):
            evaluation = model.evaluate(moving, x, waves)
            error = self.error(evaluation.residuals).sum()
            errors.append(float(error))
            if step % every == 0:
                path.append((step, evaluation.prediction.detach()))
            if not torch.isfinite(error):
                status = ProjectionStatus.DIVERGED
                moving = theta.detach().clone()
                break
            if error <= self.tolerance:
                status = ProjectionStatus.CONVERGED
                break
            if step < self.max_steps:
                moving.grad = torch.autograd.grad(error, moving)[0]
                optimizer.step()
        moved = moving.detach()
        with torch.no_grad():
            before, after = model.predict(theta, x, waves), model.predict(moved, x, waves)
        if path[-1][0] != len(errors) - 1:
            path.append((len(errors) - 1, after))
        return ProjectionResult(
            theta=moved,
            status=status,
            steps=len(errors) - 1,
            error_before=errors[0],
            error_after=errors[-1],
            distance_parameters=float((moved - theta).norm()),
            distance_function=float((after - before).square().mean().sqrt()),
            seconds=time.perf_counter() - started,
            x=x,
            path=path,
            errors=errors,
        )


SOLVERS: Mapping[str, type[Solver]] = {"adam": AdamProjection}


def project(
    model: ConstrainedNetwork, theta: Tensor, waves: Tensor, solver: Solver, *, seed: int = 0
) -> list[ProjectionResult]:
    """Project θ (P,) for every wave of `waves` (W, K), each by itself from the same θ; W results.

    The collocation points are random, so that they are not the points of any split.
    """
    x = projection_points(model.problem, solver.points, seed=seed).to(theta)
    return [solver.project(model, theta, x, p) for p in waves.to(theta)]


def projection_points(problem: Problem, count: int, *, seed: int = 0) -> Tensor:
    """Collocation points (count, D) of a projection, which are not those of a split sampled with the same seed."""
    return collocation_points(problem, count, "random", seed=seed + SEED_SHIFT)
