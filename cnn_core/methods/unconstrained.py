"""Unconstrained training: the data loss alone. The baseline that a constraint has to beat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from cnn_core.methods.method import Direction, State, Step
from cnn_core.problems import PointSet
from cnn_core.tasks import Need, Task


@dataclass(frozen=True)
class Unconstrained:
    """direction = ∇f."""

    name: Literal["unconstrained"] = "unconstrained"
    needs: ClassVar[Need] = "objective"
    has_value: ClassVar[bool] = True

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return {}

    def direction(self, step: Step, state: State) -> Direction:
        value, gradient = step.objective()
        return Direction(gradient, state, value=value)
