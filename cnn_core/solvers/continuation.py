"""Continuation: a constraint is enforced more and more, and each time the least-squares problem is solved well."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from cnn_core.linear_algebra.least_squares import Descent
from cnn_core.linear_algebra.sides import Space
from cnn_core.solvers.rows import Block, Rows
from cnn_core.solvers.solver import Course
from cnn_core.solvers.wave import U, Wave

LARGEST_WEIGHT = 1e6

PATIENCE = 3
"""So many weights in a row that lower the error by less than a tenth say that no weight will."""

HARDLY_LOWER = 0.9
"""An error above this fraction of the one before is hardly lower."""

FIRST_TELLING_WEIGHT = 100.0
"""At smaller weights an error may rest, while the network moves along."""


@dataclass(kw_only=True)
class Continuation:
    """One wave's way from θ₀ (P,), on which every step is noted.

    Weights grow from `first_weight` by the factor `growth` until the error is at most `tolerance`, or `max_steps` steps
    were taken in all. `pull` is s², the weight of ½ |θ − θ₀|².
    """

    wave: Wave
    start: Tensor
    pull: float
    tolerance: float
    max_steps: int
    first_weight: float
    growth: float
    inner_tolerance: float
    space: Space = "auto"
    descent: Descent = field(init=False)
    course: Course = field(init=False)

    def __post_init__(self) -> None:
        self.at_start = self.wave.evaluate(self.start)
        self.course = Course(self.wave.part(U, self.at_start), self.wave.error(self.at_start))
        self.descent = Descent(self.start, pull=self.pull, space=self.space, on_step=self._note)

    def enforce(
        self,
        block: Block,
        *more: Block,
        error: Callable[[Sequence[Tensor]], float] | None = None,
        growth: float | None = None,
    ) -> float:
        """Minimise the rows of `block`, the conditions and `more` at growing weights; returns the last weight.

        `error` and `growth` replace the wave's error and the settings' growth.
        """
        rows = Rows([block, *self.wave.conditions, *more])
        error, growth = error or self.wave.error, growth or self.growth
        weight, idle, last = self.first_weight, 0, math.inf
        while True:
            self.descent.relax()
            self.descent.minimise(
                rows, rows.weights(weight), inner_tolerance=self.inner_tolerance, max_steps=self.max_steps
            )
            now = error(self.quantities())
            idle = idle + 1 if weight >= FIRST_TELLING_WEIGHT and now > HARDLY_LOWER * last else 0
            spent = self.descent.steps >= self.max_steps or weight > LARGEST_WEIGHT or idle >= PATIENCE
            if now <= self.tolerance or spent:
                return weight
            weight, last = weight * growth, now

    def quantities(self) -> list[Tensor]:
        """The wave's quantities where the descent is."""
        return self.wave.evaluate(self.descent.theta)

    def _note(self, quantities: Sequence[Tensor]) -> None:
        self.course.note(self.wave.error(quantities), self.wave.part(U, quantities))
