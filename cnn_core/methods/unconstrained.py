"""Unconstrained training: the data loss alone. The baseline that a constraint has to beat."""

from dataclasses import dataclass
from typing import Literal

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet


@dataclass(frozen=True)
class Unconstrained:
    """direction = ∇f."""

    name: Literal["unconstrained"] = "unconstrained"

    def start(self, model: ConstrainedNetwork, points: PointSet) -> State:
        return {}

    def direction(self, step: Step, state: State) -> Direction:
        return Direction(step.data_gradient(), state)
