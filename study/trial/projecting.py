"""Projections of a split's waves, and what they are worth: errors before and after, on the same waves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import FIGURES, errors, finite, measure
from cnn_core.problems import PointSet
from cnn_core.projection import ProjectionResult, project
from cnn_core.solvers import ProjectionStatus, Solver

MEANS = ("steps", "residual_on", "residual_off", "distance_parameters", "distance_function")
"""What is reported of projections as a mean over waves."""

WORST_FIRST = (
    ProjectionStatus.DIVERGED, ProjectionStatus.TOLERANCE_NOT_MET, ProjectionStatus.LEAST_SQUARES,
    ProjectionStatus.CONVERGED,
)  # fmt: skip


@dataclass(frozen=True)
class ProjectedSplit:
    """The projections of a split's waves, at most `solver.waves`, and these waves' mean errors before and after."""

    results: list[ProjectionResult]
    before: Mapping[str, float]
    after: Mapping[str, float]


def project_split(
    model: ConstrainedNetwork, theta: Tensor, points: PointSet, solver: Solver, *, seed: int
) -> ProjectedSplit:
    """Project every wave by itself, from the same θ (P,), knowing its parameters and no data."""
    count = points.waves if solver.waves == "all" else min(points.waves, solver.waves)
    waves = [points.wave(index) for index in range(count)]
    results = project(model, theta, torch.stack([wave.p[0] for wave in waves]), solver, seed=seed)
    before = [errors(measure(model, theta, wave), wave) for wave in waves]
    after = [errors(measure(model, result.theta, wave), wave) for result, wave in zip(results, waves, strict=True)]
    return ProjectedSplit(results, _means(before), _means(after))


def accepted(solver: Solver, validation: ProjectedSplit) -> bool:
    """Whether the projections are kept: `if-better-on-validation` refuses those that raise its waves' data error."""
    return solver.accept == "always" or validation.after["data_mse"] <= validation.before["data_mse"]


def projection_figures(results: Sequence[ProjectionResult]) -> dict[str, float | str]:
    """`projection/…`: means over waves, and the worst status."""
    figures: dict[str, float | str] = {
        f"projection/{name}": finite(fmean(getattr(result, name) for result in results)) for name in MEANS
    }
    return figures | {"projection/status": worst_status([result.status for result in results])}


def worst_status(statuses: Sequence[ProjectionStatus]) -> str:
    """The status that speaks for several projections: the worst of them."""
    return str(min(statuses, key=WORST_FIRST.index))


def _means(waves: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {figure: fmean(wave[figure] for wave in waves) for figure in FIGURES}
