"""Quantities of points to first order in θ: what a batch and what a wave ask of one pass, with their Jacobians.

Axis names: N points, O outputs, C constraints, P parameters; rows of J as in `cnn_core.jacobian`.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.func import jacrev, vjp

from cnn_core.clock import Clock
from cnn_core.constrained import ConstrainedNetwork, Evaluation
from cnn_core.data_loss import point_loss_slopes, point_objectives
from cnn_core.jacobian import (
    BorderedJacobian,
    ExplicitJacobian,
    Jacobian,
    LayerJacobian,
    SummedJacobian,
    transposed_times,
)
from cnn_core.networks.layered import LayerPass, Trace

GENERAL_CHUNK = 256
"""Points whose rows the general path differentiates at once."""


class Terms(NamedTuple):
    """A batch's quantities: its constraints g (N, C), the gradient ∇f (P,) of the objective f, which is the mean of the
    points' losses, and J of these losses (N rows) and of the constraints; None where there are none.
    """

    residuals: Tensor
    gradient: Tensor
    losses: Jacobian | None
    constraints: Jacobian | None


def batch_terms(
    model: ConstrainedNetwork,
    theta: Tensor,
    x: Tensor,
    p: Tensor,
    u: Tensor | None,
    *,
    weight: Tensor | None = None,
    shares: Tensor | None = None,
    clock: Clock | None = None,
) -> Terms:
    """What a batch asks for at θ (P,), x (N, D), p (N, K + E) with the data u (N, O), from one pass.

    `weight` (N, O) weighs the data; without u none is learned. The last residuals are objectives, with these `shares`
    in f. `clock` gets the sections `forward`, `residual` and `jacobian`; compiled passes count as `jacobian`.
    """
    clock = clock or Clock()
    if model.whole and model.problem.constraints and weight is None and shares is None and u is not None:
        with clock.section("jacobian"):
            residuals, gradient, trace, losses, constraints = model.kernel(_layer_terms)(model, theta.detach(), x, p, u)
            of_losses = LayerJacobian(model, trace.of_values(), losses)
            return Terms(residuals, gradient, of_losses, LayerJacobian(model, trace, constraints))
    evaluation = model.evaluate(theta, x, p, clock)
    count = evaluation.residuals.shape[1] - (0 if shares is None else len(shares))
    with clock.section("jacobian"):
        losses, constraints = _jacobians_of_terms(model, theta, evaluation, x, p, _Loss(u, weight, shares), count)
        gradient = torch.zeros_like(theta) if losses is None else losses.transposed_times(_mean_of(x))
        return Terms(evaluation.residuals.detach()[:, :count], gradient.detach(), losses, constraints)


class _Loss(NamedTuple):
    """What the points' losses are made of besides the pass, as `point_objectives` takes it."""

    u: Tensor | None
    weight: Tensor | None
    shares: Tensor | None


def field_jacobian(
    model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor, start: int, stop: int
) -> Jacobian:
    """J of the quantities start … stop − 1 among every point's [u_1 … u_O, g_1 … g_C].

    `evaluation` is the pass at θ (P,), x (N, D), p (N, K); its graph is kept.
    """
    if evaluation.layers is not None:
        quantities = torch.cat([evaluation.prediction, evaluation.residuals], dim=1)
        return _layer_jacobian(model, theta, evaluation, quantities[:, start:stop])

    def field(theta: Tensor, x: Tensor, p: Tensor) -> Tensor:
        return torch.cat(model.at_point(theta, x, p))

    return _explicit_jacobian(field, theta, x, p).part(start, stop)


def pure_field_jacobian(
    model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, start: int, stop: int
) -> tuple[Tensor, LayerJacobian]:
    """All quantities (N, A), and J as in `field_jacobian`, as pure functions of tensors: for `pure` models."""
    layers = model.layer_pass(theta, x, p, model.carried)

    def some(streams: Tensor) -> tuple[Tensor, Tensor]:
        quantities = torch.cat(model.read(streams, x, p), dim=1)
        return quantities[:, start:stop], quantities

    selected, pull, quantities = vjp(some, layers.streams, has_aux=True)  # pyright: ignore[reportAssignmentType]
    return quantities, LayerJacobian(model, layers.trace, layers.pull_back(_pulled_each(pull, selected)))


def _pulled_each(pull: Callable[..., Any], quantities: Tensor) -> Tensor:
    """The slopes (S, N, Q, O) of quantities (N, Q) of a pass in its streams (S, N, O)."""
    each = torch.eye(quantities.shape[1], dtype=quantities.dtype, device=quantities.device)
    return torch.vmap(lambda one: pull(one.expand_as(quantities))[0], out_dims=2)(each)


