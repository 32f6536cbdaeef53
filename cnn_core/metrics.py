"""How good a field is: errors against the data, residuals of the PDE, and their distributions.

Residuals are always scaled here, whatever training used, so that all trials are compared by the same yardstick. A
value that is not finite is reported as `WORST`: a diverged trial is bad, not missing.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.problems import DATA, INTERIOR, PointSet, Problem

WORST = 1e12
"""What an error counts as that is not finite, or larger than this."""

METRICS = (
    "data_mse", "constraint_mse", "relative_l2", "residual_abs_p50", "residual_abs_p95", "residual_abs_max",
)  # fmt: skip
"""The short names of what `errors` finds of a point set that has data and residuals."""

OF_DATA = ("data_mse", "relative_l2")
"""Those of them that need data."""

POINTS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Measurement:
    """Predictions (N, O) and scaled residuals (N, C) at a point set, without a graph.

    `names` are the residuals', and `owners` what each belongs to, if not to the PDE: a condition. `outputs` are what
    is predicted.
    """

    prediction: Tensor
    residuals: Tensor
    names: tuple[str, ...] = ()
    owners: tuple[str | None, ...] = ()
    outputs: tuple[str, ...] = ()

    def of(self, owner: str | None) -> Tensor:
        """The residuals that belong to a condition, or to the PDE."""
        if not self.owners:
            return self.residuals
        return self.residuals[:, [index for index, name in enumerate(self.owners) if name == owner]]


def measurement(problem: Problem, prediction: Tensor, residuals: Tensor) -> Measurement:
    """What was predicted (N, O), and the scaled residuals (N, C), at points of the problem's region."""
    owners = tuple(problem.region.owners.get(name) for name in problem.constraints)
    return Measurement(prediction, residuals, problem.constraints, owners, problem.outputs)


def measure(model: ConstrainedNetwork, theta: Tensor, points: PointSet) -> Measurement:
    """Evaluate the network at all points of a set of its problem's region, in chunks."""
    constants = points.constants
    scaled = replace(model, scaled=True) if not model.scaled else model
    with torch.no_grad():
        parts = [
            scaled.evaluate(theta.detach(), x, p)
            for x, p in zip(points.x.split(POINTS_AT_ONCE), constants.split(POINTS_AT_ONCE), strict=True)
        ]
    predictions, residuals = ([getattr(part, name) for part in parts] for name in ("prediction", "residuals"))
    return measurement(model.problem, torch.cat(predictions), torch.cat(residuals))


def measure_regions(model: ConstrainedNetwork, theta: Tensor, points: Mapping[str, PointSet]) -> dict[str, Measurement]:
    """`measure` on every region."""
    return {region: measure(model.on(region), theta, part) for region, part in points.items()}


def errors(measurement: Measurement, points: PointSet) -> dict[str, float]:
    """The metrics of a point set, by their short names: means over its waves of

    data_mse: mean of (u − u*)². relative_l2: |u − u*| / |u*|. constraint_mse: mean of g² of the PDE. residual_abs_p50,
    p95, max: of |g|. Data is that which is observed; without any, there are no errors of it.
    """
    found = _data_errors(measurement, points) if points.observed else {}
    if (residuals := measurement.of(None)).shape[1]:
        found |= _residual_errors(residuals, points)
    return {name: finite(found[name]) for name in METRICS if name in found}


def errors_of_regions(measurements: Mapping[str, Measurement], points: Mapping[str, PointSet]) -> dict[str, float]:
    """The metrics of a split, by their short names.

    Those of `errors`, where constraint_mse is the PDE's with that of every condition added; and, where there are
    several, the mean squares of every residual of the PDE and of every condition, by `<name>_mse`, and the errors of
    every output where its exact values are known, by `<output>_relative_l2`.
    """
    found: dict[str, float] = {}
    for region, part in points.items():
        found |= errors(measurements[region], part)
        if region == INTERIOR and part.observed:
            found |= _errors_of_outputs(measurements[region], part)
    own = _mean_squares(measurements)
    conditions = {name: value for region, name, value in own if name in measurements[region].owners}
    if conditions or "constraint_mse" in found:
        found["constraint_mse"] = finite(sum(conditions.values(), found.get("constraint_mse", 0.0)))
    if len(own) > 1:
        found = {f"{name}_mse": finite(value) for _, name, value in own} | found
    return {name: found[name] for name in dict.fromkeys((*METRICS, *found)) if name in found}


def metric_names(problem: Problem, regions: Collection[str], *, observed: bool) -> tuple[str, ...]:
    """The names of what `errors_of_regions` finds, in its order, where these regions have points, and some data."""
    inside = INTERIOR in regions
    known = [name for region in regions for name, where in problem.region_of.items() if where == region]
    left_out = (() if observed else OF_DATA) + (() if inside else METRICS[3:]) + (() if known else ("constraint_mse",))
    each = [f"{name}_mse" for name in known] if len(known) > 1 else []
    exact = observed and inside and DATA not in regions
    outputs = _of_outputs(problem.outputs) if exact else ()
    return tuple(dict.fromkeys((*(name for name in METRICS if name not in left_out), *each, *outputs)))


