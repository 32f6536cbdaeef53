"""Exact multipliers for constraints that were first reduced over the batch: one multiplier per constraint.

Cheap, since J has one row per constraint. But R = mean |g|^p (or Huber) has ∂R/∂θ → 0 as g → 0: near the solution the
multipliers blow up (the workbook's fault 5, kept here for comparison; `damping` and `cap` hold it off).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cnn_core.jacobian import ExplicitJacobian
from cnn_core.methods.correction import correct, normal_space, watch
from cnn_core.methods.method import Direction, State, Step
from cnn_core.methods.refresh import due, none_yet, older, require_refresh
from cnn_core.problems import PointSet
from cnn_core.reductions import Lp
from cnn_core.reductions import Reduction as AnyReduction
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task


@dataclass(frozen=True)
class Reduction:
    """direction = objective_rate·∇f + Jᵀλ for the constraints R_c(g) = 0; J is ∂R/∂θ (C × P).

    Multipliers are computed every `refresh_interval` steps and kept in between; before `warm_up` epochs training is
    unconstrained, if there is an objective. `damping` is relative to trace(J Jᵀ)/C; `cap` bounds |λ|.
    """

    reduction: AnyReduction = field(default_factory=Lp)
    gain: Schedule = 1.0
    objective_rate: Schedule = 1.0
    damping: Schedule = 0.0
    refresh_interval: int = 1
    warm_up: float = 0.0
    cap: float | None = None
    name: Literal["reduction"] = "reduction"
    needs: ClassVar[Need] = "constraint"
    has_value: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_nonnegative(gain=self.gain, objective_rate=self.objective_rate, damping=self.damping)
        require_refresh(self.refresh_interval, self.warm_up, self.cap)

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return none_yet()

    def direction(self, step: Step, state: State) -> Direction:
        if step.warms_up(self.warm_up):
            return Direction(step.objective_gradient(), state)
        rate = value_at(self.objective_rate, step.epoch)
        if step.functional:
            slope, reduced, rows = step.value_gradients(self.reduction)
            descent = rate * slope
            if not due(state, self.refresh_interval):
                return Direction(descent + state["multipliers"] @ rows, older(state))
        else:
            loss, reduced = step.values(self.reduction)
            descent = step.slope(loss, rate)
            if not due(state, self.refresh_interval):
                pull = torch.autograd.grad(reduced @ state["multipliers"], step.theta)[0]
                return Direction(descent + pull, older(state))
            with step.clock.section("jacobian"):
                rows = gradients(reduced, step.theta)
        jacobian = ExplicitJacobian(rows, quantities=len(reduced))
        direction, multipliers = correct(
            step,
            normal_space(step, jacobian, damping=value_at(self.damping, step.epoch)),
            reduced.detach(),
            descent,
            gain=value_at(self.gain, step.epoch),
            cap=self.cap,
        )
        return Direction(direction, {"age": 1, "multipliers": multipliers.values}, watch(multipliers))


def gradients(values: Tensor, theta: Tensor) -> Tensor:
    """∂values/∂θ: (C,) and (P,) → (C, P), one backward pass per value."""
    return torch.stack([torch.autograd.grad(value, theta, retain_graph=True)[0] for value in values])
