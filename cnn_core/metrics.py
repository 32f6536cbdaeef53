"""How good a field is: errors against the data, residuals of the PDE, and their distributions.

Residuals are always scaled here, whatever training used, so that all trials are compared by the same yardstick. A
value that is not finite is reported as `WORST`: a diverged trial is bad, not missing.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.problems import PointSet

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
    """The figures of a point set, by their short names: means over its waves of

    data_mse: mean of (u − u*)². relative_l2: |u − u*| / |u*|. constraint_mse: mean of g². residual_abs_p50, p95, max:
    of |g|.
    """
    difference, truth, residuals = (
        values.double().reshape(points.waves, -1)
        for values in (measurement.prediction - points.u, points.u, measurement.residuals)
    )
    p50, p95, largest = _quantiles(residuals.abs(), (0.5, 0.95, 1.0)).unbind(dim=1)
    by_wave = {
        "data_mse": difference.square().mean(dim=1),
        "constraint_mse": residuals.square().mean(dim=1),
        "relative_l2": difference.norm(dim=1) / truth.norm(dim=1).clamp_min(1e-300),
        "residual_abs_p50": p50,
        "residual_abs_p95": p95,
        "residual_abs_max": largest,
    }
    return {name: finite(float(values.mean())) for name, values in by_wave.items()}


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
