"""Levenberg–Marquardt projection: the nearest network that satisfies the PDE.

* `nearest: function` keeps the network near its own predictions u₀ = u_θ₀ at the n collocation points:
  min ½ mean (u_θ − u₀)² subject to g(θ) = 0. It uses no data, only the predictions and the PDE.
* `nearest: parameters` keeps it near its parameters: min ½ |θ − θ₀|² subject to g(θ) = 0.
* `nearest: data` brings it near what was observed at m points: min ½ mean v (u_θ − u*)² subject to g(θ) = 0, where θ
  has the problem's unknowns, too, and v weighs gaps and errors of measurement: an inverse problem, solved.

They are met by continuation (`cnn_core.solvers.continuation`): ½ |F(θ)|² + ½ s² |θ − θ₀|² is minimised
(`cnn_core.linear_algebra.least_squares`) for growing w, where

    F = [(u_θ − u₀)/√(n O), w g/√(n C)], s = 0,       or       F = w g/√(n C), s = 1,       or
    F = [√v (u_θ − u*)/√(m O), w g/√(n C)], s = 0,

and each w must be minimised well (`inner_tolerance`) before the next: a constraint that is enforced too early flattens
the wave. Conditions add rows of their own to g.

A nonlinear ODE may have solutions that are glued together from pieces, each nearer to u₀ than a smooth one;
`solutions: general` passes them by (`cnn_core.solvers.general_solution`).

Reference: Nocedal & Wright 2006, ch. 17. All of it runs in float64, whatever the network's precision.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeGuard

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.linear_algebra.least_squares import Descent
from cnn_core.linear_algebra.sides import SPACES, Space
from cnn_core.problems import PointSet, Problem
from cnn_core.problems.explicit import with_explicit_form
from cnn_core.solvers.continuation import Continuation
from cnn_core.solvers.enforced import Enforced, require_points
from cnn_core.solvers.general_solution import find_general_solution, has_shape
from cnn_core.solvers.rows import Block, Rows, observation_block
from cnn_core.solvers.solver import Accept, ProjectionStatus, Solution, in_float64, require_choice, require_common
from cnn_core.solvers.together import Together, Waves, gradients_of, most_at_once, why_one_by_one
from cnn_core.solvers.wave import CONSTRAINTS, U, wave_of

AT_REST, PROBING_STEPS = 1e-6, 100
"""A descent on the constraints alone is at rest at a step that gains no more than this fraction, or after so many."""

STATIONARY = 1e-3
"""|Jᵀg| / (|J| |g|) below which g ≠ 0 is a least-squares solution of constraints that contradict each other."""


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Minimise at w = `first_weight`, then at w·`growth`, …, until mean g² ≤ `tolerance` or for `max_steps` steps.

    A weight is done when a step lowers the cost by less than the fraction `inner_tolerance`.
    """

    nearest: Literal["function", "parameters", "data"] = "function"
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
        require_choice(self, "nearest", "function", "parameters", "data")
        require_choice(self, "solutions", "all", "general")
        require_choice(self, "space", *SPACES)
        for name in ("tolerance", "first_weight", "inner_tolerance"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.growth <= 1:
            raise ValueError(f"growth must be above 1, got {self.growth}")
        if self.solutions == "general" and self.nearest != "function":
            raise ValueError(
                f"solutions: general belongs to nearest: function, got {self.nearest}; write solutions: all"
            )

    def require(self, problem: Problem) -> None:
        """Raise ValueError where this solver cannot serve the problem."""
        require_points(problem, self.points)
        if self.solutions == "general":
            with_explicit_form(problem)

    def solve(
        self,
        model: ConstrainedNetwork,
        theta: Tensor,
        x: Tensor,
        p: Tensor,
        conditions: Sequence[Enforced] = (),
        data: PointSet | None = None,
    ) -> Solution:
        """As every solver does; `data` are the observations that `nearest: data` comes near."""
        way = self._way(in_float64(model), theta, x, p, conditions)
        seen = None if data is None else data.to(dtype=torch.float64, device=x.device)
        return self._solved(way, theta, [] if seen is None else [observation_block(way.wave.points.model, seen)])

    def solve_together(
        self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, waves: Tensor, conditions: Sequence[Enforced] = ()
    ) -> list[Solution]:
        """`solve` for every wave of `waves` (W, K): for many at once, where their steps can be stacked."""
        model = in_float64(model)
        ways = [self._way(model, theta, x, p, conditions) for p in waves]
        rows = self._rows(ways[0])
        if self.solutions == "general" or why_one_by_one(rows, self.space) is not None:
            return [self._solved(way, theta) for way in ways]
        count = most_at_once(rows)
        for some in (ways[first : first + count] for first in range(0, len(ways), count)):
            self._travel_together(some)
        arrivals = [_arrival(way, theta) for way in ways]
        at_rest = [way for way, arrival in zip(ways, arrivals, strict=True) if arrival is not None and not arrival.met]
        gradients = {
            id(way): gradient
            for some in (at_rest[first : first + count] for first in range(0, len(at_rest), count))
            for way, gradient in zip(some, _gradients_at_rest(some), strict=True)
        }
        return [
            _solution(way, theta, arrival, gradients.get(id(way))) for way, arrival in zip(ways, arrivals, strict=True)
        ]

    def _solved(self, way: Continuation, theta: Tensor, seen: Sequence[Block] = ()) -> Solution:
        possible = self.solutions == "all" or has_shape(way)
        if possible and math.isfinite(error := way.course.errors[0]) and (error > way.tolerance or seen):
            self._travel(way, seen)
        arrival = _arrival(way, theta)
        unmet = arrival is not None and not (possible and arrival.met)
        return _solution(way, theta, arrival, _gradient_at_rest(way) if unmet else None)

    def _way(
        self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, conditions: Sequence[Enforced]
    ) -> Continuation:
        wave = wave_of(model, x.double(), p.double(), conditions, general=self.solutions == "general")
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

    def _travel(self, way: Continuation, seen: Sequence[Block]) -> None:
        if self.solutions == "general":
            find_general_solution(way)
        else:
            way.enforce(self._block(way), *seen)

    def _travel_together(self, ways: Sequence[Continuation]) -> None:
        first = ways[0]
        going = [math.inf > way.course.errors[0] > way.tolerance for way in ways]
        together = Together(
            stack=Waves.of([self._rows(way) for way in ways]),
            start=first.start,
            pull=first.pull,
            tolerance=first.start.new_tensor([way.tolerance for way in ways]),
            max_steps=self.max_steps,
            first_weight=self.first_weight,
            growth=self.growth,
            inner_tolerance=self.inner_tolerance,
        )
        start = first.start.expand(len(ways), -1)
        arrived = together.travel(start, going, first.wave, [way.course for way in ways])
        for way, theta, gone in zip(ways, arrived, going, strict=True):
            way.descent.theta, way.descent.space = theta, "rows" if gone else way.descent.space

    def _block(self, way: Continuation) -> Block:
        """The rows of the points."""
        if self.nearest == "function":
            return way.wave.rows(fixed={U: 1}, growing={CONSTRAINTS: 1}, near=way.at_start)
        return way.wave.rows(growing={CONSTRAINTS: 1})

    def _rows(self, way: Continuation) -> Rows:
        return Rows([self._block(way), *way.wave.conditions])


def seeks_data(solver: object) -> TypeGuard[LevenbergMarquardt]:
    """Whether a solver brings networks near observations, and unknowns with them."""
    return isinstance(solver, LevenbergMarquardt) and solver.nearest == "data"


class _Arrival(NamedTuple):
    """θ at the precision that it was trained in, what can be asked of it there, and whether it meets that."""

    theta: Tensor
    tolerance: float
    met: bool


def _arrival(way: Continuation, before: Tensor) -> _Arrival | None:
    """Where a way ended that came from the trained θ `before`; None where it could not begin."""
    if not math.isfinite(way.course.errors[0]):
        return None
    theta = way.descent.theta.to(before.dtype)
    tolerance = max(way.tolerance, way.wave.rounding(theta.double(), torch.finfo(before.dtype).eps))
    return _Arrival(theta, tolerance, way.wave.error(way.wave.evaluate(theta.double())) <= tolerance)


def _solution(way: Continuation, before: Tensor, arrival: _Arrival | None, gradient: float | None) -> Solution:
    """The result; without a `gradient` at rest it has converged."""
    if arrival is None:
        return way.course.solution(before, ProjectionStatus.DIVERGED)
    theta, watched = arrival.theta, {"tolerance": arrival.tolerance}
    if gradient is None:
        return way.course.solution(theta, ProjectionStatus.CONVERGED, watched, way.descent.space)
    status = ProjectionStatus.LEAST_SQUARES if gradient <= STATIONARY else ProjectionStatus.TOLERANCE_NOT_MET
    return way.course.solution(theta, status, {**watched, "gradient": gradient}, way.descent.space)


def _gradient_at_rest(way: Continuation) -> float:
    """|Jᵀg| / (|J| |g|) for all constraints: 0 where no small move lowers |g|.

    What pulls the network elsewhere would hide that, so it is taken where a descent on the constraints alone comes to
    rest; where that descent leads much lower, the network is not at rest.
    """
    rows = _constraints_of(way)
    weights = rows.weights(1.0)
    probe = Descent(way.descent.theta, space=way.space)
    probe.minimise(rows, weights, inner_tolerance=AT_REST, max_steps=PROBING_STEPS)
    there = probe if _as_low(way, probe.theta) else probe.begun_at(way.descent.theta)
    at, side = there.linearised(rows, weights)
    residuals = weights * rows.select(at.quantities)
    size = math.sqrt(side.square) * float(residuals.norm())
    return float(at.jacobian.transposed_times(weights * residuals).norm()) / max(size, 1e-300)


def _gradients_at_rest(ways: Sequence[Continuation]) -> list[float]:
    """`_gradient_at_rest` of many at once."""
    stack, theta = Waves.of([_constraints_of(way) for way in ways]), torch.stack([way.descent.theta for way in ways])
    probe = Together(
        stack=stack,
        start=ways[0].start,
        pull=0.0,
        tolerance=theta.new_zeros(len(ways)),
        max_steps=PROBING_STEPS,
        first_weight=1.0,
        growth=None,
        inner_tolerance=AT_REST,
    )
    probed = probe.travel(theta, [True] * len(ways), ways[0].wave)
    low = torch.tensor([_as_low(way, own) for way, own in zip(ways, probed, strict=True)], device=theta.device)
    return gradients_of(stack, torch.where(low[:, None], probed, theta)).tolist()


def _constraints_of(way: Continuation) -> Rows:
    return Rows([way.wave.rows(growing={CONSTRAINTS: 1}), *way.wave.conditions])


def _as_low(way: Continuation, theta: Tensor) -> bool:
    """Whether the error of a way is not much lower at θ (P,)."""
    return way.wave.error(way.wave.evaluate(theta)) > 0.5 * way.course.errors[-1]
