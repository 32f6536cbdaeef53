"""Unknowns: parameters of a problem's family that nobody gives, so that training finds them, beside the network.

θ holds one number for each, behind the network's parameters: the value itself, or its logarithm where it is positive.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from cnn_core.problems.functions import ProblemError


@dataclass(frozen=True)
class Unknown:
    """A parameter that begins at `start`; `truth`, where it is known, is what a result is compared with.

    Raises ProblemError for numbers that are not finite, or not positive where they should be.
    """

    start: float
    positive: bool = False
    truth: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("truth", self.truth)):
            if value is not None and not (math.isfinite(value) and (value > 0 or not self.positive)):
                kind = "positive and finite" if self.positive else "finite"
                raise ProblemError(f"{name} of an unknown must be {kind}, got {value}")

    @property
    def begin(self) -> float:
        """What θ holds at first."""
        return math.log(self.start) if self.positive else self.start

    def value(self, held: Tensor) -> Tensor:
        """The value, for what θ holds."""
        return held.exp() if self.positive else held

    def slope(self, held: Tensor) -> Tensor:
        """The value's derivative by what θ holds."""
        return held.exp() if self.positive else held.new_ones(())
