"""What a trial predicts, as arrays for its plots: at the test points of one wave, and on grids through the domain.

* `coordinates`, `outputs`, `parameters`, `unknowns`: names; `found`: the values of unknowns; `truths`: the true ones,
  nan where one is not known; `time`: the name of the time's coordinate, empty without one; `box` (D, 2).
* `x`, `p`, `before`, `after`, `u`: test points of the first wave, the network there as trained and projected, and what
  is known there, nan for gaps; `observed` says whether that was observed, and is not exact.
* `planes` (S, 1 or 2): the coordinates along which the grids lie, the others being in the middle of the box.
  `plane_before`, `plane_after`, `plane_exact` (S, n, [n,] O) and `plane_residual`, `plane_residual_after` (S, n, [n]),
  the norm of the PDE's scaled residuals, nan outside of the domain.
* `training_x` (M, D), `training_u` (M, O): the observations of this wave that the training had, nan for gaps.
* `collocation` (M, D): the points of the first wave that the training used, at its end; `trained`: whether it did.
* `path_…`: how the projection of that wave went.

Axis names: D coordinates, O outputs, S planes, n points along a coordinate.
"""

import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import measure
from cnn_core.problems import DATA, INTERIOR, PointSet, Problem
from study.trial.projecting import Projected

SIDES = {1: 401, 2: 101}
"""Points along a coordinate, by the number of coordinates; of more than two there are several planes."""

SIDE, MOST_PLANES = 61, 3

MOST_OUTPUTS = 4
"""Of so many outputs there are grids; a set of a hundred would not be legible."""

MOST_POINTS = 2000
"""Of the training's own points and observations."""

Points = Mapping[str, PointSet]


def predictions(
    model: ConstrainedNetwork, theta: Tensor, *, test: Points, train: Points, projected: Projected | None, trained: bool
) -> dict[str, np.ndarray]:
    """All arrays of a trial with these parameters θ (P,), which are random if nothing was `trained`."""
    region = next(name for name in (DATA, INTERIOR, *test) if name in test)
    wave, problem = test[region].wave(0), model.problem
    found = _at_points(model.on(region), theta, wave)
    result = projected.splits["test"].results[0] if projected is not None and "test" in projected.splits else None
    after = result.theta if result is not None and projected is not None and projected.kept else None
    planes = _planes(problem)
    found["plane_before"], found["plane_residual"] = _on_planes(model, theta, planes, wave.p[:1])
    if problem.has_solution:
        found["plane_exact"] = _on(problem, planes, lambda x: _exact(problem, x, wave.p[:1]))
    if after is not None:
        found["after"] = measure(model.on(region), after, wave).prediction
        found["plane_after"], found["plane_residual_after"] = _on_planes(model, after, planes, wave.p[:1])
    if result is not None:
        found |= {
            "path_x": result.x,
            "path_steps": torch.tensor([step for step, _ in result.path]),
            "path_predictions": torch.stack([prediction for _, prediction in result.path]),
            "path_errors": torch.tensor(result.errors),
            "path_distances": torch.tensor(result.distances),
        }
    found |= {
        "planes": torch.tensor(planes),
        "box": torch.tensor(list(problem.box.values())),
        "found": model.unknowns(theta if after is None else after),
        "truths": problem.truths,
        "collocation": _collocation(train),
        "observed": torch.tensor(region == DATA),
        "trained": torch.tensor(trained),
    }
    if DATA in train:
        found |= observations_of(train[DATA], wave.p[0])
    return _names(problem) | {name: array.detach().cpu().numpy() for name, array in found.items()}


def _names(problem: Problem) -> dict[str, np.ndarray]:
    span = getattr(problem.domain, "span", None)  # not all domains have one
    names = {
        "coordinates": problem.axes,
        "outputs": problem.outputs,
        "parameters": problem.given,
        "unknowns": tuple(problem.unknowns),
    }
    return {"time": np.array(span[0] if span else "")} | {name: np.array(own, str) for name, own in names.items()}


def _at_points(model: ConstrainedNetwork, theta: Tensor, wave: PointSet) -> dict[str, Tensor]:
    found = {"x": wave.x, "p": wave.p[0], "before": measure(model, theta, wave).prediction}
    if wave.observed:
        found["u"] = wave.known
    return found


def observations_of(points: PointSet, p: Tensor) -> dict[str, Tensor]:
    """The training's observations of the wave p (K,)."""
    own = points.of(p)
    return {"training_x": _thinned(own.x), "training_u": _thinned(own.known)}


def _planes(problem: Problem) -> list[tuple[int, ...]]:
    """Pairs of coordinates, the time being the first of its pair; or the only coordinate."""
    axes, (time, _) = problem.axes, getattr(problem.domain, "span", None) or ("", None)
    if len(axes) == 1:
        return [(0,)]
    pairs = list(itertools.combinations(range(len(axes)), 2))[:MOST_PLANES]
    return [pair[::-1] if axes[pair[1]] == time else pair for pair in pairs]


def _grid(problem: Problem, plane: tuple[int, ...]) -> Tensor:
    """The points (n, [n,] D) of a plane."""
    low, high = torch.tensor(list(problem.box.values()), dtype=torch.float64).T
    side = SIDES.get(len(low), SIDE)
    ticks = [torch.linspace(float(low[axis]), float(high[axis]), side, dtype=torch.float64) for axis in plane]
    x = (0.5 * (low + high)).expand(*[side] * len(plane), -1).clone()
    for axis, along in zip(plane, torch.meshgrid(*ticks, indexing="ij"), strict=True):
        x[..., axis] = along
    return x


def _on_planes(
    model: ConstrainedNetwork, theta: Tensor, planes: list[tuple[int, ...]], p: Tensor
) -> tuple[Tensor, Tensor]:
    """The prediction and the norm of its residuals."""
    model = model.on(INTERIOR)

    def both(x: Tensor) -> Tensor:
        x = x.to(p)
        found = measure(model, theta, PointSet(x, p.expand(len(x), -1), x.new_zeros(len(x), 1), 1, observed=False))
        return torch.cat([found.prediction[:, :MOST_OUTPUTS], found.residuals.norm(dim=1, keepdim=True)], dim=1)

    values = _on(model.problem, planes, both)
    return values[..., :-1], values[..., -1]


def _on(problem: Problem, planes: list[tuple[int, ...]], function: Callable[[Tensor], Tensor]) -> Tensor:
    """Values of x (N, D) → (N, V) on all planes, (S, n, [n,] V) in single precision; nan outside of the domain."""
    x = torch.stack([_grid(problem, plane) for plane in planes])
    inside = problem.domain.contains(x.flatten(0, -2)).reshape(x.shape[:-1])
    found = function(x[inside]).detach().cpu().float()
    values = torch.full((*inside.shape, found.shape[1]), math.nan)
    values[inside.cpu()] = found
    return values


def _exact(problem: Problem, x: Tensor, p: Tensor) -> Tensor:
    """The exact solution (N, O) at x (N, D), for p (1, K) and the true values of unknowns."""
    p = problem.complete(p.cpu().double().expand(len(x), -1), problem.truths)
    return torch.vmap(problem.solution)(x, p)[:, :MOST_OUTPUTS]


def _collocation(train: Points) -> Tensor:
    waves = [points.wave(0).x for region, points in train.items() if region != DATA]
    x = torch.cat(waves) if waves else next(iter(train.values())).x[:0]
    return _thinned(x)


def _thinned(rows: Tensor) -> Tensor:
    return rows[:: -(-len(rows) // MOST_POINTS) or 1].float()
