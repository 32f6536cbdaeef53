"""Levenberg–Marquardt projection: the nearest network that satisfies the PDE.

* `nearest: function` keeps the network near its own predictions u₀ = u_θ₀ at the n collocation points:
  min ½ mean (u_θ − u₀)² subject to g(θ) = 0. It uses no data, only the predictions and the PDE.
* `nearest: parameters` keeps it near its parameters: min ½ |θ − θ₀|² subject to g(θ) = 0.

Both are met by continuation: ½ |F(θ)|² + ½ s² |θ − θ₀|² is minimised (`cnn_core.solvers.descent`) for growing w, where

    F = [(u_θ − u₀)/√(n O), w g/√(n C)], s = 0       or       F = w g/√(n C), s = 1,

and each w must be minimised well (`inner_tolerance`) before the next: a constraint that is enforced too early flattens
the wave. Conditions add rows of their own to g.

A nonlinear ODE may have solutions that are glued together from pieces, each nearer to u₀ than a smooth one. With
`solutions: general` the network is first moved to the nearest u₁ that satisfies the explicit form e of the equation
(`cnn_core.problems.explicit`), which the glued ones do not; then, with e enforced, to the nearest solution to u₁ in the
norm |u|² + ℓ² |u'|², ℓ = |u₀|/|u₀'|.

Reference: Nocedal & Wright 2006, ch. 17. All of it runs in float64, whatever the network's precision.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.problems import Condition, Problem
from cnn_core.problems.explicit import with_explicit_form
from cnn_core.solvers.descent import Descent
from cnn_core.solvers.rows import Block, Rows, condition_block
from cnn_core.solvers.solver import Accept, Course, ProjectionStatus, Solution, require_common

LARGEST_WEIGHT = 1e6

NEAR = 4
"""One general solution stays near another at every fourth point: e is enforced at all of them, and where it vanishes, r
is constant, so that there are few to choose from."""

PATIENCE = 3
"""So many weights in a row that lower the error by less than a tenth say that no weight will."""

FIRST_TELLING_WEIGHT = 100.0
"""At smaller weights an error may rest, while the network moves along."""

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
    points: int = 200
    waves: int | Literal["all"] = "all"
    every: int | None = None
    accept: Accept = "always"
    solver: Literal["lm"] = "lm"

    def __post_init__(self) -> None:
        require_common(self)
        for name, known in (("nearest", ("function", "parameters")), ("solutions", ("all", "general"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be {' or '.join(known)}, got {getattr(self, name)!r}")
        for name in ("tolerance", "first_weight", "inner_tolerance"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.growth <= 1:
            raise ValueError(f"growth must be above 1, got {self.growth}")
        if self.solutions == "general" and self.nearest == "parameters":
            raise ValueError("solutions: general belongs to nearest: function, got parameters; write solutions: all")

    def require(self, problem: Problem) -> None:
        """Raise ValueError where this solver cannot serve the problem."""
        if self.solutions == "general":
            with_explicit_form(problem)

    def solve(
        self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, conditions: Sequence[Condition] = ()
    ) -> Solution:
        model = replace(model, network=copy.deepcopy(model.network).double())  # buffers and frozen parameters, too
        journey = _Journey(self, model, theta, x.double(), p.double(), conditions)
        if not math.isfinite(journey.course.errors[0]):
            return journey.course.solution(theta, ProjectionStatus.DIVERGED)
        if journey.course.errors[0] > journey.tolerance and not journey.stuck:
            journey.travel()
        return journey.arrive(theta)


class _Journey:
    """One projection in progress. The quantities of its points are [u, g], of a general solution [u, e, g, u']."""

    def __init__(
        self,
        settings: LevenbergMarquardt,
        model: ConstrainedNetwork,
        theta: Tensor,
        x: Tensor,
        p: Tensor,
        conditions: Sequence[Condition],
    ) -> None:
        self.settings = settings
        self.general = settings.solutions == "general"
        self.outputs, self.constraints = len(model.problem.outputs), len(model.problem.constraints)
        self.first_constraint = self.outputs + (1 if self.general else 0)
        if self.general:
            model = replace(model, problem=with_explicit_form(model.problem))
        nothing = x.new_zeros(1)
        self.field = Block(model, x, p.expand(len(x), -1), targets=nothing, fixed=nothing, growing=nothing)
        self.conditions = [condition_block(model, condition, p) for condition in conditions]
        start = theta.double()
        self.start = self._everything(start)
        self.course = Course(self.start[0][:, : self.outputs], self._error(self.start))
        self.tolerance = max(settings.tolerance, self._rounding(start, torch.finfo(theta.dtype).eps))
        sizes = [float(self.start[0][:, column].square().mean()) for column in (0, -1)]
        self.stuck = self.general and not min(sizes) > 0  # a constant has no slope to tell solutions apart by
        pull = 1.0 if settings.nearest == "parameters" else 0.0
        self.descent = Descent(start, pull=pull, on_step=self._note)

    def travel(self) -> None:
        """Go through the weights, for general solutions twice."""
        outputs, constraints = self.outputs, self.constraints
        stay, obey = [1 / math.sqrt(outputs)] * outputs, [1 / math.sqrt(constraints)] * constraints
        if self.general:
            self._find_general_solution()
        elif self.settings.nearest == "function":
            self._continue(self._block(fixed=[*stay, *[0.0] * constraints], growing=[*[0.0] * outputs, *obey]))
        else:
            self._continue(self._block(fixed=[0.0] * constraints, growing=obey, start=outputs))

    def arrive(self, theta: Tensor) -> Solution:
        """The result, at the precision of the trained θ (P,)."""
        arrived = self.descent.theta.to(theta.dtype)
        precision = torch.finfo(theta.dtype).eps
        self.tolerance = max(self.tolerance, self._rounding(arrived.double(), precision))
        figures = {"tolerance": self.tolerance}
        if not self.stuck and self._error(self._everything(arrived.double())) <= self.tolerance:
            return self.course.solution(arrived, ProjectionStatus.CONVERGED, figures)
        figures["gradient"] = self._gradient_at_rest()
        stationary = figures["gradient"] <= STATIONARY
        status = ProjectionStatus.LEAST_SQUARES if stationary else ProjectionStatus.TOLERANCE_NOT_MET
        return self.course.solution(arrived, status, figures)

    def _find_general_solution(self) -> None:
        value, slope = (self.start[0][:, column].square().mean().sqrt() for column in (0, 3))
        length = float(value / slope)
        explicit = length**2
        weight = self._continue(
            self._block(fixed=[1.0, 0.0], growing=[0.0, explicit]),
            error=lambda quantities: explicit**2 * float(quantities[0][:, 1].square().mean()),
        )
        field = self._everything(self.descent.theta)[0]
        held = self._block(fixed=[weight * explicit], growing=[0.0], start=1)
        near = self._block(fixed=[1.0, 0.0, 0.0, length], growing=[0.0, 0.0, 1.0, 0.0], near=field).every(NEAR)
        self._continue(held, near, growth=self.settings.growth**2)  # from one general solution to another: an easy way

    def _continue(
        self,
        block: Block,
        *more: Block,
        error: Callable[[Sequence[Tensor]], float] | None = None,
        growth: float | None = None,
    ) -> float:
        """Minimise at growing weights until the error meets the tolerance; returns the last weight."""
        growth = growth or self.settings.growth
        settings, descent, error = self.settings, self.descent, error or self._error
        rows = Rows([block, *self.conditions, *more])
        weight, idle, last = settings.first_weight, 0, math.inf
        while True:
            descent.minimise(rows, weight, inner_tolerance=settings.inner_tolerance, max_steps=settings.max_steps)
            now = error(self._everything(descent.theta))
            idle = idle + 1 if weight >= FIRST_TELLING_WEIGHT and now > 0.9 * last else 0
            spent = descent.steps >= settings.max_steps or weight > LARGEST_WEIGHT or idle >= PATIENCE
            if now <= self.tolerance or spent:
                return weight
            weight, last = weight * growth, now

    def _block(
        self, *, fixed: Sequence[float], growing: Sequence[float], start: int = 0, near: Tensor | None = None
    ) -> Block:
        """The points' rows: near the values and slopes `near`, or else those of θ₀."""
        targets = (self.start[0] if near is None else near).clone()
        targets[:, self.outputs : self.first_constraint + self.constraints] = 0
        as_tensor = self.field.x.new_tensor
        return replace(self.field, targets=targets, fixed=as_tensor(fixed), growing=as_tensor(growing), start=start)

    def _everything(self, theta: Tensor) -> list[Tensor]:
        """All quantities at θ: of the points as they are, of the conditions less their values."""
        return Rows([self.field, *self.conditions]).evaluate(theta)

    def _error(self, quantities: Sequence[Tensor]) -> float:
        """Mean g² at the points, plus that of every condition."""
        points, *others = quantities[: 1 + len(self.conditions)]
        errors = [points[:, self.first_constraint : self.first_constraint + self.constraints].square().mean()]
        errors += [block.rows(rows).square().mean() for block, rows in zip(self.conditions, others, strict=True)]
        return float(torch.stack(errors).sum())

    def _note(self, quantities: Sequence[Tensor]) -> None:
        self.course.note(self._error(quantities), quantities[0][:, : self.outputs])

    def _rounding(self, theta: Tensor, precision: float) -> float:
        """What rounding θ to its precision can do to the error: four times what a seeded rounding does to g."""
        signs = torch.randint(2, theta.shape, generator=torch.Generator().manual_seed(0)).to(theta) * 2 - 1
        exact, rounded = self._everything(theta), self._everything(theta * (1 + 0.5 * precision * signs))
        constraints = slice(self.first_constraint, self.first_constraint + self.constraints)
        parts = [slice(None) if index else constraints for index in range(len(rounded))]
        moves = [(a - b)[:, part] for a, b, part in zip(rounded, exact, parts, strict=True)]
        return 4 * sum(float(move.square().mean()) for move in moves)

    def _gradient_at_rest(self) -> float:
        """|Jᵀg| / (|J| |g|) for all constraints: 0 where no small move lowers |g|.

        What pulls the network elsewhere would hide that, so it is taken where a descent on the constraints alone comes
        to rest; where that descent leads much lower, the network is not at rest.
        """
        constraints = self.constraints
        growing = [1 / math.sqrt(constraints)] * constraints
        block = self._block(fixed=[0.0] * constraints, growing=growing, start=self.first_constraint)
        rows = Rows([block, *self.conditions])
        probe = Descent(self.descent.theta, pull=0.0, on_step=lambda quantities: None)
        probe.minimise(rows, 1.0, inner_tolerance=AT_REST, max_steps=PROBING_STEPS)
        near = self._error(self._everything(probe.theta)) > 0.5 * self.course.errors[-1]
        at, weights = rows.linearise(probe.theta if near else self.descent.theta), rows.weights(1.0)
        residuals = weights * rows.select(at.quantities)
        size = float((weights.square() * at.gram.diagonal()).sum().sqrt() * residuals.norm())
        return float(at.jacobian.transposed_times(weights * residuals).norm()) / max(size, 1e-300)
