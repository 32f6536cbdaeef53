"""Projection: move a trained network's parameters onto the constraint, for each wave by itself, after training.

The result is a new θ for each wave; the trained one is never touched. How θ moves is the solver's business
(`cnn_core.solvers`); what the move was worth is said here, in the same terms for every solver.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.domains import Box, lattice
from cnn_core.problems import INTERIOR, Condition, PointSet, Problem, by_region, collocation_points, with_known
from cnn_core.solvers.enforced import Enforced, enforced
from cnn_core.solvers.lm import LevenbergMarquardt, seeks_data
from cnn_core.solvers.solver import ProjectionStatus, Solution, Solver

CHECK_POINTS = 500
CHECK_SEED = 1_667_786_083
"""Added to the seed, so that the points that check a projection are not those of a split. Another would draw others."""


@dataclass(frozen=True)
class ProjectionResult:
    """One wave's projection.

    `residual_on` and `residual_off` are the mean squares of the PDE's scaled residuals at the collocation points `x`
    (n, D) and at 500 others, with those of each of the problem's conditions that is enforced added: at its points, and
    at 500 others of its region. `distance_parameters` is |θ − θ₀|, `distance_function` the root mean square of
    u_θ − u_θ₀ at x.
    `space` says whether steps were solved in the space of `rows` or of `parameters`; Adam solves nothing.
    `errors` is the solver's own error at every step, `path` holds (step, prediction (n, O)) at x before, during and
    after, `distances` the distance in function at every step.
    """

    theta: Tensor = field(repr=False)
    status: ProjectionStatus
    steps: int
    residual_on: float
    residual_off: float
    distance_parameters: float
    distance_function: float
    seconds: float
    x: Tensor = field(repr=False)
    path: list[tuple[int, Tensor]] = field(repr=False)
    errors: list[float] = field(repr=False)
    distances: list[float] = field(repr=False)
    watched: Mapping[str, float] = field(repr=False)
    space: str = ""


@dataclass(frozen=True, eq=False)
class _Places:
    """Where residuals are looked at: the PDE's at x (n, D), and those of conditions at points of their own."""

    x: Tensor
    conditions: Sequence[Enforced]

    def mean_squares(self, model: ConstrainedNetwork, theta: Tensor, p: Tensor) -> float:
        """The mean square of the PDE's scaled residuals for the wave p (K,), and of every condition's, summed."""
        scaled = replace(model, scaled=True)
        places = [(scaled, self.x, p.expand(len(self.x), -1))]
        for condition in self.conditions:
            points = condition.points(scaled, p)
            places.append((points.model, points.x, points.p))
        with torch.no_grad():
            return sum(float(model.residuals(theta, x, p).square().mean()) for model, x, p in places)


def project(
    model: ConstrainedNetwork,
    theta: Tensor,
    waves: Tensor,
    solver: Solver,
    *,
    conditions: Sequence[Condition] = (),
    data: PointSet | None = None,
    seed: int = 0,
) -> list[ProjectionResult]:
    """Project θ (P,) for every wave of `waves` (W, K), each by itself from the same θ; W results.

    The PDE is enforced together with the problem's conditions, at the points that the solver gives their regions, and
    with `conditions` at points, which hold for every wave. Unknowns keep the values that θ has, but for the solver
    `nearest: data`, which moves them, too, and needs the observations of every wave among the `data`. `seed` picks the
    points where `residual_off` is measured.
    """
    problem, theta = model.problem, theta.detach()
    if waves.dim() != 2 or waves.shape[1] != len(problem.given):
        raise ValueError(f"waves: they must have the shape (waves, {len(problem.given)}), got {tuple(waves.shape)}")
    solver.require(problem)
    model = _with_conditions(model, conditions)
    model = model if seeks_data(solver) else _with_known(model, theta)
    counts = by_region(solver.points)
    x = projection_points(problem, counts[INTERIOR]).to(theta)
    every = enforced(model.problem, counts, x, "uniform")
    on = _Places(x, [one for one in every if one.key in problem.conditions])
    off = _check_points(model.problem, on, seed=seed + CHECK_SEED)
    waves = waves.to(theta)
    solved = _solutions(model, theta[: len(model.begin)], waves, solver, on.x, every, data)
    return [
        _result(model, theta, p, solution, seconds, on, off)
        for p, (solution, seconds) in zip(waves, solved, strict=True)
    ]


