"""The step that multiplier methods share: exact multipliers for a set of constraints, and the direction they give.

With a data direction d (a multiple of ∇f, or 0) and constraints g with Jacobian J,

    λ = (J Jᵀ)⁻¹ (gain·g − J d),    direction = d + Jᵀ λ,    so that J·direction = gain·g:

along −direction the constraints decay at the rate `gain` per unit of learning rate, and what is left of d is tangent to
the constraints (Jergensen 2019; Yamashita 1980, "A differential equation approach to nonlinear programming").
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from cnn_core.constrained import Evaluation, point_losses
from cnn_core.jacobian import Jacobian, residual_jacobian
from cnn_core.methods.method import Direction, State, Step
from cnn_core.multipliers import Factorisation, Multipliers, SolveStatus, factorise

REFINEMENTS = 2
"""At most this often the error of an undamped direction is solved for."""

REFINED = 10
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

    `cap` bounds |λ|: multipliers above it are scaled down together, which keeps their direction.
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


def correct_batch(
    step: Step,
    evaluation: Evaluation,
    descent: Tensor,
    *,
    gain: float,
    damping: float,
    cap: float | None = None,
) -> tuple[Tensor, Multipliers]:
    """`correct` with one multiplier per point and constraint of the batch: d + Jᵀλ (P,) and λ (N·C,)."""
    with step.clock.section("jacobian"):
        jacobian = residual_jacobian(step.model, step.theta, evaluation, step.batch.x, step.batch.p)
    constraints = evaluation.residuals.detach().flatten()
    return correct(step, jacobian, constraints, descent, gain=gain, damping=damping, cap=cap)


def figures_of(multipliers: Multipliers) -> Mapping[str, float]:
    """What is worth watching about a solve."""
    return {
        "multipliers_max": float(multipliers.values.abs().max()),
        "condition": multipliers.condition,
        "damping": multipliers.damping,
    }
