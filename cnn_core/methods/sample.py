"""One set of multipliers per point, for that point's own loss and constraints; then the mean: the workbook's
"constrained".

Each point's update satisfies that point's constraints. Their mean satisfies none of them: the method has no guarantee
(the workbook's fault 5, kept here for comparison).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cnn_core.methods.method import Direction, Part, State, Step
from cnn_core.problems import PointSet
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task, added


@dataclass(frozen=True)
class Sample:
    """direction = mean over points n of objective_rate·∇ℓ_n + J_nᵀλ_n, added up over the regions.

    λ_n = (J_n J_nᵀ)⁻¹ (gain·g_n − objective_rate·J_n∇ℓ_n).

    `damping` is relative to trace(J_n J_nᵀ)/C of each point; at least a few rounding errors' worth is used where C > 1.
    """

    gain: Schedule = 1.0
    objective_rate: Schedule = 1.0
    damping: Schedule = 0.0
    name: Literal["sample"] = "sample"
    needs: ClassVar[Need] = "constraint"
    has_value: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_nonnegative(gain=self.gain, objective_rate=self.objective_rate, damping=self.damping)

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return {}

    def direction(self, step: Step, state: State) -> Direction:
        rate, gain = value_at(self.objective_rate, step.epoch), value_at(self.gain, step.epoch)
        damping = value_at(self.damping, step.epoch)
        each = [self._of_part(step, part, rate, gain, damping) for part in step.parts]
        gradients, multipliers = zip(*each, strict=True)
        return Direction(
            added(gradients, step.theta),
            state,
            lambda: {"multipliers_max": max(float(one.abs().max()) for one in multipliers if one.numel())},
        )

    def _of_part(self, step: Step, part: Part, rate: float, gain: float, damping: float) -> tuple[Tensor, Tensor]:
        """The direction (P,) of one region's points, and their multipliers (N, C)."""
        terms = step.terms_of(part)
        if terms.constraints is None:
            return rate * terms.gradient, terms.residuals
        with step.clock.section("gram"):
            grams = terms.constraints.point_products(terms.constraints)
            pulls = 0.0
            if terms.losses is not None:
                pulls = terms.constraints.point_products(terms.losses)[:, :, 0]
        with step.clock.section("factorisation"):
            multipliers = _solve_each(grams, gain * terms.residuals - rate * pulls, damping)
        with step.clock.section("step"):
            mean_pull = terms.constraints.transposed_times(multipliers.flatten() / len(multipliers))
            return rate * terms.gradient + mean_pull, multipliers


def _solve_each(grams: torch.Tensor, right_sides: torch.Tensor, damping: float) -> torch.Tensor:
    """Solve N small damped systems, (N, C, C) and (N, C) → (N, C); points without any gradient get λ = 0."""
    count, smallest = grams.shape[-1], torch.finfo(grams.dtype).tiny
    if count == 1:
        return torch.where(grams[..., 0] <= smallest, 0.0, right_sides / ((1 + damping) * grams[..., 0]))
    damping = max(damping, 10 * count * torch.finfo(grams.dtype).eps)
    scale = grams.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
    identity = torch.eye(count, dtype=grams.dtype, device=grams.device)
    vanishing = scale <= smallest
    damped = torch.where(vanishing, identity, grams + damping * scale * identity)
    solved = torch.linalg.solve_ex(damped, torch.where(vanishing[..., 0], 0.0, right_sides))[0]
    return solved
