"""A direction along which every term falls: the objective f and each constrained condition's number R_c.

With the gradients g_i of the terms and U[v] = v / |v| (Liu, Chu & Thuerey 2025, "ConFIG: Towards conflict-free training
of physics informed neural networks"),

    g_u = U[ Ĝ⁺ 1 ],  Ĝ = the rows U[g_i],      direction = (Σ_i g_iᵀ g_u) g_u,

makes the same angle with all g_i. Weights of terms would change its length alone, so there are none.

An optimizer does not step along its direction: momentum and Adam's metric M turn it, and conflicts come back. With
`project: update` the optimizer's proposal Δ₀ = M m̂ is itself made free of conflict: the nearest step in its metric

    minimise ½ (Δ − Δ₀)ᵀ M⁻¹ (Δ − Δ₀)  subject to  g_iᵀ Δ ≥ 0 for all i      (`cnn_core.linear_algebra.cone`),

which is Δ₀ where that has no conflict. Along −Δ no term rises, to first order. That the update is what must be free of
conflict, and Adam's metric the one to project in, is an idea of others (2026, under the name of a gradient–update
mismatch); the cone, its exact solution, and the moments, which are those of the direction above, are our reading of it.

Axis names: T terms, P parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cnn_core.linear_algebra.cone import nearest_in_cone
from cnn_core.methods.method import Direction, State, Step
from cnn_core.methods.terms import term_gradients
from cnn_core.problems import PointSet
from cnn_core.reductions import Lp, Reduction
from cnn_core.schedules import value_at
from cnn_core.tasks import Need, Task

SAME = 1e-12
"""The square of an angle, in radians, below which gradients are the same, or opposite."""


@dataclass(frozen=True)
class ConflictFree:
    """`project` says what is free of conflict: the `gradient` that the optimizer gets, or its `update`, too."""

    project: Literal["gradient", "update"] = "gradient"
    reduction: Reduction = field(default_factory=Lp)
    name: Literal["conflict-free"] = "conflict-free"
    needs: ClassVar[Need] = None
    has_value: ClassVar[bool] = False
    unrecorded: ClassVar[str] = "decompose matrices"

    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State:
        return {"moments": {}} if self.project == "update" else {}

    def direction(self, step: Step, state: State) -> Direction:
        gradients = term_gradients(step, self.reduction)
        with step.clock.section("step"):
            direction = same_angle(gradients)
            if self.project == "gradient":
                return Direction(direction, state, lambda: {"cosine_min": smallest_cosine(gradients)})
            proposal, metric, moments = step.optimizer.precondition(direction, state["moments"])
            update, turned = nearest_in_cone(proposal, gradients, metric)
            rate = value_at(step.optimizer.learning_rate, step.epoch)
        return Direction(
            rate * update,
            {"moments": moments},
            lambda: {"cosine_min": smallest_cosine(gradients), "turned": float((turned > 0).sum())},
            complete=True,
        )


def same_angle(gradients: Tensor) -> Tensor:
    """The direction (P,) of equal cosines with all gradients (T, P) that do not vanish; 0 where these cancel out.

    Where gradients depend on each other so that there is none, cosines are equal in the sense of least squares.
    """
    unit = _unit(gradients)
    products = unit @ unit.T
    if not torch.isfinite(products).all():
        return gradients.sum(dim=0)  # for the training to see
    shares = torch.linalg.pinv(products, hermitian=True, rtol=SAME) @ unit.new_ones(len(unit))
    towards = shares @ unit  # of length 1 at least where all cosines are equal
    towards = torch.where(towards.norm() > SAME, _unit(towards[None])[0], 0.0)
    return ((gradients.double() @ towards).sum() * towards).to(gradients)


def smallest_cosine(gradients: Tensor) -> float:
    """Of the angles between any two gradients; below 0 they conflict."""
    unit = _unit(gradients)
    return float((unit @ unit.T).min())


def _unit(rows: Tensor) -> Tensor:
    """Rows of length 1, in float64; those that vanish stay."""
    rows = rows.double()
    lengths = rows.norm(dim=1, keepdim=True)
    return rows / torch.where(lengths > 0, lengths, 1.0)
