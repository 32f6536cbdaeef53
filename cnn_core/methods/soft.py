"""Soft constraints: a penalty added to the data loss.

The workbook fixed the weight at 1, which compares the other methods with an untuned straw man: search it.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch

from cnn_core.constrained import ConstrainedNetwork, point_losses
from cnn_core.methods.method import Direction, State, Step
from cnn_core.problem import PointSet
from cnn_core.reductions import Lp, Reduction
from cnn_core.schedules import Schedule, require_nonnegative, value_at


@dataclass(frozen=True)
class Soft:
    """direction = ∇(f + weight · Σ_c R_c(g)), with R the mean square unless `reduction` says otherwise."""

    weight: Schedule = 1.0
    reduction: Reduction = field(default_factory=Lp)
    name: Literal["soft"] = "soft"

    def __post_init__(self) -> None:
        require_nonnegative(weight=self.weight)

    def start(self, model: ConstrainedNetwork, points: PointSet) -> State:
        return {}

    def direction(self, step: Step, state: State) -> Direction:
        evaluation = step.evaluate()
        weight = value_at(self.weight, step.epoch)
        with step.clock.section("step"):
            penalty = self.reduction(evaluation.residuals).sum()
            loss = point_losses(evaluation.prediction, step.batch.u).mean() + weight * penalty
            return Direction(torch.autograd.grad(loss, step.theta)[0], state, {"weight": weight})
