"""The sum of "no-loss" and "unconstrained": the data gradient is not projected onto the constraints' tangent space.

The data loss then works against the constraints instead of falling along them; the workbook has it for comparison.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from cnn_core.methods.correction import satisfy, watch
from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task


@dataclass(frozen=True)
class NonProjecting:
    """direction = objective_rate·∇f + Jᵀ(J Jᵀ)⁻¹ gain·g over the whole batch."""

    gain: Schedule = 1.0
    objective_rate: Schedule = 1.0
    damping: Schedule = 0.0
    name: Literal["non-projecting"] = "non-projecting"
    needs: ClassVar[Need] = "constraint"
    has_value: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_nonnegative(gain=self.gain, objective_rate=self.objective_rate, damping=self.damping)

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return {}

    def direction(self, step: Step, state: State) -> Direction:
        gain, damping = value_at(self.gain, step.epoch), value_at(self.damping, step.epoch)
        terms, correction, multipliers = satisfy(step, gain=gain, damping=damping)
        descent = value_at(self.objective_rate, step.epoch) * terms.gradient
        return Direction(descent + correction, state, watch(multipliers))
