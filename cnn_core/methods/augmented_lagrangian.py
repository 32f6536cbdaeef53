"""The augmented Lagrangian (Hestenes 1969, Powell 1969): one multiplier per training point and constraint.

    L(θ; λ) = f + mean over points of Σ_c [λ_nc g_nc + ½ μ g_nc²],     λ_nc ← λ_nc + multiplier_rate·μ·g_nc,

where a point's multipliers move each time that a batch visits the point. Unlike a penalty, which must grow without
bound for g → 0, the multipliers take over and μ may stay moderate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet, by_region
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task, added, objective


@dataclass(frozen=True)
class AugmentedLagrangian:
    """`penalty` is μ; `multiplier_rate` 1 is the classical update, smaller suits noisy batches; `cap` bounds |λ|."""

    penalty: Schedule = 1.0
    multiplier_rate: Schedule = 1.0
    cap: float | None = None
    name: Literal["augmented-lagrangian"] = "augmented-lagrangian"
    needs: ClassVar[Need] = "constraint"
    has_value: ClassVar[bool] = True
    per_point: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_nonnegative(penalty=self.penalty, multiplier_rate=self.multiplier_rate)
        if self.cap is not None and self.cap <= 0:
            raise ValueError(f"cap must be positive or null, got {self.cap}")

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        zeros = {
            task.region: points[task.region].x.new_zeros(len(points[task.region]), len(task.constraints))
            for task in tasks
        }
        return {"multipliers": zeros}

    def direction(self, step: Step, state: State) -> Direction:
        penalty = value_at(self.penalty, step.epoch)
        multipliers, pulls, moved = dict(by_region(state["multipliers"])), [], []
        for part in step.parts:
            held, index = multipliers[part.task.region], part.batch.index
            shares = part.task.shares(step.theta)
            pulled = step.gradient(part, _lagrangian, part.u, part.batch.weight, shares, held[index], penalty)
            pulls.append(pulled)
            with step.clock.section("step"):
                moved.append(self._moved(held[index], part.task.constraint_part(pulled.residuals), penalty, step))
                multipliers[part.task.region] = held.index_copy(0, index, moved[-1])
        return Direction(
            added([one.gradient for one in pulls], step.theta),
            {"multipliers": multipliers},
            lambda: {
                "penalty": penalty,
                "multipliers_max": max(float(one.abs().max()) for one in moved if one.numel()),
            },
            value=added([one.value for one in pulls], step.theta),
        )

    def _moved(self, multipliers: Tensor, constraints: Tensor, penalty: float, step: Step) -> Tensor:
        rate = value_at(self.multiplier_rate, step.epoch)
        moved = multipliers + rate * penalty * constraints
        return moved if self.cap is None else moved.clamp(-self.cap, self.cap)


def _lagrangian(
    prediction: Tensor,
    residuals: Tensor,
    u: Tensor | None,
    data_weight: Tensor | None,
    shares: Tensor | None,
    multipliers: Tensor,
    penalty: float,
) -> Tensor:
    constraints = residuals[:, : multipliers.shape[1]]
    terms = multipliers * constraints + 0.5 * penalty * constraints.square()
    return objective(prediction, residuals, u, data_weight, shares) + terms.sum(dim=1).mean()
