"""Levenberg–Marquardt projection: the nearest network that satisfies the PDE.

* `nearest: function` keeps the network near its own predictions u₀ = u_θ₀ at the n collocation points:
  min ½ mean (u_θ − u₀)² subject to g(θ) = 0. It uses no data, only the predictions and the PDE.
* `nearest: parameters` keeps it near its parameters: min ½ |θ − θ₀|² subject to g(θ) = 0.

Both are met by continuation (`cnn_core.solvers.continuation`): ½ |F(θ)|² + ½ s² |θ − θ₀|² is minimised
(`cnn_core.linear_algebra.least_squares`) for growing w, where

    F = [(u_θ − u₀)/√(n O), w g/√(n C)], s = 0       or       F = w g/√(n C), s = 1,

and each w must be minimised well (`inner_tolerance`) before the next: a constraint that is enforced too early flattens
the wave. Conditions add rows of their own to g.

A nonlinear ODE may have solutions that are glued together from pieces, each nearer to u₀ than a smooth one;
`solutions: general` passes them by (`cnn_core.solvers.general_solution`).

Reference: Nocedal & Wright 2006, ch. 17. All of it runs in float64, whatever the network's precision.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.linear_algebra.least_squares import Descent
from cnn_core.linear_algebra.sides import SPACES, Space
from cnn_core.problems import Problem
from cnn_core.problems.explicit import with_explicit_form
from cnn_core.solvers.continuation import Continuation
from cnn_core.solvers.enforced import Enforced, require_points
from cnn_core.solvers.general_solution import find_general_solution, has_shape
from cnn_core.solvers.rows import Rows
from cnn_core.solvers.solver import Accept, ProjectionStatus, Solution, in_float64, require_choice, require_common
from cnn_core.solvers.wave import CONSTRAINTS, U, Wave, wave_of

AT_REST, PROBING_STEPS = 1e-6, 100
"""A descent on the constraints alone is at rest at a step that gains no more than this fraction, or after so many."""

STATIONARY = 1e-3
"""|Jᵀg| / (|J| |g|) below which g ≠ 0 is a least-squares solution of constraints that contradict each other."""


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Minimise at w = `first_weight`, then at w·`growth`, …, until mean g² ≤ `tolerance` or for `max_steps` steps.

    A weight is done when a step lowers the cost by less than the fraction `inner_tolerance`.
    """

    nearest: Literal["function", "parameters"] = "function"
    solutions: Literal["all", "general"] = "all"
    tolerance: float = 1e-8
    max_steps: int = 400
    first_weight: float = 0.3
    growth: float = 3.0
    inner_tolerance: float = 3e-4
    space: Space = "auto"
    points: int | Mapping[str, int] = 200
    waves: int | Literal["all"] = "all"
    every: int | None = None
    accept: Accept = "always"
    solver: Literal["lm"] = "lm"

    def __post_init__(self) -> None:
        require_common(self)
        require_choice(self, "nearest", "function", "parameters")
        require_choice(self, "solutions", "all", "general")
        require_choice(self, "space", *SPACES)
        for name in ("tolerance", "first_weight", "inner_tolerance"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.growth <= 1:
            raise ValueError(f"growth must be above 1, got {self.growth}")
        if self.solutions == "general" and self.nearest == "parameters":
            raise ValueError("solutions: general belongs to nearest: function, got parameters; write solutions: all")

    def require(self, problem: Problem) -> None:
        """Raise ValueError where this solver cannot serve the problem."""
        require_points(problem, self.points)
        if self.solutions == "general":
            with_explicit_form(problem)

    def solve(
        self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, conditions: Sequence[Enforced] = ()
    ) -> Solution:
        model = in_float64(model)
        wave = wave_of(model, x.double(), p.double(), conditions, general=self.solutions == "general")
        way = self._way(wave, theta)
        if not math.isfinite(way.course.errors[0]):
            return way.course.solution(theta, ProjectionStatus.DIVERGED)
        possible = self.solutions == "all" or has_shape(way)
        if way.course.errors[0] > way.tolerance and possible:
            self._travel(way)
        return _arrived(way, theta.dtype, possible=possible)

    def _way(self, wave: Wave, theta: Tensor) -> Continuation:
        start = theta.double()
        return Continuation(
            wave=wave,
            start=start,
            pull=1.0 if self.nearest == "parameters" else 0.0,
            tolerance=max(self.tolerance, wave.rounding(start, torch.finfo(theta.dtype).eps)),
            max_steps=self.max_steps,
            first_weight=self.first_weight,
            growth=self.growth,
            inner_tolerance=self.inner_tolerance,
            space=self.space,
        )

    def _travel(self, way: Continuation) -> None:
        if self.solutions == "general":
            find_general_solution(way)
        elif self.nearest == "function":
            way.enforce(way.wave.rows(fixed={U: 1}, growing={CONSTRAINTS: 1}, near=way.at_start))
        else:
            way.enforce(way.wave.rows(growing={CONSTRAINTS: 1}))


def _arrived(way: Continuation, dtype: torch.dtype, *, possible: bool) -> Solution:
    """The result, at the precision of the trained θ; it has not converged where there is no solution to go to."""
    theta = way.descent.theta.to(dtype)
    tolerance = max(way.tolerance, way.wave.rounding(theta.double(), torch.finfo(dtype).eps))
    if possible and way.wave.error(way.wave.evaluate(theta.double())) <= tolerance:
        return way.course.solution(theta, ProjectionStatus.CONVERGED, {"tolerance": tolerance}, way.descent.space)
    gradient = _gradient_at_rest(way)
    status = ProjectionStatus.LEAST_SQUARES if gradient <= STATIONARY else ProjectionStatus.TOLERANCE_NOT_MET
    return way.course.solution(theta, status, {"tolerance": tolerance, "gradient": gradient}, way.descent.space)


def _gradient_at_rest(way: Continuation) -> float:
    """|Jᵀg| / (|J| |g|) for all constraints: 0 where no small move lowers |g|.

    What pulls the network elsewhere would hide that, so it is taken where a descent on the constraints alone comes to
    rest; where that descent leads much lower, the network is not at rest.
    """
    wave, theta = way.wave, way.descent.theta
    rows = Rows([wave.rows(growing={CONSTRAINTS: 1}), *wave.conditions])
    weights = rows.weights(1.0)
    probe = Descent(theta, space=way.space)
    probe.minimise(rows, weights, inner_tolerance=AT_REST, max_steps=PROBING_STEPS)
    near = wave.error(wave.evaluate(probe.theta)) > 0.5 * way.course.errors[-1]
    at, side = (probe if near else probe.begun_at(theta)).linearised(rows, weights)
    residuals = weights * rows.select(at.quantities)
    size = math.sqrt(side.square) * float(residuals.norm())
    return float(at.jacobian.transposed_times(weights * residuals).norm()) / max(size, 1e-300)
