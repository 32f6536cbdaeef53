"""Quantities of points to first order in θ: what a batch and what a wave ask of one pass, with their Jacobians.

Axis names: N points, O outputs, C constraints, P parameters; rows of J as in `cnn_core.jacobian`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import jacrev, vjp

from cnn_core.clock import Clock
from cnn_core.constrained import ConstrainedNetwork, Evaluation
from cnn_core.data_loss import point_loss_slopes, point_losses
from cnn_core.jacobian import ExplicitJacobian, Jacobian, LayerJacobian, transposed_times
from cnn_core.networks.layered import LayerPass, Trace

GENERAL_CHUNK = 256
"""Points whose rows the general path differentiates at once."""


class Terms(NamedTuple):
    """A batch's quantities: residuals g (N, C), the gradient ∇f (P,) of the data loss f, which is the mean of the
    points' losses, and J of these losses (N rows) and of the residuals."""

    residuals: Tensor
    gradient: Tensor
    losses: Jacobian
    constraints: Jacobian


def batch_terms(
    model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, u: Tensor, clock: Clock | None = None
) -> Terms:
    """What a batch asks for at θ (P,), x (N, D), p (N, K) with the data u (N, O), from one pass.

    `clock` gets the sections `forward`, `residual` and `jacobian`; compiled passes count as `jacobian`.
    """
    clock = clock or Clock()
    if model.path == "layers" and model.compile:
        with clock.section("jacobian"):
            residuals, gradient, trace, losses, constraints = model.kernel(_layer_terms)(model, theta.detach(), x, p, u)
            of_losses = LayerJacobian(model, trace.of_values(), losses)
            return Terms(residuals, gradient, of_losses, LayerJacobian(model, trace, constraints))
    evaluation = model.evaluate(theta, x, p, clock)
    residuals = evaluation.residuals.detach()
    with clock.section("jacobian"):
        losses, constraints = _jacobians_of_terms(model, theta, evaluation, x, p, u)
        return Terms(residuals, losses.transposed_times(_mean_of(x)), losses, constraints)


def field_jacobian(
    model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor, start: int, stop: int
) -> Jacobian:
    """J of the quantities start … stop − 1 among every point's [u_1 … u_O, g_1 … g_C].

    `evaluation` is the pass at θ (P,), x (N, D), p (N, K); its graph is kept.
    """
    if evaluation.layers is not None:
        quantities = torch.cat([evaluation.prediction, evaluation.residuals], dim=1)
        return _layer_jacobian(model, evaluation.layers, quantities[:, start:stop])

    def field(theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        return torch.cat(model.at_point(theta, x, p))

    return _explicit_jacobian(field, theta, x, p).part(start, stop)


def _jacobians_of_terms(
    model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor, u: Tensor
) -> tuple[Jacobian, Jacobian]:
    """J of the points' losses, and of their residuals."""
    if evaluation.layers is not None:
        losses = _loss_jacobian(model, evaluation.layers, evaluation.prediction.detach(), u)
        return losses, _layer_jacobian(model, evaluation.layers, evaluation.residuals)

    def terms(theta: Tensor, x: Tensor, p: Tensor, u: Tensor) -> Tensor:
        prediction, residuals = model.at_point(theta, x, p)
        return torch.cat([point_losses(prediction, u)[None], residuals])

    both = _explicit_jacobian(terms, theta, x, p, u)
    return both.part(0, 1), both.part(1, both.quantities)


def _layer_terms(
    model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, u: Tensor
) -> tuple[Tensor, Tensor, Trace, Sequence[Tensor], Sequence[Tensor]]:
    """Residuals (N, C), ∇f (P,), the trace, and δ of the losses and of the residuals, as one graph."""
    layers = model.layer_pass(theta, x, p, model.carried)
    residuals, pull = vjp(  # pyright: ignore[reportAssignmentType]
        lambda streams: model.read(streams, x, p)[1], layers.streams
    )
    each = torch.eye(residuals.shape[1], dtype=x.dtype, device=x.device)
    weights = torch.vmap(lambda one: pull(one.expand_as(residuals))[0], out_dims=2)(each)
    losses = _loss_jacobian(model, layers, layers.streams[0], u)
    gradient = transposed_times(model, losses.trace, losses.deltas, _mean_of(x))
    return residuals, gradient, layers.trace, losses.deltas, layers.pull_back(weights)


def _mean_of(x: Tensor) -> Tensor:
    """The weights (N,) of a mean over the points x (N, D)."""
    return x.new_full((len(x),), 1 / len(x))


def _explicit_jacobian(at_point: Callable[..., Tensor], theta: Tensor, *points: Tensor) -> ExplicitJacobian:
    """J of at_point(θ, *one row of each of `points`) → (Q,)."""
    in_dims = (None, *[0] * len(points))
    rows = torch.vmap(jacrev(at_point), in_dims, chunk_size=GENERAL_CHUNK)(theta.detach(), *points)
    return ExplicitJacobian(rows.flatten(0, 1).detach(), rows.shape[1])


def _layer_jacobian(model: ConstrainedNetwork, layers: LayerPass, quantities: Tensor) -> LayerJacobian:
    """J of quantities (N, Q) of a pass that is tied to θ."""
    weights = [
        torch.autograd.grad(quantity.sum(), layers.streams, retain_graph=True)[0]
        for quantity in quantities.unbind(dim=1)
    ]
    return LayerJacobian(model, layers.trace, layers.pull_back(torch.stack(weights, dim=2)))


def _loss_jacobian(model: ConstrainedNetwork, layers: LayerPass, prediction: Tensor, u: Tensor) -> LayerJacobian:
    """J of the points' losses, which read no derivative in x."""
    values = layers.of_values()
    slopes = point_loss_slopes(prediction, u)
    return LayerJacobian(model, values.trace, values.pull_back(slopes[None, :, None]))
