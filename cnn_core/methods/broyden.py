"""The workbook's "approximate": J and ∇f follow Broyden's rank-one rule instead of being recomputed. Unstable.

With F = (f, R_1 … R_C), the data loss and the reduced constraints, rows B ≈ ∂F/∂θ and a step Δθ that changed F by ΔF,

    B ← B + (ΔF − B Δθ) Δθᵀ / |Δθ|²        (Broyden 1965, "good" update).

A secant only sees the directions that were walked, and with mini-batches ΔF is also due to other points: the workbook
called the method unstable, and so it is. It is kept for comparison; `refresh_interval` recomputes B every so many
steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cnn_core.decisions import chosen, surely
from cnn_core.jacobian import ExplicitJacobian
from cnn_core.methods.correction import correct, normal_space, watch
from cnn_core.methods.method import Direction, State, Step
from cnn_core.methods.reduction import gradients
from cnn_core.methods.refresh import due, none_yet, older
from cnn_core.problems import PointSet
from cnn_core.reductions import Lp, Reduction
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task


@dataclass(frozen=True)
class Broyden:
    """`reduction` with approximate derivatives. `refresh_interval` None never recomputes them after the first step."""

    reduction: Reduction = field(default_factory=Lp)
    gain: Schedule = 1.0
    objective_rate: Schedule = 1.0
    damping: Schedule = 0.0
    refresh_interval: int | None = None
    name: Literal["broyden"] = "broyden"
    needs: ClassVar[Need] = "constraint"
    has_value: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_nonnegative(gain=self.gain, objective_rate=self.objective_rate, damping=self.damping)
        if self.refresh_interval is not None and self.refresh_interval < 1:
            raise ValueError(f"refresh_interval must be at least 1 step or null, got {self.refresh_interval}")

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return none_yet()

    def direction(self, step: Step, state: State) -> Direction:
        loss, reduced = step.values(self.reduction)
        values = torch.cat([loss[None], reduced])
        theta = step.theta.detach().clone()
        with step.clock.section("jacobian"):
            exact = due(state, self.refresh_interval)
            rows = gradients(values, step.theta) if exact else _secant_update(state, theta, values.detach())
        direction, multipliers = correct(
            step,
            normal_space(
                step,
                ExplicitJacobian(rows[1:], quantities=len(rows) - 1),
                damping=value_at(self.damping, step.epoch),
            ),
            values[1:].detach(),
            value_at(self.objective_rate, step.epoch) * rows[0],
            gain=value_at(self.gain, step.epoch),
        )
        known = {"theta": theta, "values": values.detach(), "rows": rows}
        return Direction(direction, older(state) | known, watch(multipliers))


def _secant_update(state: State, theta: Tensor, values: Tensor) -> Tensor:
    move = theta - state["theta"]
    length = move.square().sum()
    if surely(length == 0):
        return state["rows"]
    surprise = values - state["values"] - state["rows"] @ move
    return chosen(length == 0, state["rows"], state["rows"] + torch.outer(surprise, move / length))
