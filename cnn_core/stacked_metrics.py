"""Measuring several networks of one shape at once, stacked along a leading axis, as `cnn_core.stack` takes their steps.

A measurement of few points is, like a step, some hundred small operations. Axis names: B networks, P parameters, N
points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.metrics import Measurement, measurement
from cnn_core.problems import PointSet

MOST_ON_CPU, MOST_ON_GPU = 200, 10_000
"""Points of each network that are measured at once: on one core of a CPU arithmetic is what takes time beyond."""


def measure_stacked(
    model: ConstrainedNetwork, thetas: Sequence[Tensor], points: Sequence[Mapping[str, PointSet]]
) -> list[dict[str, Measurement]]:
    """`measure_regions` of B networks that differ in θ (P,) alone, each at its own points.

    Regions are left out that are measured faster one by one, have other sizes, or whose passes are no pure functions.
    """
    found: list[dict[str, Measurement]] = [{} for _ in thetas]
    stack = torch.stack([theta.detach() for theta in thetas])
    for region in points[0]:
        sets, own = [one[region] for one in points if region in one], model.on(region)
        if len(sets) == len(found) and _alike(sets) and own.pure:
            for place, measured in enumerate(_measured(own, stack, sets)):
                found[place][region] = measured
    return found


def _alike(sets: Sequence[PointSet]) -> bool:
    """Whether these points can be stacked, and it pays."""
    first = sets[0]
    most = MOST_ON_GPU if first.x.is_cuda else MOST_ON_CPU
    return len(first) <= most and all(one.constants.shape == first.constants.shape for one in sets)


def _measured(model: ConstrainedNetwork, thetas: Tensor, sets: Sequence[PointSet]) -> list[Measurement]:
    scaled = replace(model, scaled=True, compile=False, functional=True)

    def evaluate(theta: Tensor, x: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
        found = scaled.evaluate(theta, x, p)
        return found.prediction, found.residuals

    x, p = torch.stack([one.x for one in sets]), torch.stack([one.constants for one in sets])
    with torch.no_grad():
        predictions, residuals = torch.vmap(evaluate)(thetas, x, p)
    return [measurement(model.problem, *both) for both in zip(predictions, residuals, strict=True)]
