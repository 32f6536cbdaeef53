"""What a trial measures after every epoch: at which points, under which names, and what of it tells a divergence."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import WORST, Measurement, errors_of_regions, finite
from cnn_core.problems import DATA, PointSet, Problem
from search_spaces.data_files import noise
from search_spaces.schema import Data

TRAIN_POINTS_MEASURED = 5000
"""At most this many training points, of waves picked at random, are measured after each epoch."""

BOUNDED = [f"{split}/{metric}" for split in ("train", "validation") for metric in ("data_mse", "constraint_mse")]
"""A training diverged, too, where θ is finite and one of these errors counts as the worst."""


def some_of(points: Mapping[str, PointSet]) -> dict[str, PointSet]:
    """The training points that are measured, by region."""
    return {
        region: (_some if region == DATA else _some_waves)(part, TRAIN_POINTS_MEASURED)
        for region, part in points.items()
    }


def named(
    split: str, measurements: Mapping[str, Measurement], points: Mapping[str, PointSet]
) -> dict[str, float | str]:
    """The errors of a split, by the metrics' names."""
    return {f"{split}/{metric}": value for metric, value in errors_of_regions(measurements, points).items()}


def noise_of(data: Data, problem: Problem, *, seed: int, learns: bool) -> dict[str, float | str]:
    """`noise/<split>`: the data_mse that the errors of measurement alone leave there, where they are known.

    That of the training says something where it `learns` from the data.
    """
    told = {name: split for name, split in data.splits.items() if learns or name != "train"}
    known = {name: noise(problem, split, seed=seed) for name, split in told.items()}
    return {f"noise/{name}": found for name, found in known.items() if found is not None}


def unknowns_of(model: ConstrainedNetwork, theta: Tensor) -> dict[str, float | str]:
    """`unknown/<name>`: the values at θ (P,); `…_error`: how far they are from the true ones, relative to these, where
    they are known."""
    unknowns, values = model.problem.unknowns, model.unknowns(theta.detach()).tolist()
    found: dict[str, float | str] = {
        f"unknown/{name}": finite(value) for name, value in zip(unknowns, values, strict=True)
    }
    for (name, unknown), value in zip(unknowns.items(), values, strict=True):
        if unknown.truth is not None:
            found[f"unknown/{name}_error"] = finite(abs(value - unknown.truth) / (abs(unknown.truth) or 1.0))
    return found


def worst_of(metrics: Mapping[str, float | str]) -> str | None:
    """The first error that tells a divergence."""
    return next((error for error in BOUNDED if error in metrics and float(metrics[error]) >= WORST), None)


def _some(points: PointSet, most: int) -> PointSet:
    """Observations, picked at random but always the same ones; where some are left out, waves are not told apart."""
    if len(points) <= most:
        return points
    return points.at(torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:most].to(points.x.device))


def _some_waves(points: PointSet, most: int) -> PointSet:
    """Whole waves, picked at random but always the same ones, with at most `most` points (at least one wave)."""
    count = max(1, min(points.waves, most * points.waves // len(points)))
    picked = torch.randperm(points.waves, generator=torch.Generator().manual_seed(0))[:count].tolist()
    return points.of_waves(picked)
