"""Projections of a split's waves, and what they are worth: errors before and after, on the same waves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import errors_of_regions, finite, measure_regions, percentiles
from cnn_core.problems import DATA, PointSet
from cnn_core.projection import ProjectionResult, project
from cnn_core.solvers import LeastSquaresSolver, ProjectionStatus, Solver, seeks_data
from cnn_core.tasks import Points
from study.trial.measuring import unknowns_of
from study.trial.saved import Wave
from study.trial.seconds import Seconds

PROJECTED = ("validation", "test")
"""The splits whose waves are projected at the end of a trial."""

PROJECTION_SECONDS = "time/projection_s"

MEANS = ("steps", "residual_on", "residual_off", "distance_parameters", "distance_function")
"""What is reported of projections as a mean over waves."""

WORST_FIRST = (
    ProjectionStatus.DIVERGED, ProjectionStatus.TOLERANCE_NOT_MET, ProjectionStatus.LEAST_SQUARES,
    ProjectionStatus.CONVERGED,
)  # fmt: skip


Known = dict[Wave, ProjectionResult]
"""Projections from one θ, by the waves' parameters: splits share waves, and those without parameters are all one."""


@dataclass(frozen=True)
class ProjectedSplit:
    """The projections of a split's waves, at most `solver.waves`, and these waves' mean errors before and after."""

    results: list[ProjectionResult]
    before: Mapping[str, float]
    after: Mapping[str, float]


@dataclass(frozen=True)
class Projected:
    """The projections of some splits, by name: whether they are kept, and what they are worth, as metrics.

    `by_wave` has every wave's, by its parameters. `difference` are percentiles of θ − θ₀ over all waves. Metrics under
    `projected/` are those of the kept networks.
    """

    splits: Mapping[str, ProjectedSplit]
    by_wave: Known
    kept: bool
    metrics: Mapping[str, float | str]
    difference: list[float]
    seconds: Seconds


def project_splits(
    model: ConstrainedNetwork,
    theta: Tensor,
    splits: Mapping[str, Points],
    solver: Solver,
    *,
    seed: int,
    data: PointSet | None = None,
    starts: Mapping[Wave, Tensor] | None = None,
) -> Projected:
    """Project the waves of these splits, whose points are given by region, from θ (P,), or from a start of their own.

    Those of `validation` decide whether the projections are kept. `data` are what `nearest: data` comes near.
    """
    seconds, known = Seconds(), Known()
    with seconds.counting():
        projected = {
            name: project_split(model, theta, points, solver, seed=seed, data=data, starts=starts, known=known)
            for name, points in splits.items()
        }
        kept = accepted(solver, projected["validation"])
        results = list(known.values())
        metrics = projection_metrics(results) | {"projection/accepted": float(kept)}
        for name, split in projected.items():
            errors_kept = split.after if kept else split.before
            metrics |= {f"projected/{name}/{metric}": value for metric, value in errors_kept.items()}
        if data is not None and seeks_data(solver):
            metrics |= _found(model, {wave: one.theta if kept else theta for wave, one in known.items()}, data)
        difference = percentiles(torch.stack([result.theta - theta for result in results]))
    return Projected(projected, known, kept, metrics, difference, seconds)


def project_split(
    model: ConstrainedNetwork,
    theta: Tensor,
    points: Points,
    solver: Solver,
    *,
    seed: int,
    data: PointSet | None = None,
    starts: Mapping[Wave, Tensor] | None = None,
    known: Known | None = None,
) -> ProjectedSplit:
    """Project every wave by itself, from the same θ (P,), knowing its parameters and no data, unless it seeks some.

    A wave in `starts` goes on from its own θ there. Those that are `known` are not projected again; the others are
    known then.
    """
    count = max(part.waves for part in points.values())
    waves = [_wave(points, index) for index in range(count if solver.waves == "all" else min(count, solver.waves))]
    known, begun = {} if known is None else known, {_rounded(key): start for key, start in (starts or {}).items()}
    parameters = [next(iter(wave.values())).p[0] for wave in waves]
    keys = [tuple(p.tolist()) for p in parameters]
    new = {key: p for key, p in zip(keys, parameters, strict=True) if key not in known}
    for key in [key for key in new if _rounded(key) in begun]:
        start, wave = begun[_rounded(key)], new.pop(key)[None]
        (known[key],) = project(model, start, wave, _going_on(solver), data=data, seed=seed)
    if new:
        projected = project(model, theta, torch.stack(list(new.values())), solver, data=data, seed=seed)
        known.update(zip(new, projected, strict=True))
    results = [known[key] for key in keys]
    before = [_errors(model, theta, wave) for wave in waves]
    after = [_errors(model, result.theta, wave) for result, wave in zip(results, waves, strict=True)]
    return ProjectedSplit(results, _means(before), _means(after))


def _found(model: ConstrainedNetwork, kept: Mapping[Wave, Tensor], data: PointSet) -> dict[str, float | str]:
    """What bringing networks near the data has found: their data error, a mean over the waves, and the unknowns.

    Where there are unknowns there is one wave.
    """
    parts = [(theta, data.of(data.p.new_tensor(wave))) for wave, theta in kept.items()]
    found = [_errors(model, theta, {DATA: part})["data_mse"] for theta, part in parts]
    unknowns = unknowns_of(model, next(iter(kept.values())))
    return {f"projected/{name}": value for name, value in {"train/data_mse": fmean(found), **unknowns}.items()}


def _rounded(wave: Wave) -> Wave:
    """A wave's parameters in single precision: a solve may go on in another one."""
    return tuple(torch.tensor(wave, dtype=torch.float32).tolist())


def _going_on(solver: Solver) -> Solver:
    """The solver for a network that was solved before: it needs no other first layer."""
    return replace(solver, start="as-it-is") if isinstance(solver, LeastSquaresSolver) else solver


def accepted(solver: Solver, validation: ProjectedSplit) -> bool:
    """Whether the projections are kept: `if-better-on-validation` refuses those that raise its waves' data error.

    Where validation has no data, it refuses those that raise the mean squares of PDE and conditions.
    """
    metric = "data_mse" if "data_mse" in validation.before else "constraint_mse"
    return solver.accept == "always" or validation.after[metric] <= validation.before[metric]


def projection_metrics(results: Sequence[ProjectionResult]) -> dict[str, float | str]:
    """`projection/…`: means over waves, and the worst status."""
    means: dict[str, float | str] = {
        f"projection/{name}": finite(fmean(getattr(result, name) for result in results)) for name in MEANS
    }
    return means | {"projection/status": worst_status([result.status for result in results])}


def worst_status(statuses: Sequence[ProjectionStatus]) -> str:
    """The status that speaks for several projections: the worst of them."""
    return str(min(statuses, key=WORST_FIRST.index))


def _wave(points: Points, index: int) -> Points:
    """The points of one wave, on the regions where it has some."""
    wave = {region: part.wave(index) for region, part in points.items()}
    return {region: part for region, part in wave.items() if len(part)}


def _errors(model: ConstrainedNetwork, theta: Tensor, wave: Points) -> dict[str, float]:
    return errors_of_regions(measure_regions(model, theta, wave), wave)


def _means(waves: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of every metric over the waves that have it; some have no data."""
    names = dict.fromkeys(name for wave in waves for name in wave)
    return {name: fmean(wave[name] for wave in waves if name in wave) for name in names}