def _jacobians_of_terms(
    model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor, loss: _Loss, count: int
) -> tuple[Jacobian | None, Jacobian | None]:
    """J of the points' losses, and of the first `count` of their residuals; None where there are none."""
    if evaluation.layers is not None:
        residuals = evaluation.residuals
        constraints = _layer_jacobian(model, theta, evaluation, residuals[:, :count]) if count else None
        if loss.shares is not None:
            losses = point_objectives(evaluation.prediction, residuals, *loss)
            return _layer_jacobian(model, theta, evaluation, losses[:, None]), constraints
        if loss.u is None:
            return None, constraints
        return _loss_jacobian(model, evaluation, loss), constraints

    def terms(theta: Tensor, x: Tensor, p: Tensor, u: Tensor | None, weight: Tensor | None) -> Tensor:
        prediction, residuals = model.at_point(theta, x, p)
        own = point_objectives(prediction, residuals, u, weight, loss.shares)
        return torch.cat([own[None], residuals[:count]])

    both = _explicit_jacobian(terms, theta, x, p, loss.u, loss.weight)
    none = loss.u is None and loss.shares is None
    return None if none else both.part(0, 1), both.part(1, both.quantities) if count else None


def _layer_terms(
    model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, u: Tensor
) -> tuple[Tensor, Tensor, Trace, Sequence[Tensor], Sequence[Tensor]]:
    """Residuals (N, C), ∇f (P,), the trace, and δ of the losses and of the residuals, as one graph."""
    layers = model.layer_pass(theta, x, p, model.carried)
    residuals, pull = vjp(  # pyright: ignore[reportAssignmentType]
        lambda streams: model.read(streams, x, p)[1], layers.streams
    )
    losses = _value_jacobian(model, layers, point_loss_slopes(layers.streams[0], u))
    gradient = transposed_times(model, losses.trace, losses.deltas, _mean_of(x))
    return residuals, gradient, layers.trace, losses.deltas, layers.pull_back(_pulled_each(pull, residuals))


def _mean_of(x: Tensor) -> Tensor:
    """The weights (N,) of a mean over the points x (N, D)."""
    return x.new_full((len(x),), 1 / len(x))


def _explicit_jacobian(at_point: Callable[..., Tensor], theta: Tensor, *points: Tensor | None) -> ExplicitJacobian:
    """J of at_point(θ, *one row of each of `points`) → (Q,)."""
    in_dims = (None, *(None if one is None else 0 for one in points))
    rows = torch.vmap(jacrev(at_point), in_dims, chunk_size=GENERAL_CHUNK)(theta.detach(), *points)
    return ExplicitJacobian(rows.flatten(0, 1).detach(), rows.shape[1])


def _layer_jacobian(model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, quantities: Tensor) -> Jacobian:
    """J of quantities (N, Q) of a pass that is tied to θ."""
    layers, unknowns = cast(LayerPass, evaluation.layers), bool(model.problem.unknowns)
    inputs = (layers.streams, evaluation.p) if unknowns else (layers.streams,)
    slopes = [
        torch.autograd.grad(quantity.sum(), inputs, retain_graph=True, allow_unused=True, materialize_grads=True)
        for quantity in quantities.unbind(dim=1)
    ]
    deltas = layers.pull_back(torch.stack([of_streams for of_streams, *_ in slopes], dim=2))
    network = _at_each(model, layers.trace, deltas, len(quantities))
    return network if not unknowns else _bordered(model, theta, network, torch.stack([one[1] for one in slopes], dim=1))


def _at_each(model: ConstrainedNetwork, trace: Trace, deltas: Sequence[Tensor], points: int) -> Jacobian:
    """J of quantities of `points` points, for a pass that may have gone through their partners, too."""
    if not model.paired:
        return LayerJacobian(model, trace, deltas)
    halves = slice(None, points), slice(points, None)
    return SummedJacobian(
        [LayerJacobian(model, trace.at(half), [delta[:, half] for delta in deltas]) for half in halves]
    )


def _bordered(model: ConstrainedNetwork, theta: Tensor, network: Jacobian, slopes: Tensor) -> Jacobian:
    """J with the unknowns' columns, from ∂q/∂p (N, Q, K + E) for all parameters."""
    held = theta.detach()[model.layout.size :]
    columns = [
        slopes[..., model.problem.parameters.index(name)] * unknown.slope(value)
        for (name, unknown), value in zip(model.problem.unknowns.items(), held, strict=True)
    ]
    return BorderedJacobian(network, torch.stack(columns, dim=-1).detach())


def _loss_jacobian(model: ConstrainedNetwork, evaluation: Evaluation, loss: _Loss) -> Jacobian:
    """J of the points' data losses, which read no derivative in x, and no unknown."""
    layers, prediction, u = cast(LayerPass, evaluation.layers), evaluation.prediction.detach(), cast(Tensor, loss.u)
    if model.paired:
        layers = layers._replace(streams=layers.streams[:, : len(u)], trace=layers.trace.at(slice(None, len(u))))
    losses = _value_jacobian(model, layers, point_loss_slopes(prediction, u, loss.weight))
    unknowns = len(model.problem.unknowns)
    return losses if not unknowns else BorderedJacobian(losses, u.new_zeros(len(u), 1, unknowns))


def _value_jacobian(model: ConstrainedNetwork, layers: LayerPass, slopes: Tensor) -> LayerJacobian:
    """J of a quantity of each point with these slopes (N, O) in the values."""
    values = layers.of_values()
    return LayerJacobian(model, values.trace, values.pull_back(slopes[None, :, None]))
