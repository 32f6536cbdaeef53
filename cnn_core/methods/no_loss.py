"""Multipliers with f = 0: training that only satisfies the constraints ("no-loss" in the workbook)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from cnn_core.methods.correction import satisfy, watch
from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task


@dataclass(frozen=True)
class NoLoss:
    """direction = Jᵀ(J Jᵀ)⁻¹ gain·g over the whole batch: a damped Gauss–Newton step on the constraints."""

    gain: Schedule = 1.0
    damping: Schedule = 0.0
    name: Literal["no-loss"] = "no-loss"
    needs: ClassVar[Need] = "constraint"
    has_value: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_nonnegative(gain=self.gain, damping=self.damping)

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return {}

    def direction(self, step: Step, state: State) -> Direction:
        gain, damping = value_at(self.gain, step.epoch), value_at(self.damping, step.epoch)
        _, direction, multipliers = satisfy(step, gain=gain, damping=damping)
        return Direction(direction, state, watch(multipliers))
