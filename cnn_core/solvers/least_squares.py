"""The constraints alone as one nonlinear least-squares problem, from wherever θ is: a solver of PDEs.

    min ½ Σ_regions mean |g|²

by Levenberg–Marquardt (`cnn_core.linear_algebra.least_squares`), with every parameter in a unit of its own. Nothing
keeps the network near what it was: from random parameters there is nothing worth keeping, and a trained network only
says where to begin.

The points may follow the residual. Every few steps the PDE is looked at off them; where it is violated there by much
more than at the points, those of them where the residual is smallest give way to points that are drawn where it is
large (`cnn_core.renewal`). Otherwise they rest, and a solution counts as converged when the PDE holds off them, too.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.linear_algebra.least_squares import Descent
from cnn_core.linear_algebra.sides import SPACES, Space
from cnn_core.problems import INTERIOR, Problem
from cnn_core.renewal import SEED_STEP, Refinement, picked
from cnn_core.solvers.enforced import Enforced, require_points
from cnn_core.solvers.rows import Rows
from cnn_core.solvers.solver import (
    Accept,
    Course,
    ProjectionStatus,
    Solution,
    in_float64,
    require_choice,
    require_common,
)
from cnn_core.solvers.start import reaching_start
from cnn_core.solvers.wave import CONSTRAINTS, U, Wave, wave_of

FOLLOWED = 4.0
"""Points gather anew where the mean square of the residuals off them is larger than so many times that on them."""


@dataclass(frozen=True)
class LeastSquaresSolver:
    """Minimise the mean squares of all constraints until their sum is at most `tolerance`, or for `max_steps` steps.

    `start: reaching` scales the first layer of random parameters to what the problem asks for
    (`cnn_core.solvers.start`); a trained network keeps its own with `as-it-is`. `refine` lets the PDE's points follow
    the residual: its `every` counts steps, its `share` is that of the points which give way. `max_seconds` bounds the
    CPU time of the process.
    """

    start: Literal["as-it-is", "reaching"] = "as-it-is"
    refine: Refinement | None = None
    space: Space = "auto"
    tolerance: float = 1e-12
    max_steps: int = 1000
    max_seconds: float | None = None
    points: int | Mapping[str, int] = 1000
    waves: int | Literal["all"] = "all"
    every: int | None = None
    accept: Accept = "always"
    solver: Literal["least-squares"] = "least-squares"

    def __post_init__(self) -> None:
        require_common(self)
        require_choice(self, "start", "as-it-is", "reaching")
        require_choice(self, "space", *SPACES)
        if self.refine is not None and not isinstance(self.refine, Refinement):
            raise ValueError(f"refine must be a cnn_core.renewal.Refinement or None, got {self.refine!r}")
        if not 0 < self.tolerance < math.inf:
            raise ValueError(f"tolerance must be positive, got {self.tolerance}")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ValueError(f"max_seconds must be positive, got {self.max_seconds}")

    def require(self, problem: Problem) -> None:
        """Raise ValueError where this solver cannot serve the problem."""
        require_points(problem, self.points)

    def solve(
        self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, conditions: Sequence[Enforced] = ()
    ) -> Solution:
        model = in_float64(model)
        way = _Way(self, wave_of(model, x.double(), p.double(), conditions, general=False), theta)
        if not math.isfinite(way.course.errors[0]):
            return way.course.solution(theta, ProjectionStatus.DIVERGED)
        return way.arrived(theta, way.travel())


class _Way:
    """One wave's way from θ₀ (P,), on which every step is noted. Its points may change, the noted ones do not."""

    def __init__(self, settings: LeastSquaresSolver, wave: Wave, theta: Tensor) -> None:
        self.settings, self.wave, self.noted = settings, wave, wave.points
        self.ends = math.inf if settings.max_seconds is None else time.process_time() + settings.max_seconds
        start = theta.double()
        before = wave.evaluate(start)
        self.error = wave.error(before)
        """At the points of now."""
        self.course = Course(wave.part(U, before), self.error)
        self.tolerance = max(settings.tolerance, self._rounding(theta))
        self.descent = Descent(start, space=settings.space, scaled=True, on_step=self._note)
        self.moves = 0

    def travel(self) -> ProjectionStatus:
        """Descend until the constraints hold, no step is left, or none helps."""
        if self.settings.start == "reaching" and not self._met():
            off = self.wave.at(self._drawn(len(self.noted.x)))
            self.descent.theta = reaching_start(self.noted.model, self.descent, _rows(self.wave), _rows(off))
            self.error = self.wave.error(self.wave.evaluate(self.descent.theta))
        while True:
            self._descend()
            followed = self._follow()
            if self._met() and not followed:
                return ProjectionStatus.CONVERGED
            if self._late() or max(self.descent.steps, self.moves) >= self.settings.max_steps:
                return ProjectionStatus.TOLERANCE_NOT_MET
            if self.descent.stuck and not followed:
                return ProjectionStatus.LEAST_SQUARES

    def arrived(self, before: Tensor, status: ProjectionStatus) -> Solution:
        """The result at the precision of `before` (P,), which may take what float64 had reached."""
        theta = (self.descent.theta if self.descent.steps else before).to(before.dtype)
        if theta.dtype != torch.float64:
            self.tolerance = max(self.settings.tolerance, self._rounding(theta))
            met = self.wave.error(self.wave.evaluate(theta.double())) <= self.tolerance
            met_off = status is ProjectionStatus.CONVERGED or self.settings.refine is None
            status = ProjectionStatus.CONVERGED if met and met_off else ProjectionStatus.TOLERANCE_NOT_MET
        watched = {"tolerance": self.tolerance, "points_moved": float(self.moves)}
        return self.course.solution(theta, status, watched, self.descent.space)

    def _rounding(self, theta: Tensor) -> float:
        return self.wave.rounding(theta.double(), torch.finfo(theta.dtype).eps)

    def _descend(self) -> None:
        """To the next look off the points, or to the end."""
        refine, last = self.settings.refine, self.settings.max_steps
        if refine is not None:
            last = min(last, self.descent.steps + refine.every)
        rows = _rows(self.wave)
        self.descent.minimise(
            rows, rows.weights(1.0), inner_tolerance=0.0, max_steps=last, enough=lambda: self._met() or self._late()
        )

    def _follow(self) -> bool:
        """Look off the points, and gather them anew where that is called for; whether it was."""
        if (refine := self.settings.refine) is None:
            return False
        candidates = self._drawn(refine.candidates * len(self.noted.x))
        at_points, off_points = (self._sizes(x) for x in (self.wave.points.x, candidates))
        on, off = (float(sizes.square().mean()) for sizes in (at_points, off_points))
        if off <= (self.tolerance if self._met() else FOLLOWED * on):
            return False
        self.moves += 1
        count = max(1, round(refine.share * len(at_points)))
        kept = at_points.argsort(descending=True)[: len(at_points) - count]
        chosen = candidates[picked(off_points[None], count, self.moves)[0]]
        self.wave = self.wave.at(torch.cat([self.wave.points.x[kept], chosen]))
        self.error = self.wave.error(self.wave.evaluate(self.descent.theta))
        self.descent.relax()
        return True

    def _sizes(self, x: Tensor) -> Tensor:
        """The root mean squares (n,) of the PDE's residuals at x (n, D)."""
        return self.wave.at(x).constraints(self.descent.theta).square().mean(dim=1).sqrt()

    def _drawn(self, count: int) -> Tensor:
        """So many points (count, D) of the PDE's domain, others after every move."""
        drawn = self.noted.model.problem.domain.sample(INTERIOR, count, "random", seed=SEED_STEP * (1 + self.moves))
        return drawn.x.to(self.noted.x)

    def _met(self) -> bool:
        return self.error <= self.tolerance

    def _late(self) -> bool:
        return time.process_time() >= self.ends

    def _note(self, quantities: Sequence[Tensor]) -> None:
        prediction = self.wave.part(U, quantities)
        if self.wave.points is not self.noted:
            with torch.no_grad():
                prediction = self.noted.model.predict(self.descent.theta, self.noted.x, self.noted.p)
        self.error = self.wave.error(quantities)
        self.course.note(self.error, prediction)


def _rows(wave: Wave) -> Rows:
    """All constraints of a wave as rows."""
    return Rows([wave.rows(growing={CONSTRAINTS: 1}), *wave.conditions])
