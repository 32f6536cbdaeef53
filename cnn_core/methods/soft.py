"""Soft constraints: a penalty added to the data loss.

The workbook fixed the weight at 1, which compares the other methods with an untuned straw man: search it, or let a
`balance` find weights of single terms on the way (`cnn_core.methods.balance`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cnn_core.methods.balance import Balance, Unbalanced, rebalanced, start_balance, weights_by_term
from cnn_core.methods.method import Direction, State, Step
from cnn_core.methods.terms import OBJECTIVE
from cnn_core.problems import PointSet
from cnn_core.reductions import Lp, Reduction
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task, added, objective, vector


@dataclass(frozen=True)
class Soft:
    """direction = ∇(f + weight · Σ_c weights[c] R_c(g)), with R the mean square unless `reduction` says otherwise.

    `weights` has factors for single constraints, by the names of the PDE's residuals and of conditions; others have 1.
    With a `balance` f and each R_c have, besides, the weight that it found: ∇(λ_f f + weight · Σ_c weights[c] λ_c R_c).
    """

    weight: Schedule = 1.0
    weights: Mapping[str, Schedule] = field(default_factory=dict)
    reduction: Reduction = field(default_factory=Lp)
    balance: Balance = field(default_factory=Unbalanced)
    name: Literal["soft"] = "soft"
    needs: ClassVar[Need] = None
    has_value: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_nonnegative(weight=self.weight, **{f"weights.{name}": one for name, one in self.weights.items()})

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return start_balance(self.balance, tasks, next(iter(points.values())).x)

    def direction(self, step: Step, state: State) -> Direction:
        weight, found = value_at(self.weight, step.epoch), weights_by_term(step, state)
        reduce, numbers = self.reduction.parts
        pulled = [
            step.gradient(
                part, _penalised, part.u, part.batch.weight, part.task.shares(step.theta),
                weight, self._factors(part.task, step, found), found.get(OBJECTIVE), reduce, *numbers,
            )
            for part in step.parts
        ]  # fmt: skip
        return Direction(
            added([one.gradient for one in pulled], step.theta),
            rebalanced(self.balance, step, self.reduction, state),
            lambda: {"weight": float(weight)} | {f"balance_{name}": float(one) for name, one in found.items()},
            value=added([one.value for one in pulled], step.theta),
        )

    def _factors(self, task: Task, step: Step, found: Mapping[str, Tensor]) -> Tensor | None:
        """What multiplies each constraint's R (C,); None where it is 1 for all."""
        fractions = task.fractions(step.theta)
        if fractions is None and not found and not set(self.weights) & set(task.constraints):
            return None
        weights = [value_at(self.weights.get(name, 1.0), step.epoch) for name in task.constraints]
        factors = vector(weights, step.theta) * (1.0 if fractions is None else fractions)
        return factors * torch.stack([found[name] for name in task.constraints]) if found and weights else factors


def _penalised(
    prediction: Tensor,
    residuals: Tensor,
    u: Tensor | None,
    data_weight: Tensor | None,
    shares: Tensor | None,
    weight: float,
    factors: Tensor | None,
    objective_weight: Tensor | None,
    reduce: Callable[..., Tensor],
    *numbers: float,
) -> Tensor:
    constraints = residuals if shares is None else residuals[:, : residuals.shape[1] - len(shares)]
    numbers_by_constraint = reduce(constraints, *numbers)
    penalties = numbers_by_constraint if factors is None else factors * numbers_by_constraint
    of_objective = objective(prediction, residuals, u, data_weight, shares)
    if objective_weight is not None:
        of_objective = objective_weight * of_objective
    return of_objective + weight * penalties.sum()
