"""Soft constraints: a penalty added to the data loss.

The workbook fixed the weight at 1, which compares the other methods with an untuned straw man: search it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor

from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet
from cnn_core.reductions import Lp, Reduction
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task, added, objective


@dataclass(frozen=True)
class Soft:
    """direction = ∇(f + weight · Σ_c weights[c] R_c(g)), with R the mean square unless `reduction` says otherwise.

    `weights` has factors for single constraints, by the names of the PDE's residuals and of conditions; others have 1.
    """

    weight: Schedule = 1.0
    weights: Mapping[str, Schedule] = field(default_factory=dict)
    reduction: Reduction = field(default_factory=Lp)
    name: Literal["soft"] = "soft"
    needs: ClassVar[Need] = None
    has_value: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_nonnegative(weight=self.weight, **{f"weights.{name}": one for name, one in self.weights.items()})

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return {}

    def direction(self, step: Step, state: State) -> Direction:
        weight = value_at(self.weight, step.epoch)
        reduce, numbers = self.reduction.parts
        pulled = [
            step.gradient(
                part, _penalised, part.u, part.batch.weight, part.task.shares(step.theta),
                weight, self._factors(part.task, step), reduce, *numbers,
            )
            for part in step.parts
        ]  # fmt: skip
        gradient = added([one.gradient for one in pulled], step.theta)
        return Direction(
            gradient, state, lambda: {"weight": weight}, value=added([one.value for one in pulled], step.theta)
        )

    def _factors(self, task: Task, step: Step) -> Tensor | None:
        """What multiplies each constraint's R (C,); None where it is 1 for all."""
        fractions = task.fractions(step.theta)
        if fractions is None and not set(self.weights) & set(task.constraints):
            return None
        weights = [value_at(self.weights.get(name, 1.0), step.epoch) for name in task.constraints]
        return step.theta.new_tensor(weights) * (1.0 if fractions is None else fractions)


def _penalised(
    prediction: Tensor,
    residuals: Tensor,
    u: Tensor | None,
    data_weight: Tensor | None,
    shares: Tensor | None,
    weight: float,
    factors: Tensor | None,
    reduce: Callable[..., Tensor],
    *numbers: float,
) -> Tensor:
    constraints = residuals if shares is None else residuals[:, : residuals.shape[1] - len(shares)]
    numbers_by_constraint = reduce(constraints, *numbers)
    penalties = numbers_by_constraint if factors is None else factors * numbers_by_constraint
    return objective(prediction, residuals, u, data_weight, shares) + weight * penalties.sum()
