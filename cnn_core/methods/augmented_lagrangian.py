"""The augmented Lagrangian (Hestenes 1969, Powell 1969): one multiplier per training point and constraint.

    L(θ; λ) = f + mean over points of Σ_c [λ_nc g_nc + ½ μ g_nc²],     λ_nc ← λ_nc + multiplier_rate·μ·g_nc,

where a point's multipliers move each time that a batch visits the point. Unlike a penalty, which must grow without
bound for g → 0, the multipliers take over and μ may stay moderate.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.data_loss import data_loss
from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet
from cnn_core.schedules import Schedule, require_nonnegative, value_at


@dataclass(frozen=True)
class AugmentedLagrangian:
    """`penalty` is μ; `multiplier_rate` 1 is the classical update, smaller suits noisy batches; `cap` bounds |λ|."""

    penalty: Schedule = 1.0
    multiplier_rate: Schedule = 1.0
    cap: float | None = None
    name: Literal["augmented-lagrangian"] = "augmented-lagrangian"

    def __post_init__(self) -> None:
        require_nonnegative(penalty=self.penalty, multiplier_rate=self.multiplier_rate)
        if self.cap is not None and self.cap <= 0:
            raise ValueError(f"cap must be positive or null, got {self.cap}")

    def start(self, model: ConstrainedNetwork, points: PointSet) -> State:
        return {"multipliers": points.x.new_zeros(len(points), len(model.problem.constraints))}

    def direction(self, step: Step, state: State) -> Direction:
        penalty = value_at(self.penalty, step.epoch)
        multipliers = state["multipliers"][step.batch.index]
        pulled = step.gradient(_lagrangian, step.batch.u, multipliers, penalty)
        with step.clock.section("step"):
            rate = value_at(self.multiplier_rate, step.epoch)
            moved = multipliers + rate * penalty * pulled.residuals
            moved = moved if self.cap is None else moved.clamp(-self.cap, self.cap)
            multipliers = state["multipliers"].index_copy(0, step.batch.index, moved)
        state = {"multipliers": multipliers}
        return Direction(
            pulled.gradient, state, lambda: {"penalty": penalty, "multipliers_max": float(moved.abs().max())}
        )


def _lagrangian(prediction: Tensor, residuals: Tensor, u: Tensor, multipliers: Tensor, penalty: float) -> Tensor:
    terms = multipliers * residuals + 0.5 * penalty * residuals.square()
    return data_loss(prediction, u) + terms.sum(dim=1).mean()
