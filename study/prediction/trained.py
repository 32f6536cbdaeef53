"""A trained network in use: what it predicts, its derivatives and its residuals, wherever one asks. numpy in and out.

Axis names: N points, D coordinates, K given parameters, O outputs.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.derivatives import Field
from cnn_core.metrics import POINTS_AT_ONCE
from cnn_core.problems import INTERIOR, PointSet, Problem
from cnn_core.projection import ProjectionResult, project
from cnn_core.solvers import Solver, seeks_data
from cnn_core.training import TrainingStatus
from search_spaces.errors import StudyFileError
from search_spaces.schema import Study
from search_spaces.splits import observations_in, points_of

SOLVER = "projection: {solver: lm, nearest: function}"


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network as it was after `epoch` epochs of its training, whose `status` says whether that had ended.

    Points are x (N, D), or (N,) where there is one coordinate, with given parameters p (N, K), or (K,) for all points;
    where there are none, p is left out. Other shapes raise ValueError. What comes back has the training's precision.
    """

    settings: Study = field(repr=False)
    """What was trained, and how: `settings.training.method`, for instance."""

    model: ConstrainedNetwork = field(repr=False)
    theta: Tensor = field(repr=False)
    """The network's parameters, and behind them the unknowns, (P,)."""

    epoch: int
    status: TrainingStatus
    doubts: tuple[str, ...] = ()
    """What one should know of it, a line for each thing."""

    solved: Mapping[tuple[float, ...], ProjectionResult] = field(default_factory=dict, repr=False)
    """Of a trial without training, whose θ is random: the projections of its waves, by their parameters p."""

    projection: ProjectionResult | None = field(default=None, repr=False)
    """How `projected` made this network, if it did."""

    @property
    def trained(self) -> bool:
        """Whether θ was; else it is random, unless a projection has moved it."""
        return self.epoch > 0

    @property
    def problem(self) -> Problem:
        """The PDE, its conditions and its domain, e.g. `problem.domain.sample("boundary", 100).x`."""
        return self.model.problem

    @property
    def unknowns(self) -> dict[str, float]:
        """The values that were found, by name: by training, or, without one, by what solved the one wave."""
        untouched = self.projection is None and not self.trained and len(self.solved) == 1
        theta = next(iter(self.solved.values())).theta if untouched else self.theta
        return dict(zip(self.problem.unknowns, self.model.unknowns(theta).tolist(), strict=True))

    @property
    def module(self) -> nn.Module:
        """A copy of the network in torch, as a module that takes x (N, D) and p (N, K), with its trained parameters."""
        network, model = copy.deepcopy(self.model.network), self.model
        network.load_state_dict(model.layout.unflatten(model.of_network(self.theta)), strict=False)
        return network

    def predict(self, x: ArrayLike, p: ArrayLike | None = None) -> np.ndarray:
        """u at the points, (N, O)."""
        return self._each(lambda x, p: self.model.predict(self.theta, x, p), *self._points(x, p))

    def derivatives(self, x: ArrayLike, p: ArrayLike | None = None, *, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Derivatives of u at the points, (N, O) each, by the names that residuals have for them: `t`, `xx`, `xxt` …

        Raises ValueError for a name that means none, or one above the fourth order.
        """
        if isinstance(names, str):
            raise ValueError(f"names is the text {names!r}; write a tuple of names, ({names!r},)")
        if not names:
            return {}
        model, outputs = self.model.with_problem(_differentiated(self.problem, names)), len(self.problem.outputs)
        found = self._each(lambda x, p: model.residuals(self.theta, x, p), *self._points(x, p))
        return dict(zip(names, np.split(found, found.shape[1] // outputs, axis=1), strict=True))

    def residuals(
        self,
        x: ArrayLike,
        p: ArrayLike | None = None,
        *,
        region: str = INTERIOR,
        normal: ArrayLike | None = None,
        scaled: bool = True,
    ) -> dict[str, np.ndarray]:
        """The residuals at points of a region, (N,) each, by name: those of the PDE, or of the conditions set there.

        `scaled` divides them by the problem's scale, as all metrics do. A condition that reads the outward normal needs
        `normal` (N, D). Raises ValueError for a region that the problem does not have.
        """
        model = replace(self.model.on(region), scaled=scaled)
        at, given = self._points(x, p)
        attached = self._attached(model.problem, at, normal)
        found = self._each(lambda x, p: model.residuals(self.theta, x, p), at, torch.cat([given, attached], dim=1))
        if attached.isnan().any() and np.isnan(found).any():
            raise ValueError(f"the conditions on {region} read the outward normal; write normal=…, {tuple(at.shape)}")
        return dict(zip(model.problem.constraints, found.T, strict=True))

    def projected(self, p: ArrayLike | None = None, solver: Solver | None = None) -> "TrainedNetwork":
        """This network moved onto the constraint for the one wave p (K,), by its trial's `projection` or this solver.

        It is good for that wave alone; unknowns keep their values, unless the solver seeks data: those of the trial's
        study, which must be there then. How it went is in `projection`: `status`, `steps`,
        `residual_off`. What the trial has `solved` is taken as it is, without a solver. Raises ValueError if there is
        no solver, and for a problem that it cannot project.
        """
        wave = self._parameters(p, 1)
        if solver is None and (result := self.solved.get(tuple(wave[0].tolist()))) is not None:
            return replace(self, theta=result.theta, projection=result)
        solver = solver or self.settings.projection
        if solver is None:
            raise ValueError(f"this trial has no projection; write {SOLVER} into its study file, or give a solver here")
        data = self._observations() if seeks_data(solver) else None
        (result,) = project(self.model, self.theta, wave, solver, data=data, seed=self.settings.training.seed)
        return replace(self, theta=result.theta, projection=result)

    def _observations(self) -> PointSet | None:
        """Those of the training, for a solver that seeks data."""
        try:
            return observations_in(points_of(self.settings, self.problem, "train"))
        except StudyFileError as error:
            raise ValueError(
                f"nearest: data needs the training's observations ({error}); do it where the study file is, or give "
                "another solver"
            ) from None

    def _points(self, x: ArrayLike, p: ArrayLike | None) -> tuple[Tensor, Tensor]:
        if not self.trained and self.projection is None:
            raise ValueError("nothing was trained, and θ is random; write projected(p) for what a wave was solved by")
        axes = self.problem.axes
        at = self._tensor("x", x)
        if at.dim() == 1 and len(axes) == 1:
            at = at[:, None]
        if at.dim() != 2 or at.shape[1] != len(axes):
            raise ValueError(f"x has the shape {tuple(at.shape)}; write (N, {len(axes)}), a column for {_listed(axes)}")
        return at, self._parameters(p, len(at))

    def _parameters(self, p: ArrayLike | None, count: int) -> Tensor:
        """p (count, K)."""
        names = self.problem.given
        given = self._tensor("p", np.empty(0) if p is None else p)
        if len(names) == 1 and given.shape == (count,):
            return given[:, None]
        if given.dim() == 1 and len(given) == len(names):
            return given.expand(count, -1)
        if given.shape != (count, len(names)):
            got = "is missing" if p is None else f"has the shape {tuple(given.shape)}"
            each = f"({len(names)},)" if count == 1 else f"({len(names)},) or ({count}, {len(names)})"
            raise ValueError(f"p {got}; write {each}, a column for {_listed(names)}")
        return given

    def _tensor(self, name: str, values: ArrayLike) -> Tensor:
        try:
            found = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} is no array of numbers ({error}); write one") from None
        return torch.from_numpy(found).to(self.theta)

    def _attached(self, problem: Problem, x: Tensor, normal: ArrayLike | None) -> Tensor:
        """What residuals read of each point beside x and p, (N, E)."""
        name, count = problem.region.name, problem.region.attached
        if name in self.problem.conditions and self.problem.conditions[name].at_points and count:
            raise ValueError(f"region {name!r} is points of the condition's own; compare its values with u there")
        if not count:
            return x.new_zeros(len(x), 0)
        if normal is None:
            return x.new_full((len(x), count), torch.nan)
        if (given := self._tensor("normal", normal)).shape != x.shape:
            raise ValueError(f"normal has the shape {tuple(given.shape)}; write that of x, {tuple(x.shape)}")
        return given

    def _each(self, function: Callable[[Tensor, Tensor], Tensor], x: Tensor, p: Tensor) -> np.ndarray:
        """A function of points, not of too many at once."""
        with torch.no_grad():
            parts = zip(x.split(POINTS_AT_ONCE), p.split(POINTS_AT_ONCE), strict=True)
            return torch.cat([function(*part) for part in parts]).cpu().numpy()


def _differentiated(problem: Problem, names: Sequence[str]) -> Problem:
    """The problem whose residuals are these derivatives, of every output."""

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Any]:
        return {f"{name}, {index}": value for name in names for index, value in enumerate(u[name])}

    return Problem(
        problem.name, problem.coordinates, problem.parameters, problem.outputs, residual, unknowns=problem.unknowns
    )


def _listed(names: Sequence[str]) -> str:
    return f"each of {', '.join(names)}" if names else "none: it has no given parameters"
