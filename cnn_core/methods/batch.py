"""Exact multipliers for all constraints of a batch at once: the workbook's "batchwise", the method its theory is about.

Under plain gradient descent with learning rate η a fixed batch's constraints decay as (1 − η·gain)^t while the data
loss falls inside their tangent space. Under Adam that guarantee is lost, because Adam's step is not in the metric
that λ was computed in (this is the workbook's fault 6, kept here for comparison).
"""

from dataclasses import dataclass
from typing import Literal

import torch

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods.correction import correct, data_direction, data_gradient, normal_space, watch
from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet
from cnn_core.schedules import Schedule, require_nonnegative, value_at


@dataclass(frozen=True)
class Batch:
    """direction = objective_rate·∇f + Jᵀλ with λ = (J Jᵀ)⁻¹ (gain·g − objective_rate·J∇f).

    `damping` is relative to trace(J Jᵀ)/m. Multipliers are computed every `refresh_interval` steps; in between, λ
    stays attached to the points it was computed at. Before `warm_up` epochs training is unconstrained. `cap` bounds
    |λ|.
    """

    gain: Schedule = 1.0
    objective_rate: Schedule = 1.0
    damping: Schedule = 0.0
    refresh_interval: int = 1
    warm_up: float = 0.0
    cap: float | None = None
    name: Literal["batch"] = "batch"

    def __post_init__(self) -> None:
        require_nonnegative(gain=self.gain, objective_rate=self.objective_rate, damping=self.damping)
        require_refresh(self.refresh_interval, self.warm_up, self.cap)

    def start(self, model: ConstrainedNetwork, points: PointSet) -> State:
        return {"age": 0}

    def direction(self, step: Step, state: State) -> Direction:
        if step.epoch < self.warm_up:
            return data_direction(step, state)
        if state["age"] % self.refresh_interval:
            return self._with_old_multipliers(step, state)
        terms = step.terms()
        direction, multipliers = correct(
            step,
            normal_space(step, terms.constraints, damping=value_at(self.damping, step.epoch)),
            terms.residuals.flatten(),
            value_at(self.objective_rate, step.epoch) * terms.gradient,
            gain=value_at(self.gain, step.epoch),
            cap=self.cap,
        )
        held = {"age": 1, "multipliers": multipliers.values, "x": step.batch.x, "p": step.batch.p}
        return Direction(direction, held, watch(multipliers))

    def _with_old_multipliers(self, step: Step, state: State) -> Direction:
        with step.clock.section("forward"):
            prediction = step.model.predict(step.theta, step.batch.x, step.batch.p)
        residuals = step.model.evaluate(step.theta, state["x"], state["p"], step.clock).residuals
        with step.clock.section("step"):
            pull = torch.autograd.grad(residuals.flatten() @ state["multipliers"], step.theta)[0]
        descent = data_gradient(step, prediction, value_at(self.objective_rate, step.epoch))
        return Direction(descent + pull, state | {"age": state["age"] + 1})


def require_refresh(refresh_interval: int, warm_up: float, cap: float | None) -> None:
    """Raise ValueError for values that mean nothing."""
    if refresh_interval < 1:
        raise ValueError(f"refresh_interval must be at least 1 step, got {refresh_interval}")
    if warm_up < 0:
        raise ValueError(f"warm_up must be 0 or more epochs, got {warm_up}")
    if cap is not None and cap <= 0:
        raise ValueError(f"cap must be positive or null, got {cap}")
