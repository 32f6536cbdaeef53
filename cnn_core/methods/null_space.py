"""Null-space steps: exact multipliers that keep their promise under the optimizer that people really use.

A step has two parts with rates of their own, both in the metric M of the optimizer (for Adam the diagonal 1/(√v̂ + ε)):

    Δ = −α_J (I − M Jᵀ (J M Jᵀ)⁻¹ J) M m̂ − α_C M Jᵀ (J M Jᵀ)⁻¹ g,        so that J Δ = −α_C g:

the objective descends inside the constraints' tangent space (m̂ is ∇f with the optimizer's momentum; moments are
those of ∇f only), and the constraints of a fixed batch decay as (1 − α_C)^t whatever the optimizer, undamped. The
optimizer's learning rate is not used. Curvature adds an error of second order in α_J; a corrector step, with the
factorisation at hand, removes most of it.

References: Feppon, Allaire & Dapogny 2020, "Null space gradient flows for constrained optimization", for the two parts;
Nocedal & Wright 2006, §18.3, for the second-order correction.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cnn_core.decisions import chosen, surely
from cnn_core.methods.correction import NormalSpace, correct, normal_space, watch
from cnn_core.methods.method import Direction, State, Step
from cnn_core.methods.refresh import due, held, held_pull, none_yet, older, require_refresh
from cnn_core.problems import PointSet
from cnn_core.schedules import Schedule, require_nonnegative, value_at
from cnn_core.tasks import Need, Task

MOST_HALVINGS = 10


@dataclass(frozen=True)
class NullSpace:
    """`objective_rate` is α_J, `constraint_rate` α_C; `preconditioner` says whether M is the optimizer's or the
    identity.

    `damping` is relative to trace(J M Jᵀ)/m. Multipliers are computed every `refresh_interval` steps; in between, λ
    stays attached to the points it was computed at. `cap` bounds |λ|. At most `corrections` corrector steps, as long as
    they help, follow every step that computed multipliers, unless `cap` held these back. `growth_limit` halves a step
    while it makes |g| larger than this multiple of what it was (null: never), and leaves out one that no halving saves.
    Before `warm_up` epochs only the objective's part is taken, if there is one.
    """

    objective_rate: Schedule = 1e-3
    constraint_rate: Schedule = 0.05
    preconditioner: Literal["identity", "optimizer"] = "optimizer"
    damping: Schedule = 1e-4
    corrections: int = 0
    growth_limit: float | None = None
    refresh_interval: int = 1
    warm_up: float = 0.0
    cap: float | None = None
    name: Literal["null-space"] = "null-space"
    needs: ClassVar[Need] = "constraint"
    has_value: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_nonnegative(
            objective_rate=self.objective_rate, constraint_rate=self.constraint_rate, damping=self.damping
        )
        require_refresh(self.refresh_interval, self.warm_up, self.cap)
        if self.corrections < 0:
            raise ValueError(f"corrections must be 0 or more, got {self.corrections}")
        if self.growth_limit is not None and self.growth_limit < 1:
            raise ValueError(f"growth_limit must be at least 1 or null, got {self.growth_limit}")

    @property
    def unrecorded(self) -> str | None:
        """What its steps do that no recording bears."""
        return None if self.growth_limit is None else "decide by numbers, with growth_limit"

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return none_yet() | {"moments": {}}

    def direction(self, step: Step, state: State) -> Direction:
        if step.warms_up(self.warm_up):
            descent, _, moments = self._preconditioned(step, step.objective_gradient(), state)
            return Direction(descent, state | moments, complete=True)
        if not due(state, self.refresh_interval):
            return self._with_old_multipliers(step, state)
        terms = step.terms()
        residuals = terms.residuals
        descent, metric, moments = self._preconditioned(step, terms.gradient, state)
        normal = normal_space(step, terms.constraints, damping=value_at(self.damping, step.epoch), metric=metric)
        rate = value_at(self.constraint_rate, step.epoch)
        delta, multipliers = correct(step, normal, residuals, descent, gain=rate, cap=self.cap)
        with step.clock.section("step"):
            if not surely(multipliers.held_back):
                corrected = self._corrected(step, normal, residuals * (1 - rate), delta)
                delta = chosen(multipliers.held_back, delta, corrected)
            delta = self._safeguarded(step, residuals, delta)
        return Direction(delta, held(step, multipliers.values) | moments, watch(multipliers), complete=True)

    def _with_old_multipliers(self, step: Step, state: State) -> Direction:
        pull = held_pull(step, state)
        descent, metric, moments = self._preconditioned(step, step.objective_gradient(), state)
        delta = descent + (pull if metric is None else metric * pull)
        if self.growth_limit is not None:
            residuals = _residuals_after(step, torch.zeros_like(delta))
            delta = self._safeguarded(step, residuals, delta)
        return Direction(delta, older(state) | moments, complete=True)

    def _preconditioned(self, step: Step, gradient: Tensor, state: State) -> tuple[Tensor, Tensor | None, State]:
        """α_J M m̂ (P,), M, and the moments as part of a state."""
        rate = value_at(self.objective_rate, step.epoch)
        if self.preconditioner == "identity":
            return rate * gradient, None, {"moments": {}}
        descent, metric, moments = step.optimizer.precondition(gradient, state["moments"])
        return rate * descent, _for_unknowns(step, metric, gradient), {"moments": moments}

    def _corrected(self, step: Step, normal: NormalSpace, wanted: Tensor, delta: Tensor) -> Tensor:
        if self.corrections == 0:
            return delta
        left_over = _residuals_after(step, delta) - wanted
        for _ in range(self.corrections):
            better = delta + normal.step(normal.multipliers(left_over).values)
            remaining = _residuals_after(step, better) - wanted
            helps = remaining.norm() < left_over.norm()
            if surely(~helps):
                break
            delta, left_over = chosen(helps, better, delta), chosen(helps, remaining, left_over)
        return delta

    def _safeguarded(self, step: Step, residuals: Tensor, delta: Tensor) -> Tensor:
        if self.growth_limit is None:
            return delta
        limit = self.growth_limit * float(residuals.norm())
        if not (math.isfinite(limit) and torch.isfinite(delta).all()):
            return delta  # for the training to see
        for _ in range(MOST_HALVINGS):
            if float(_residuals_after(step, delta).norm()) <= limit:
                return delta
            delta = 0.5 * delta
        return torch.zeros_like(delta)


def _for_unknowns(step: Step, metric: Tensor | None, gradient: Tensor) -> Tensor | None:
    """M, where an unknown that the objective does not pull on counts like a parameter of the network on average.

    The optimizer knows nothing of it: its metric there is 1/ε, in which all constraints would be met by it alone.
    """
    count = step.parts[0].model.layout.size
    if metric is None or count == len(metric):
        return metric
    of_network, of_unknowns = metric[:count], metric[count:]
    return torch.cat([of_network, torch.where(gradient[count:] == 0, of_network.mean(), of_unknowns)])


def _residuals_after(step: Step, delta: Tensor) -> Tensor:
    return step.constraints(step.theta.detach() - delta)