def _of_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """The names of their errors: of one, it is that of all."""
    return tuple(f"{output}_relative_l2" for output in outputs) if len(outputs) > 1 else ()


def _errors_of_outputs(measurement: Measurement, points: PointSet) -> dict[str, float]:
    """|u − u*| / |u*| of every output, means over the waves, which have as many points each."""
    if not (names := _of_outputs(measurement.outputs)):
        return {}
    difference, truth = (
        values.double().unflatten(0, (points.waves, -1)).norm(dim=1)
        for values in (measurement.prediction - points.u, points.u)
    )
    means = (difference / truth.clamp_min(1e-300)).mean(dim=0).tolist()
    return {name: finite(value) for name, value in zip(names, means, strict=True)}


def _data_errors(measurement: Measurement, points: PointSet) -> dict[str, float]:
    """Means over the waves that have data."""
    difference, truth = measurement.prediction - points.u, points.u
    if points.weight is None and points.sizes is None:
        difference, truth = (values.double().reshape(points.waves, -1) for values in (difference, truth))
        by_wave = [difference.square().mean(dim=1), difference.norm(dim=1) / truth.norm(dim=1).clamp_min(1e-300)]
        return {name: float(values.mean()) for name, values in zip(OF_DATA, by_wave, strict=True)}
    seen = torch.ones_like(truth, dtype=torch.bool) if points.weight is None else points.weight > 0
    sizes = points.wave_sizes
    waves = [
        [part[mask].double() for part in (one, two)]
        for one, two, mask in zip(difference.split(sizes), truth.split(sizes), seen.split(sizes), strict=True)
    ]
    known = [(one, two) for one, two in waves if len(one)]
    squares = [float(one.square().mean()) for one, _ in known]
    relative = [float(one.norm() / two.norm().clamp_min(1e-300)) for one, two in known]
    return {
        name: fmean(values) if values else math.nan for name, values in zip(OF_DATA, (squares, relative), strict=True)
    }


def _residual_errors(residuals: Tensor, points: PointSet) -> dict[str, float]:
    """Means over the waves that have points."""
    if points.sizes is not None:
        parts = [part for part in residuals.split(points.sizes) if len(part)]
        found = [_residual_errors(part, PointSet(part, part, part, 1)) for part in parts]
        return {name: fmean(one[name] for one in found) for name in found[0]}
    residuals = residuals.double().reshape(points.waves, -1)
    p50, p95, largest = _quantiles(residuals.abs(), (0.5, 0.95, 1.0)).unbind(dim=1)
    by_wave = {
        "constraint_mse": residuals.square().mean(dim=1),
        "residual_abs_p50": p50,
        "residual_abs_p95": p95,
        "residual_abs_max": largest,
    }
    return {name: float(values.mean()) for name, values in by_wave.items()}


def _mean_squares(measurements: Mapping[str, Measurement]) -> list[tuple[str, str, float]]:
    """(region, name, mean square) of every residual of the PDE, and of every condition."""
    found: list[tuple[str, str, float]] = []
    for region, measurement in measurements.items():
        squares = measurement.residuals.double().square()
        equations = [index for index, owner in enumerate(measurement.owners) if owner is None]
        found += [(region, measurement.names[index], float(squares[:, index].mean())) for index in equations]
        for name in dict.fromkeys(owner for owner in measurement.owners if owner is not None):
            found.append((region, name, float(measurement.of(name).double().square().mean())))
    return found


def finite(value: float) -> float:
    """The value, or ±WORST where it is not finite or beyond."""
    return WORST if math.isnan(value) else min(max(value, -WORST), WORST)


def percentiles(values: Tensor) -> list[float]:
    """Percentiles 0, 1 … 100 of all entries of a tensor; not-finite entries count as WORST."""
    return _quantiles(values.detach().double().reshape(1, -1), tuple(index / 100 for index in range(101)))[0].tolist()


def _quantiles(rows: Tensor, at: tuple[float, ...]) -> Tensor:
    """Quantiles of every row: (W, M) → (W, len(at)). Not torch.quantile, which refuses more than 16 million values."""
    ordered = torch.nan_to_num(rows, nan=WORST, posinf=WORST, neginf=-WORST).sort(dim=1).values
    places = torch.tensor(at, dtype=rows.dtype, device=rows.device) * (rows.shape[1] - 1)
    below, above = ordered[:, places.floor().long()], ordered[:, places.ceil().long()]
    return below.lerp(above, places - places.floor()).clamp(-WORST, WORST)
