"""Exact multipliers for all constraints of a batch at once: the workbook's "batchwise", the method its theory is about.

Under plain gradient descent with learning rate η a fixed batch's constraints decay as (1 − η·gain)^t while the data
loss falls inside their tangent space, undamped. Under Adam that guarantee is lost, because Adam's step is not in the
metric that λ was computed in (this is the workbook's fault 6, kept here for comparison). With mini-batches, and under
Adam, damping is what makes it learn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from cnn_core.methods.correction import correct, normal_space, watch
from cnn_core.methods.method import Direction, State, Step
from cnn_core.methods.refresh import due, held, held_pull, none_yet, older, require_refresh
from cnn_core.problems import PointSet
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task


@dataclass(frozen=True)
class Batch:
    """direction = objective_rate·∇f + Jᵀλ with λ = (J Jᵀ)⁻¹ (gain·g − objective_rate·J∇f).

    `damping` is relative to trace(J Jᵀ)/m. Multipliers are computed every `refresh_interval` steps; in between, λ
    stays attached to the points it was computed at. Before `warm_up` epochs training is unconstrained, if there is
    an objective. `cap` bounds |λ|.
    """

    gain: Schedule = 0.3
    objective_rate: Schedule = 1.0
    damping: Schedule = 1e-2
    refresh_interval: int = 1
    warm_up: float = 0.0
    cap: float | None = None
    name: Literal["batch"] = "batch"
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
        if not due(state, self.refresh_interval):
            return Direction(step.objective_gradient(rate) + held_pull(step, state), older(state))
        terms = step.terms()
        direction, multipliers = correct(
            step,
            normal_space(step, terms.constraints, damping=value_at(self.damping, step.epoch)),
            terms.residuals,
            rate * terms.gradient,
            gain=value_at(self.gain, step.epoch),
            cap=self.cap,
        )
        return Direction(direction, held(step, multipliers.values), watch(multipliers))