def projection_points(problem: Problem, count: int) -> Tensor:
    """Collocation points of a projection in the interior: (count, D) in float64, in a box a lattice.

    It is a good quadrature. With irregular points a network finds functions that obey the PDE at the points and
    oscillate between them.
    """
    if not isinstance(problem.domain, Box):
        return collocation_points(problem, count, "uniform")
    low, high = torch.tensor(list(problem.box.values()), dtype=torch.float64).T
    return low + (high - low) * lattice(count, len(low))


def _check_points(problem: Problem, on: _Places, *, seed: int) -> _Places:
    """Other points for what is enforced; conditions at points of their own keep these."""
    x = collocation_points(problem, CHECK_POINTS, "random", seed=seed).to(on.x)
    keys = [one.key for one in on.conditions]
    counts = {one.region: CHECK_POINTS for one in on.conditions if one.region in problem.domain.regions}
    return _Places(x, [one for one in enforced(problem, counts, x, "random", seed=seed) if one.key in keys])


def _with_conditions(model: ConstrainedNetwork, conditions: Sequence[Condition]) -> ConstrainedNetwork:
    """The model whose problem has these conditions, too."""
    for condition in conditions:
        if not condition.at_points:
            raise ValueError(f"condition: it is on the region {condition.on!r}; put it into the problem's conditions")
    more = {f"condition {number}": condition for number, condition in enumerate(conditions, 1)}
    return model.with_problem(replace(model.problem, conditions={**model.problem.conditions, **more}))


def _with_known(model: ConstrainedNetwork, theta: Tensor) -> ConstrainedNetwork:
    """The model whose unknowns are those of θ (P,); its own θ is the network's part, which stands first."""
    return model.with_problem(with_known(model.problem, model.unknowns(theta)))


def _solutions(
    model: ConstrainedNetwork,
    theta: Tensor,
    waves: Tensor,
    solver: Solver,
    x: Tensor,
    conditions: Sequence[Enforced],
    data: PointSet | None,
) -> Iterator[tuple[Solution, float]]:
    """Every wave's solution, and the seconds that it took: of many at once on a GPU, where that pays."""
    if seeks_data(solver):
        seen = [_observed(data, p) for p in waves]
        for p, own in zip(waves, seen, strict=True):
            started = time.perf_counter()
            solution = solver.solve(model, theta, x, p, conditions, own)
            yield solution, time.perf_counter() - started
        return
    if len(waves) > 1 and theta.is_cuda and isinstance(solver, LevenbergMarquardt):
        started = time.perf_counter()
        solutions = _together(model, theta, waves, solver, x, conditions)
        seconds = (time.perf_counter() - started) / len(waves)
        yield from ((solution, seconds) for solution in solutions)
        return
    for p in waves:
        started = time.perf_counter()
        solution = solver.solve(model, theta, x, p, conditions)
        yield solution, time.perf_counter() - started


def _observed(data: PointSet | None, p: Tensor) -> PointSet:
    """What was observed of the wave p (K,). Raises ValueError where that is nothing."""
    found = None if data is None else data.of(p)
    if not found:
        raise ValueError(f"nearest: data needs observations of every wave, and there are none of {p.tolist()}")
    return found


def _together(
    model: ConstrainedNetwork,
    theta: Tensor,
    waves: Tensor,
    solver: LevenbergMarquardt,
    x: Tensor,
    conditions: Sequence[Enforced],
) -> list[Solution]:
    """The solutions of many waves at once; of half as many, and again, where there is no memory for them."""
    try:
        return solver.solve_together(model, theta, x, waves, conditions)
    except torch.OutOfMemoryError:
        if len(waves) == 1:
            raise
    halves = waves.tensor_split(2)
    return [one for half in halves for one in _together(model, theta, half, solver, x, conditions)]


def _result(
    model: ConstrainedNetwork, theta: Tensor, p: Tensor, solution: Solution, seconds: float, on: _Places, off: _Places
) -> ProjectionResult:
    before, held = theta.tensor_split([len(solution.theta)])
    after, waves = solution.theta, p.expand(len(on.x), -1)
    move = model.predict(after, on.x, waves) - model.predict(before, on.x, waves)
    return ProjectionResult(
        theta=torch.cat([after, held]),
        status=solution.status,
        steps=len(solution.errors) - 1,
        residual_on=on.mean_squares(model, after, p),
        residual_off=off.mean_squares(model, after, p),
        distance_parameters=float((after - before).norm()),
        distance_function=float(move.square().mean().sqrt()),
        seconds=seconds,
        x=on.x,
        path=solution.path,
        errors=solution.errors,
        distances=solution.distances,
        watched=solution.watched,
        space=solution.space,
    )
