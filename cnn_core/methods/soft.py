"""Soft constraints: a penalty added to the data loss.

The workbook fixed the weight at 1, which compares the other methods with an untuned straw man: search it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.data_loss import data_loss
from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet
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
        weight = value_at(self.weight, step.epoch)
        reduce, numbers = self.reduction.parts
        pulled = step.gradient(_objective, step.batch.u, weight, reduce, *numbers)
        return Direction(pulled.gradient, state, lambda: {"weight": weight})


def _objective(
    prediction: Tensor, residuals: Tensor, u: Tensor, weight: float, reduce: Callable[..., Tensor], *numbers: float
) -> Tensor:
    return data_loss(prediction, u) + weight * reduce(residuals, *numbers).sum()
