"""Multipliers with f = 0: training that only satisfies the constraints ("no-loss" in the workbook)."""

from dataclasses import dataclass
from typing import Literal

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods.correction import satisfy, watch
from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet
from cnn_core.schedules import Schedule, require_nonnegative, value_at


@dataclass(frozen=True)
class NoLoss:
    """direction = Jᵀ(J Jᵀ)⁻¹ gain·g over the whole batch: a damped Gauss–Newton step on the constraints."""

    gain: Schedule = 1.0
    damping: Schedule = 0.0
    name: Literal["no-loss"] = "no-loss"

    def __post_init__(self) -> None:
        require_nonnegative(gain=self.gain, damping=self.damping)

    def start(self, model: ConstrainedNetwork, points: PointSet) -> State:
        return {}

    def direction(self, step: Step, state: State) -> Direction:
        gain, damping = value_at(self.gain, step.epoch), value_at(self.damping, step.epoch)
        _, direction, multipliers = satisfy(step, gain=gain, damping=damping)
        return Direction(direction, state, watch(multipliers))
