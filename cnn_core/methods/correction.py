"""The step that multiplier methods share: exact multipliers for a set of constraints, and the direction they give.

With a data direction d (a multiple of ∇f, or 0) and constraints g with Jacobian J,

    λ = (J Jᵀ)⁻¹ (gain·g − J d),    direction = d + Jᵀ λ,    so that J·direction = gain·g:

along −direction the constraints decay at the rate `gain` per unit of learning rate, and what is left of d is tangent to
the constraints (Jergensen 2019; Yamashita 1980, "A differential equation approach to nonlinear programming").
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from cnn_core.constrained import point_losses
from cnn_core.jacobian import Jacobian, term_jacobian
from cnn_core.methods.method import Direction, State, Step
from cnn_core.multipliers import Factorisation, Multipliers, SolveStatus, factorise

REFINEMENTS = 2
"""At most this often the error of an undamped direction is solved for."""

REFINED = 100
"""How many rounding errors, relative to gain·g, J·direction may be off before it is worth another solve."""


def data_gradient(step: Step, prediction: Tensor, rate: float = 1.0) -> Tensor:
    """rate·∇f (P,) for f = the mean point loss of the batch; the graph of `prediction` is kept."""
    if rate == 0:
        return torch.zeros_like(step.theta)
    loss = rate * point_losses(prediction, step.batch.u).mean()
    with step.clock.section("step"):
        return torch.autograd.grad(loss, step.theta, retain_graph=True)[0]


def data_direction(step: Step, state: State) -> Direction:
    """The direction of unconstrained training: ∇f, without evaluating the constraints."""
    with step.clock.section("forward"):
        prediction = step.model.predict(step.theta, step.batch.x, step.batch.p)
    return Direction(data_gradient(step, prediction), state, {})


class BatchTerms(NamedTuple):
    """What a batch asks for: its residuals g (N·C,), their Jacobian, and the data gradient ∇f (P,)."""

    residuals: Tensor
    jacobian: Jacobian
    gradient: Tensor


def batch_terms(step: Step) -> BatchTerms:
    """One constraint per point and name, and the data loss, from one pass and one pull-back."""
    evaluation = step.evaluate()
    batch = step.batch
    with step.clock.section("jacobian"):
        jacobian = term_jacobian(step.model, step.theta, evaluation, batch.x, batch.p, batch.u)
    residuals = evaluation.residuals.detach()
    points, constraints = residuals.shape
    with step.clock.section("step"):
        gradient = jacobian.part(0, 1).transposed_times(torch.full_like(residuals[:, 0], 1 / points))
    return BatchTerms(residuals.flatten(), jacobian.part(1, 1 + constraints), gradient)


def correct(
    step: Step,
    jacobian: Jacobian,
    constraints: Tensor,
    descent: Tensor,
    *,
    gain: float,
    damping: float,
    cap: float | None = None,
) -> tuple[Tensor, Multipliers]:
    """d + Jᵀλ (P,) and λ for constraints g (m,), their Jacobian and the data direction d (P,).

    `cap` bounds |λ|: multipliers above it are scaled down together, which keeps their direction. An undamped
    direction has J·direction = gain·g to nearly all digits, also where G is ill-conditioned: what λ leaves over is
    solved for again.
    """
    with step.clock.section("gram"):
        gram = jacobian.gram()
    with step.clock.section("factorisation"):
        factorisation = factorise(gram, damping=damping)
        multipliers = factorisation.solve(gain * constraints - jacobian.times(descent))
    with step.clock.section("step"):
        capped = multipliers.capped(cap)
        direction = descent + jacobian.transposed_times(capped.values)
        if damping > 0 or capped is not multipliers or multipliers.status is not SolveStatus.SOLVED:
            return direction, capped
        return _refined(jacobian, factorisation, direction, multipliers, gain * constraints)


def _refined(
    jacobian: Jacobian, factorisation: Factorisation, direction: Tensor, multipliers: Multipliers, wanted: Tensor
) -> tuple[Tensor, Multipliers]:
    tolerance = REFINED * torch.finfo(wanted.dtype).eps * float(wanted.norm())
    values = multipliers.values
    for _ in range(REFINEMENTS):
        missing = wanted - jacobian.times(direction)
        if float(missing.norm()) <= tolerance:
            break
        correction = factorisation.solve(missing).values
        direction, values = direction + jacobian.transposed_times(correction), values + correction
    return direction, replace(multipliers, values=values)


def figures_of(multipliers: Multipliers) -> Mapping[str, float]:
    """What is worth watching about a solve."""
    return {
        "multipliers_max": float(multipliers.values.abs().max()),
        "condition": multipliers.condition,
        "damping": multipliers.damping,
    }
