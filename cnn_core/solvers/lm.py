"""Levenberg–Marquardt projection: the nearest network that satisfies the PDE.

* `nearest: function` keeps the network near its own predictions u₀ = u_θ₀ at the n collocation points:
  min ½ mean (u_θ − u₀)² subject to g(θ) = 0. It uses no data, only the predictions and the PDE.
  `derivatives: d` keeps the derivatives up to order d near those of u₀, too, each in the unit in which u₀ and its
  derivative are equally large. A nonlinear PDE may have solutions that are glued together from pieces, each nearer to
  u₀ than a smooth one: this tells them apart.
* `nearest: parameters` keeps it near its parameters: min ½ |θ − θ₀|² subject to g(θ) = 0.

Both are met by continuation: ½ |F(θ)|² + ½ s² |θ − θ₀|² is minimised for growing weights w, where

    F = [(u_θ − u₀)/√(n O), w g/√(n C)], s = 0       or       F = w g/√(n C), s = 1,

and each w must be minimised well (`inner_tolerance`) before the next: a constraint that is enforced too early flattens
the wave. With J = ∂F/∂θ, d = θ − θ₀ and a = s² + μ a step solves a system of the size of F instead of that of θ,

    (J Jᵀ + a I) y = F − (s²/a) J d,        Δ = −(s²/a) d − Jᵀ y,

followed by half the geodesic acceleration, −½ Jᵀ (J Jᵀ + a I)⁻¹ F_ΔΔ, which follows the bend of the valley and needs
one more evaluation and no factorisation. The damping μ moves by the gain ratio.

References: Nocedal & Wright 2006, ch. 10 and 17; Transtrum & Sethna 2012, arXiv:1201.5885 (geodesic acceleration).
All of it runs in float64, whatever the network's precision.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork, Evaluation
from cnn_core.derivatives import Field
from cnn_core.jacobian import Jacobian, field_jacobian
from cnn_core.problem import Problem
from cnn_core.solvers.solver import ProjectionStatus, Solution

FIRST_DAMPING = 1e-3
"""μ at the first step, relative to the mean diagonal of J Jᵀ."""

LARGEST_DAMPING = 1e9
"""The relative μ at which no step helps any more."""

LARGEST_WEIGHT = 1e6

PROBE = 0.1
"""The fraction of a step at which the second derivative along it is probed."""

LARGEST_BEND = 0.75
"""An acceleration longer than this times the step says that the step is too long for it."""


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Minimise at w = `first_weight`, then at w·`growth`, …, until mean g² ≤ `tolerance` or for `max_steps` steps.

    A weight is done when a step lowers the cost by less than the fraction `inner_tolerance`.
    """

    nearest: Literal["function", "parameters"] = "function"
    derivatives: Literal[0, 1, 2] = 0
    tolerance: float = 1e-8
    max_steps: int = 400
    first_weight: float = 0.3
    growth: float = 3.0
    inner_tolerance: float = 3e-4
    points: int = 200
    waves: int | Literal["all"] = "all"
    solver: Literal["lm"] = "lm"

    def __post_init__(self) -> None:
        for name in ("max_steps", "points", "waves"):
            if getattr(self, name) != "all" and getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("tolerance", "first_weight", "inner_tolerance"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.growth <= 1:
            raise ValueError(f"growth must be above 1, got {self.growth}")
        if self.derivatives not in (0, 1, 2):
            raise ValueError(f"derivatives must be 0, 1 or 2, got {self.derivatives}")
        if self.derivatives and self.nearest == "parameters":
            raise ValueError(f"derivatives belong to nearest: function, got {self.derivatives}; write 0")

    def solve(self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor) -> Solution:
        descent = _Descent(
            model, theta.double(), x.double(), p.double(), stay=self.nearest, derivatives=self.derivatives
        )
        if not math.isfinite(descent.error):
            return Solution(theta, ProjectionStatus.DIVERGED, descent.errors, descent.path)
        weight = self.first_weight
        while descent.error > self.tolerance and descent.steps < self.max_steps and weight <= LARGEST_WEIGHT:
            descent.minimise(weight, inner_tolerance=self.inner_tolerance, max_steps=self.max_steps)
            weight *= self.growth
        met = descent.error <= self.tolerance
        status = ProjectionStatus.CONVERGED if met else ProjectionStatus.TOLERANCE_NOT_MET
        return Solution(descent.at.theta.to(theta.dtype), status, descent.errors, descent.path)


class _Point(NamedTuple):
    """θ, the unweighted rows there (R,), their Jacobian and its Gram matrix (R, R)."""

    theta: Tensor
    rows: Tensor
    jacobian: Jacobian
    gram: Tensor


class _Descent:
    """θ on its way, with the damping that served it last."""

    def __init__(
        self,
        model: ConstrainedNetwork,
        theta: Tensor,
        x: Tensor,
        p: Tensor,
        *,
        stay: Literal["function", "parameters"],
        derivatives: int,
    ) -> None:
        self.constraints = len(model.problem.constraints)
        self.model = replace(model, problem=_with_derivatives(model.problem, derivatives))
        self.x, self.p = x, p.expand(len(x), -1)
        self.start = theta
        self.outputs = len(model.problem.outputs) if stay == "function" else 0
        self.pull = 1.0 if stay == "parameters" else 0.0
        with torch.no_grad():
            first = self.model.evaluate(theta, x, self.p)
        self.predicted = first.prediction
        self.slopes = first.residuals[:, self.constraints :]
        scale = self.predicted.square().mean().sqrt() / self.slopes.square().mean(dim=0).sqrt()
        self.units = torch.where(torch.isfinite(scale), scale, 0.0)
        self.at = self._point(theta)
        self.damping = FIRST_DAMPING
        self.steps = 0
        self.errors = [self.error]
        self.path = [(0, self.predicted)]

    @property
    def error(self) -> float:
        """Mean g² at θ."""
        residuals = self.at.rows.view(len(self.x), -1)[:, self.outputs : self.outputs + self.constraints]
        return float(residuals.square().mean())

    def minimise(self, weight: float, *, inner_tolerance: float, max_steps: int) -> None:
        """Descend at one weight until a step gains little, none helps, or the steps run out."""
        weights = self._weights(weight)
        while self.steps < max_steps and self.damping < LARGEST_DAMPING:
            before = self._cost(self.at.theta, self.at.rows, weights)
            theta, promised = self._step(weights)
            gain = before - self._cost(theta, self._rows(theta), weights)
            self.steps += 1
            if math.isfinite(gain) and gain > 1e-3 * promised:
                self.at = self._point(theta)
                self.damping *= 1 / 3 if gain > 0.75 * promised else 2 if gain < 0.25 * promised else 1
            else:
                self.damping *= 4
            self.errors.append(self.error)
            if self.steps & (self.steps - 1) == 0:
                self._remember()
            if 0 < gain < inner_tolerance * before:
                break
        self.damping = min(self.damping, 1.0)
        self._remember()

    def _remember(self) -> None:
        """Keep the present prediction for the path: at steps 1, 2, 4, 8 … and where a weight is done."""
        if self.path[-1][0] != self.steps:
            with torch.no_grad():
                self.path.append((self.steps, self.model.predict(self.at.theta, self.x, self.p)))

    def _step(self, weights: Tensor) -> tuple[Tensor, float]:
        """Where the accelerated step leads, and by how much the plain one should lower the cost."""
        theta, rows, jacobian, gram = self.at
        distance, values = theta - self.start, weights * rows
        gram = weights[:, None] * gram * weights
        slack = self.pull + self.damping * float(gram.diagonal().mean())
        shrink = self.pull / slack
        factor = _factor(gram, slack)

        def pulled_back(right_side: Tensor) -> tuple[Tensor, Tensor]:
            y = torch.cholesky_solve(right_side[:, None], factor)[:, 0]
            return y, -jacobian.transposed_times(weights * y)

        leaning = weights * jacobian.times(distance) if self.pull else torch.zeros_like(values)
        y, step = pulled_back(values - shrink * leaning)
        step = step - shrink * distance
        slope = -shrink * leaning - gram @ y
        promised = 0.5 * float(values.square().sum() - (values + slope).square().sum())
        promised += 0.5 * self.pull * float(distance.square().sum() - (distance + step).square().sum())
        probe = weights * self._rows(theta + PROBE * step)
        bend = 2 / PROBE * ((probe - values) / PROBE - slope)
        acceleration = pulled_back(bend)[1]
        if float(acceleration.norm()) <= LARGEST_BEND * float(step.norm()):
            step = step + 0.5 * acceleration
        return theta + step, promised

    def _point(self, theta: Tensor) -> _Point:
        theta = theta.detach().requires_grad_()
        evaluation = self.model.evaluate(theta, self.x, self.p)
        everything = field_jacobian(self.model, theta, evaluation, self.x, self.p)
        outputs, constraints = len(self.model.problem.outputs), len(self.model.problem.constraints)
        jacobian = everything.part(outputs - self.outputs, outputs + constraints)
        return _Point(theta.detach(), self._select(evaluation), jacobian, jacobian.gram())

    def _rows(self, theta: Tensor) -> Tensor:
        with torch.no_grad():
            return self._select(self.model.evaluate(theta, self.x, self.p))

    def _select(self, evaluation: Evaluation) -> Tensor:
        moved = evaluation.prediction.detach() - self.predicted
        residuals, slopes = evaluation.residuals.detach().tensor_split([self.constraints], dim=1)
        return torch.cat([moved[:, : self.outputs], residuals, slopes - self.slopes], dim=1).flatten()

    def _weights(self, weight: float) -> Tensor:
        points, stay, slopes = len(self.x), self.x.new_ones(self.outputs), self.slopes.shape[1]
        obey = self.x.new_full((self.constraints,), weight)
        columns = [stay / math.sqrt(max(1, self.outputs)), obey / math.sqrt(self.constraints)]
        columns.append(self.units / math.sqrt(max(1, slopes)))
        return torch.cat(columns).repeat(points) / math.sqrt(points)

    def _cost(self, theta: Tensor, rows: Tensor, weights: Tensor) -> float:
        return 0.5 * float((weights * rows).square().sum() + self.pull * (theta - self.start).square().sum())


def _with_derivatives(problem: Problem, highest: int) -> Problem:
    """The problem with all entries of ∇u, and of the Laplacian if `highest` is 2, as further residuals."""

    def residual(u: Field, x: Tensor, p: Tensor) -> Mapping[str, Tensor]:
        slopes = torch.cat([u.gradient.flatten(), u.laplacian]) if highest == 2 else u.gradient.flatten()
        return {**problem.residual(u, x, p), **{f"derivative {i}": slopes[i] for i in range(len(slopes))}}

    def scale(p: Tensor) -> Mapping[str, Tensor | float]:
        known = problem.scale(p) if problem.scale else dict.fromkeys(problem.constraints, 1.0)
        return defaultdict(lambda: 1.0, known)

    return replace(problem, residual=residual, scale=scale) if highest else problem


def _factor(gram: Tensor, slack: float) -> Tensor:
    """The Cholesky factor of G + slack·I, with the least more slack that makes it positive definite."""
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    while True:
        factor, info = torch.linalg.cholesky_ex(gram + slack * identity)
        if int(info) == 0 or not math.isfinite(slack):
            return factor
        slack = max(4 * slack, 1e-15 * float(gram.diagonal().mean()))
