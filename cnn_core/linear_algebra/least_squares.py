"""Levenberg–Marquardt with geodesic acceleration: ½ |W F(θ)|² + ½ s² |θ − θ₀|² → min, for fixed weights W.

With J = W ∂F/∂θ, d = θ − θ₀ and a = s² + μ a step is

    Δ = −(s²/a) d − Jᵀ (J Jᵀ + a I)⁻¹ (W F − (s²/a) J d),

solved in the space of rows or in that of parameters, whichever is smaller (`cnn_core.linear_algebra.sides`). It is
followed by half the geodesic acceleration, −½ Jᵀ (J Jᵀ + a I)⁻¹ W F_ΔΔ, which follows the bend of the valley and needs
one more evaluation and no factorisation. The damping μ moves by the gain ratio.

Axis names: R rows of F, P entries of θ.

References: Nocedal & Wright 2006, ch. 10; Transtrum & Sethna 2012, arXiv:1201.5885 (geodesic acceleration).
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from cnn_core.linear_algebra.sides import Operator, Side, Space, cheaper_space, side_of

FIRST_DAMPING = 1e-3
"""μ at the first step, relative to the mean diagonal of J Jᵀ."""

LARGEST_DAMPING = 1e9
"""The relative μ at which no step helps any more."""

PROBE = 0.1
"""The fraction of a step at which the second derivative along it is probed."""

LARGEST_BEND = 0.75
"""An acceleration longer than this times the step says that the step is too long for it."""

LEAST_GAIN = 1e-3
"""A step that gains less than this fraction of what it promised is not taken."""

GOOD, POOR = 0.75, 0.25
"""Above and below these fractions of what a step promised, the damping changes after it."""

EASED, RAISED, REFUSED = 1 / 3, 2.0, 4.0
"""The factors of the damping after a good step, a poor one, and one that is not taken."""

Quantities = list[Tensor]
"""What a problem evaluates at θ, in whatever shapes; F is selected from it."""


class Linear(NamedTuple):
    """F at some θ to first order: its quantities, and J = ∂F/∂θ (R × P)."""

    quantities: Quantities
    jacobian: Operator


class LeastSquares(Protocol):
    """F(θ) (R,), as rows selected from the quantities that were evaluated."""

    def evaluate(self, theta: Tensor) -> Quantities:
        """All quantities at θ (P,)."""
        ...

    def linearise(self, theta: Tensor) -> Linear:
        """All quantities at θ (P,), and the rows to first order."""
        ...

    def select(self, quantities: Sequence[Tensor]) -> Tensor:
        """F (R,) among all quantities."""
        ...


class Descent:
    """θ on its way down, with the damping that served it last. `on_step` gets all quantities at θ after every step.

    `pull` is s². `space` says in which space steps are solved, `auto` until the first; `scaled` measures parameters in
    units of their own, where nothing pulls.
    """

    def __init__(
        self,
        theta: Tensor,
        *,
        pull: float = 0.0,
        space: Space = "auto",
        scaled: bool = False,
        on_step: Callable[[Quantities], None] = lambda quantities: None,
    ) -> None:
        self.theta = self.origin = theta
        self.pull = pull
        self.space: Space = space
        self.scaled = scaled
        self.on_step = on_step
        self.damping = FIRST_DAMPING
        self.steps = 0

    def minimise(
        self,
        problem: LeastSquares,
        weights: Tensor,
        *,
        inner_tolerance: float,
        max_steps: int,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Descend until a step gains less than the fraction `inner_tolerance`, none helps, or the steps run out.

        `weights` (R,) are the diagonal of W. `enough` is asked before every step.
        """
        at, side = self.linearised(problem, weights)
        while self.steps < max_steps and not self.stuck and not enough():
            before = self._cost(self.theta, weights * problem.select(at.quantities))
            theta, promised = self._step(problem, at, side, weights)
            quantities = problem.evaluate(theta)
            gain = before - self._cost(theta, weights * problem.select(quantities))
            self.steps += 1
            accepted = math.isfinite(gain) and gain > LEAST_GAIN * promised
            self.damping *= _change_of_damping(gain, promised) if accepted else REFUSED
            self.theta = theta if accepted else self.theta
            self.on_step(quantities if accepted else at.quantities)
            if 0 < gain < inner_tolerance * before:
                break
            if accepted:
                at, side = self.linearised(problem, weights)

    @property
    def stuck(self) -> bool:
        """Whether no step helps any more."""
        return self.damping >= LARGEST_DAMPING

    def relax(self) -> None:
        """Before another problem is minimised, where steps may help again."""
        self.damping = min(self.damping, 1.0)

    def begun_at(self, theta: Tensor) -> "Descent":
        """Another descent with these settings, from θ (P,)."""
        return Descent(theta, pull=self.pull, space=self.space, scaled=self.scaled)

    def linearised(self, problem: LeastSquares, weights: Tensor) -> tuple[Linear, Side]:
        """The rows at θ to first order, and the same ready to be solved with."""
        at = problem.linearise(self.theta)
        rows, parameters = len(weights), len(self.theta)
        self.space = cheaper_space(rows, parameters) if self.space == "auto" else self.space
        return at, side_of(at.jacobian, weights, parameters, self.space, scaled=self.scaled)

    def _step(self, problem: LeastSquares, at: Linear, side: Side, weights: Tensor) -> tuple[Tensor, float]:
        """Where the accelerated step leads, and by how much the plain one should lower the cost."""
        distance, values = self.theta - self.origin, weights * problem.select(at.quantities)
        slack = self._slack(side.square / len(values))
        damped = side.damped(slack)
        shrink = self.pull / slack
        leaning = weights * at.jacobian.times(distance) if self.pull else torch.zeros_like(values)
        step, slope = damped.shortest(values - shrink * leaning)
        step, slope = step - shrink * distance, slope - shrink * leaning
        probe = weights * problem.select(problem.evaluate(self.theta + PROBE * step))
        acceleration = damped.shortest(2 / PROBE * ((probe - values) / PROBE - slope))[0]
        promised = self._promised(values, slope, distance, step)
        if side.length(acceleration) <= LARGEST_BEND * side.length(step):
            step = step + 0.5 * acceleration
        return self.theta + step, promised

    def _slack(self, diagonal: float) -> float:
        """a = s² + μ for the mean `diagonal` of J Jᵀ; 1 instead of 0, where nothing depends on θ."""
        slack = self.pull + self.damping * diagonal
        return 1.0 if slack == 0 else slack

    def _promised(self, values: Tensor, slope: Tensor, distance: Tensor, step: Tensor) -> float:
        """By how much the cost falls along a step if F changes by `slope`."""
        promised = 0.5 * float(values.square().sum() - (values + slope).square().sum())
        return promised + 0.5 * self.pull * float(distance.square().sum() - (distance + step).square().sum())

    def _cost(self, theta: Tensor, values: Tensor) -> float:
        return 0.5 * float(values.square().sum() + self.pull * (theta - self.origin).square().sum())


def _change_of_damping(gain: float, promised: float) -> float:
    """The factor by which the damping changes after a step that was taken."""
    if gain > GOOD * promised:
        return EASED
    return RAISED if gain < POOR * promised else 1.0
