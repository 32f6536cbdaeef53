"""What every projection solver is: a frozen dataclass of settings that moves θ onto the constraint of one wave."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.problems import INTERIOR, Problem, by_region
from cnn_core.solvers.enforced import Enforced

Accept = Literal["always", "if-better-on-validation"]


class ProjectionStatus(StrEnum):
    """How a projection ended."""

    CONVERGED = "converged"
    LEAST_SQUARES = "least squares"  # no small move lowers |g|, which is not 0: the constraints contradict each other
    TOLERANCE_NOT_MET = "tolerance not met"
    DIVERGED = "diverged"  # a step was not finite; θ is the trained one again


class Solution(NamedTuple):
    """Where a solver arrived: θ (P,), how, its own error before every step and at the end, and values worth watching.

    `distances` are the root mean squares of u_θ − u_θ₀ at the collocation points where `errors` were measured. `path`
    holds (step, prediction (n, O)) there: before, at a few steps on the way, and after.
    """

    theta: Tensor
    status: ProjectionStatus
    errors: list[float]
    distances: list[float]
    path: list[tuple[int, Tensor]]
    watched: Mapping[str, float] = {}
    space: str = ""


class Course:
    """What a solver notes on its way: at first, and after every step."""

    def __init__(self, prediction: Tensor, error: float) -> None:
        self.errors, self.distances = [error], [0.0]
        self.path = [(0, prediction)]
        self._last = prediction

    def note(self, error: float, prediction: Tensor) -> None:
        """After a step: the solver's error and the prediction (n, O), which is kept at steps 1, 2, 4, 8 …"""
        step = len(self.errors)
        self.errors.append(error)
        self.distances.append(float((prediction - self.path[0][1]).square().mean().sqrt()))
        self._last = prediction
        if step & (step - 1) == 0:
            self.path.append((step, prediction))

    def solution(
        self, theta: Tensor, status: ProjectionStatus, watched: Mapping[str, float] | None = None, space: str = ""
    ) -> Solution:
        """The course as it ended, with θ (P,)."""
        end = len(self.errors) - 1
        path = self.path if self.path[-1][0] == end else [*self.path, (end, self._last)]
        return Solution(theta, status, self.errors, self.distances, path, watched or {}, space)


class Solver(Protocol):
    """A projection solver, with the settings that all have.

    `points` are collocation points a wave, in the interior or by region: the conditions on a region are enforced at its
    points, and not where it has 0; those at points of their own always are. `waves` bounds the waves projected of a
    split; `every` is the number of epochs between projections during a training, `accept` says which projections a
    trial keeps.
    """

    @property
    def solver(self) -> str: ...
    @property
    def points(self) -> int | Mapping[str, int]: ...
    @property
    def waves(self) -> int | Literal["all"]: ...
    @property
    def every(self) -> int | None: ...
    @property
    def accept(self) -> Accept: ...
    def require(self, problem: Problem) -> None:
        """Raise ValueError where this solver cannot serve the problem."""
        ...

    def solve(
        self, model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, conditions: Sequence[Enforced] = ()
    ) -> Solution:
        """Move a copy of θ (P,) so that the PDE holds at x (n, D) for the wave p (K,), and conditions do at theirs.

        θ holds unknowns only where the solver moves them, too.
        """
        ...


def in_float64(model: ConstrainedNetwork) -> ConstrainedNetwork:
    """A model of a copy of the network in float64, its buffers and frozen parameters, too."""
    return replace(model, network=copy.deepcopy(model.network).double())


def require_choice(solver: object, name: str, *known: str) -> None:
    """Raises ValueError unless a setting is one of the known words."""
    if (value := getattr(solver, name)) not in known:
        raise ValueError(f"{name} must be {', '.join(known[:-1])} or {known[-1]}, got {value!r}")


def require_common(solver: Solver) -> None:
    """Check the settings that all solvers have. Raises ValueError."""
    for name in ("max_steps", "waves", "every"):
        value = getattr(solver, name)
        if value not in ("all", None) and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    _require_counts(solver.points)
    require_choice(solver, "accept", "always", "if-better-on-validation")


def _require_counts(points: int | Mapping[str, int]) -> None:
    counts = by_region(points)
    if INTERIOR not in counts:
        raise ValueError("points.interior is missing, where the PDE is enforced; write e.g. interior: 200")
    for region, count in counts.items():
        where, least = "points" if isinstance(points, int) else f"points.{region}", int(region == INTERIOR)
        if count < least:
            raise ValueError(f"{where} must be at least {least}, got {count}")
