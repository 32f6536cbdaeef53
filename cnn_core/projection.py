"""Projection: move a trained network's parameters onto the constraint, one wave at a time, after training.

The result is a new θ for each wave; the trained one is never touched. How θ moves is the solver's business
(`cnn_core.solvers`); what the move was worth is said here, in the same terms for every solver.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.domains import lattice
from cnn_core.problems import Condition, Problem, collocation_points
from cnn_core.solvers.solver import ProjectionStatus, Solver

CHECK_POINTS = 500
CHECK_SEED = 1_667_786_083
"""Added to the seed, so that the points that check a projection are not those of a split. Another would draw others."""


@dataclass(frozen=True)
class ProjectionResult:
    """One wave's projection.

    `residual_on` and `residual_off` are the mean squares of the scaled residuals at the collocation points `x` (n, D)
    and at 500 others. `distance_parameters` is |θ − θ₀|, `distance_function` the root mean square of u_θ − u_θ₀ at x.
    `errors` is the solver's own error at every step, `path` holds (step, prediction (n, O)) at x before, during and
    after, `distances` the distance in function at every step.
    """

    theta: Tensor
    status: ProjectionStatus
    steps: int
    residual_on: float
    residual_off: float
    distance_parameters: float
    distance_function: float
    seconds: float
    x: Tensor
    path: list[tuple[int, Tensor]]
    errors: list[float]
    distances: list[float]
    watched: Mapping[str, float]


def project(
    model: ConstrainedNetwork,
    theta: Tensor,
    waves: Tensor,
    solver: Solver,
    *,
    conditions: Sequence[Condition] = (),
    seed: int = 0,
) -> list[ProjectionResult]:
    """Project θ (P,) for every wave of `waves` (W, K), each by itself from the same θ; W results.

    `conditions` hold for every wave, together with the PDE. `seed` picks the points where `residual_off` is measured.
    """
    if waves.dim() != 2 or waves.shape[1] != len(model.problem.parameters):
        raise ValueError(
            f"waves: they must have the shape (waves, {len(model.problem.parameters)}), got {tuple(waves.shape)}"
        )
    solver.require(model.problem)
    x = projection_points(model.problem, solver.points).to(theta)
    check = collocation_points(model.problem, CHECK_POINTS, "random", seed=seed + CHECK_SEED).to(theta)
    return [_project_wave(model, theta.detach(), p, solver, conditions, x, check) for p in waves.to(theta)]


def projection_points(problem: Problem, count: int) -> Tensor:
    """Collocation points of a projection: a lattice of `count` points, (count, D) in float64.

    It is a good quadrature. With irregular points a network finds functions that obey the PDE at the points and
    oscillate between them.
    """
    low, high = torch.tensor(list(problem.box.values()), dtype=torch.float64).T
    return low + (high - low) * lattice(count, len(low))


def _project_wave(
    model: ConstrainedNetwork,
    theta: Tensor,
    p: Tensor,
    solver: Solver,
    conditions: Sequence[Condition],
    x: Tensor,
    check: Tensor,
) -> ProjectionResult:
    started = time.perf_counter()
    solution = solver.solve(model, theta, x, p, conditions)
    seconds = time.perf_counter() - started
    move = model.predict(solution.theta, x, p.expand(len(x), -1)) - model.predict(theta, x, p.expand(len(x), -1))
    return ProjectionResult(
        theta=solution.theta,
        status=solution.status,
        steps=len(solution.errors) - 1,
        residual_on=_mean_square_residual(model, solution.theta, x, p),
        residual_off=_mean_square_residual(model, solution.theta, check, p),
        distance_parameters=float((solution.theta - theta).norm()),
        distance_function=float(move.square().mean().sqrt()),
        seconds=seconds,
        x=x,
        path=solution.path,
        errors=solution.errors,
        distances=solution.distances,
        watched=solution.watched,
    )


def _mean_square_residual(model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor) -> float:
    with torch.no_grad():
        return float(replace(model, scaled=True).residuals(theta, x, p.expand(len(x), -1)).square().mean())
