"""Levenberg–Marquardt with geodesic acceleration: ½ |W F(θ)|² + ½ s² |θ − θ₀|² → min, for fixed weights W.

With J = W ∂F/∂θ, d = θ − θ₀ and a = s² + μ a step solves a system of the size of F instead of that of θ,

    (J Jᵀ + a I) y = W F − (s²/a) J d,        Δ = −(s²/a) d − Jᵀ y,

followed by half the geodesic acceleration, −½ Jᵀ (J Jᵀ + a I)⁻¹ W F_ΔΔ, which follows the bend of the valley and needs
one more evaluation and no factorisation. The damping μ moves by the gain ratio.

References: Nocedal & Wright 2006, ch. 10; Transtrum & Sethna 2012, arXiv:1201.5885 (geodesic acceleration).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from cnn_core.solvers.rows import Linear, Rows

FIRST_DAMPING = 1e-3
"""μ at the first step, relative to the mean diagonal of J Jᵀ."""

LARGEST_DAMPING = 1e9
"""The relative μ at which no step helps any more."""

PROBE = 0.1
"""The fraction of a step at which the second derivative along it is probed."""

LARGEST_BEND = 0.75
"""An acceleration longer than this times the step says that the step is too long for it."""


class Descent:
    """θ on its way down, with the damping that served it last. `on_step` gets all quantities at θ after every step."""

    def __init__(self, theta: Tensor, *, pull: float, on_step: Callable[[list[Tensor]], None]) -> None:
        self.theta = self.origin = theta
        self.pull = pull
        self.on_step = on_step
        self.damping = FIRST_DAMPING
        self.steps = 0

    def minimise(self, rows: Rows, weight: float, *, inner_tolerance: float, max_steps: int) -> None:
        """Descend until a step gains less than the fraction `inner_tolerance`, none helps, or the steps run out."""
        weights = rows.weights(weight)
        at = rows.linearise(self.theta)
        while self.steps < max_steps and self.damping < LARGEST_DAMPING:
            before = self._cost(self.theta, weights * rows.select(at.quantities))
            theta, promised = self._step(rows, at, weights)
            quantities = rows.evaluate(theta)
            gain = before - self._cost(theta, weights * rows.select(quantities))
            self.steps += 1
            if accepted := math.isfinite(gain) and gain > 1e-3 * promised:
                self.theta = theta
                self.damping *= 1 / 3 if gain > 0.75 * promised else 2 if gain < 0.25 * promised else 1
            else:
                self.damping *= 4
            self.on_step(quantities if accepted else at.quantities)
            if 0 < gain < inner_tolerance * before:
                break
            if accepted:
                at = rows.linearise(theta)
        self.damping = min(self.damping, 1.0)

    def _step(self, rows: Rows, at: Linear, weights: Tensor) -> tuple[Tensor, float]:
        """Where the accelerated step leads, and by how much the plain one should lower the cost."""
        distance, values = self.theta - self.origin, weights * rows.select(at.quantities)
        gram = weights[:, None] * at.gram * weights
        slack = self.pull + self.damping * float(gram.diagonal().mean()) or 1.0  # 0 where nothing depends on θ
        shrink = self.pull / slack
        factor = _factor(gram, slack)

        def pulled_back(right_side: Tensor) -> tuple[Tensor, Tensor]:
            y = torch.cholesky_solve(right_side[:, None], factor)[:, 0]
            return y, -at.jacobian.transposed_times(weights * y)

        leaning = weights * at.jacobian.times(distance) if self.pull else torch.zeros_like(values)
        y, step = pulled_back(values - shrink * leaning)
        step = step - shrink * distance
        slope = -shrink * leaning - gram @ y
        promised = 0.5 * float(values.square().sum() - (values + slope).square().sum())
        promised += 0.5 * self.pull * float(distance.square().sum() - (distance + step).square().sum())
        probe = weights * rows.select(rows.evaluate(self.theta + PROBE * step))
        bend = 2 / PROBE * ((probe - values) / PROBE - slope)
        acceleration = pulled_back(bend)[1]
        if float(acceleration.norm()) <= LARGEST_BEND * float(step.norm()):
            step = step + 0.5 * acceleration
        return self.theta + step, promised

    def _cost(self, theta: Tensor, values: Tensor) -> float:
        return 0.5 * float(values.square().sum() + self.pull * (theta - self.origin).square().sum())


def _factor(gram: Tensor, slack: float) -> Tensor:
    """The Cholesky factor of G + slack·I, with the least more slack that makes it positive definite."""
    while True:
        shifted = gram.clone()
        shifted.diagonal().add_(slack)
        factor, info = torch.linalg.cholesky_ex(shifted)
        if int(info) == 0 or not math.isfinite(slack):
            return factor
        slack = max(4 * slack, 1e-15 * float(gram.diagonal().mean()))
