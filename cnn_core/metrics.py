"""How good a field is: errors against the data, residuals of the PDE, and their distributions.

Residuals are always scaled here, whatever training used, so that all trials are compared by the same yardstick. A
value that is not finite is reported as `WORST`: a diverged trial is bad, not missing.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.problem import PointSet

WORST = 1e12
"""What an error counts as that is not finite, or larger than this."""

FIGURES = (
    "data_mse", "constraint_mse", "relative_l2", "residual_abs_p50", "residual_abs_p95", "residual_abs_max",
)  # fmt: skip
"""The short names of what `errors` finds of a point set."""

POINTS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Measurement:
    """Predictions (N, O) and scaled residuals (N, C) at a point set, without a graph."""

    prediction: Tensor
    residuals: Tensor


def measure(model: ConstrainedNetwork, theta: Tensor, points: PointSet) -> Measurement:
    """Evaluate the network at all points of a set, in chunks."""
    scaled = replace(model, scaled=True) if not model.scaled else model
    with torch.no_grad():
        parts = [
            scaled.evaluate(theta.detach(), x, p)
            for x, p in zip(points.x.split(POINTS_AT_ONCE), points.p.split(POINTS_AT_ONCE), strict=True)
        ]
    return Measurement(torch.cat([part.prediction for part in parts]), torch.cat([part.residuals for part in parts]))


def errors(measurement: Measurement, points: PointSet) -> dict[str, float]:
    """The figures of one point set, by their short names.

    data_mse: mean of (u − u*)². relative_l2: |u − u*| / |u*|. constraint_mse: mean of g². residual_abs_p50, p95, max:
    of |g|.
    """
    difference = (measurement.prediction - points.u).double()
    residuals = measurement.residuals.double()
    p50, p95, largest = _quantiles(residuals.abs(), (0.5, 0.95, 1.0))
    values = {
        "data_mse": float(difference.square().mean()),
        "constraint_mse": float(residuals.square().mean()),
        "relative_l2": float(difference.norm() / points.u.double().norm().clamp_min(1e-300)),
        "residual_abs_p50": p50,
        "residual_abs_p95": p95,
        "residual_abs_max": largest,
    }
    return {name: finite(value) for name, value in values.items()}


def finite(value: float) -> float:
    """The value, or ±WORST where it is not finite or beyond."""
    return WORST if math.isnan(value) else min(max(value, -WORST), WORST)


def percentiles(values: Tensor) -> list[float]:
    """Percentiles 0, 1 … 100 of all entries of a tensor; not-finite entries count as WORST."""
    return _quantiles(values.detach().double(), tuple(index / 100 for index in range(101)))


def _quantiles(values: Tensor, at: tuple[float, ...]) -> list[float]:
    clean = torch.nan_to_num(values.flatten(), nan=WORST, posinf=WORST, neginf=-WORST)
    ordered = clean.sort().values  # torch.quantile refuses more than 16 million values
    places = torch.tensor(at, dtype=clean.dtype, device=clean.device) * (len(ordered) - 1)
    below, above = ordered[places.floor().long()], ordered[places.ceil().long()]
    return below.lerp(above, places - places.floor()).clamp(-WORST, WORST).tolist()
