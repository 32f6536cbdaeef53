"""The Jacobian J of per-point quantities with respect to θ, as an operator: J Jᵀ, J v and Jᵀ w.

Quantity q of point n (a residual, or the point's data loss) is row r = n·Q + q of J (R × P, R = N·Q). Two ways to
hold J:

* `LayerJacobian`, for our own networks. One backward pass per quantity gives, for every linear layer z = W h + b and
  every stream s, δ_s = ∂q/∂z_s. Since a point's quantities depend on W only through that point's own streams,

      ∂q_r/∂W = Σ_s δ_s,r h_s,rᵀ,      (J Jᵀ)_rt = Σ_layers Σ_s,s' (δ_s,r · δ_s',t)(h_s,r · h_s',t) + bias terms,

  so that the Gram matrix, J v and Jᵀ w need no row of J. Where forming a layer's rows is cheaper, they are formed.
* `ExplicitJacobian`, for any network: rows by `vmap` of gradients.

Axis names: S streams, N points, Q quantities, R = N·Q rows, P parameters; `inputs` h (S, N, in), `deltas` δ (S, N, Q,
out).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor
from torch.func import jacrev, vjp

from cnn_core.clock import Clock
from cnn_core.constrained import ConstrainedNetwork, Evaluation, LayerPass
from cnn_core.linear_algebra.gram import TILE_ROWS, gram_matrix, layer_rows, product_matrix, weighted_gram_matrix
from cnn_core.networks import LayeredNetwork
from cnn_core.networks.layered import LinearTrace, Trace

GENERAL_CHUNK = 256
"""Points whose rows the general path differentiates at once."""


class Jacobian(Protocol):
    """J (R × P) of R = N·Q per-point quantities."""

    @property
    def path(self) -> str: ...
    def gram(self, metric: Tensor | None = None) -> Tensor:
        """J M Jᵀ, (R, R), for the diagonal `metric` M (P,), or the identity."""
        ...

    def point_products(self, other: Any) -> Tensor:
        """The blocks of J Kᵀ that belong to one point each, (N, Q, Q'), for J itself or a K that goes with it."""
        ...

    def products(self, other: "Jacobian") -> Tensor:
        """J Kᵀ (R, R'), for the K of other points or quantities of the same network."""
        ...

    def part(self, start: int, stop: int) -> "Jacobian":
        """The rows of the quantities start … stop − 1 of every point."""
        ...

    def times(self, vector: Tensor) -> Tensor:
        """J v: (P,) → (R,)."""
        ...

    def transposed_times(self, weights: Tensor) -> Tensor:
        """Jᵀ w: (R,) → (P,)."""
        ...

    def matrix(self) -> Tensor:
        """J itself, (R, P)."""
        ...


@dataclass(frozen=True)
class ExplicitJacobian:
    """J held as a matrix, `quantities` rows for each point."""

    rows: Tensor
    quantities: int
    path: str = "general"

    def gram(self, metric: Tensor | None = None) -> Tensor:
        return self.rows @ (self.rows if metric is None else self.rows * metric).T

    def point_products(self, other: "ExplicitJacobian") -> Tensor:
        return self._blocks() @ other._blocks().mT

    def products(self, other: Jacobian) -> Tensor:
        return self.rows @ other.matrix().T

    def part(self, start: int, stop: int) -> "ExplicitJacobian":
        return ExplicitJacobian(self._blocks()[:, start:stop].flatten(0, 1), stop - start, self.path)

    def times(self, vector: Tensor) -> Tensor:
        return self.rows @ vector

    def transposed_times(self, weights: Tensor) -> Tensor:
        return weights @ self.rows

    def matrix(self) -> Tensor:
        return self.rows

    def _blocks(self) -> Tensor:
        return self.rows.view(-1, self.quantities, self.rows.shape[-1])


@dataclass(frozen=True)
class LayerJacobian:
    """J held as what entered each linear layer and what its outputs weigh in each quantity."""

    model: ConstrainedNetwork
    trace: Trace
    deltas: Sequence[Tensor]
    path: str = "layers"

    def gram(self, metric: Tensor | None = None) -> Tensor:
        if metric is None:
            gram = gram_matrix if self.rows > TILE_ROWS else self.model.kernel(gram_matrix)
            return gram(self._factors())
        pieces = self.model.layout.unflatten(metric)
        return weighted_gram_matrix(
            [(layer.inputs, deltas, pieces[layer.weight], pieces[layer.bias]) for layer, deltas in self._layers()]
        )

    def point_products(self, other: "LayerJacobian") -> Tensor:
        """As in `Jacobian`; one of both may have fewer streams, as quantities of the values alone do."""
        if len(other.deltas[-1]) > len(self.deltas[-1]):
            return other.point_products(self).mT
        return self.model.kernel(_point_products)(self.trace, self.deltas, other.deltas)

    def products(self, other: Jacobian) -> Tensor:
        if not isinstance(other, LayerJacobian):
            return torch.stack([self.times(row) for row in other.matrix()], dim=1)
        return product_matrix(self._factors(), other._factors())

    def part(self, start: int, stop: int) -> "LayerJacobian":
        return replace(self, deltas=[deltas[:, :, start:stop] for deltas in self.deltas])

    def times(self, vector: Tensor) -> Tensor:
        return self.model.kernel(_times)(self.model, self.trace, self.deltas, vector)

    def transposed_times(self, weights: Tensor) -> Tensor:
        return self.model.kernel(_transposed_times)(self.model, self.trace, self.deltas, weights)

    def matrix(self) -> Tensor:
        pieces: dict[str, Tensor] = {}
        for layer, deltas in self._layers():
            pieces[layer.weight] = layer_rows(layer.inputs, deltas)
            pieces[layer.bias] = deltas[0].flatten(0, 1)
        return torch.cat([pieces[name] for name in self.model.layout.names], dim=1)

    @property
    def rows(self) -> int:
        """R."""
        return self.deltas[0].shape[1] * self.deltas[0].shape[2]

    def _factors(self) -> list[tuple[Tensor, Tensor]]:
        return [(layer.inputs, deltas) for layer, deltas in self._layers()]

    def _layers(self) -> Iterator[tuple[LinearTrace, Tensor]]:
        return zip(self.trace.linears, self.deltas, strict=True)


def _point_products(trace: Trace, deltas: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    total = deltas[0].new_zeros(())
    for layer, mine, theirs in zip(trace.linears, deltas, others, strict=True):
        overlaps = (layer.inputs[:, None] * layer.inputs[None, : len(theirs)]).sum(dim=-1)  # h_s · h_t, (S, T, N)
        overlaps[0, 0] += 1  # the bias
        sums = (overlaps[..., None, None] * theirs).sum(dim=1)  # Σ_t (h_s · h_t) δ_t, (S, N, Q', out)
        if min(mine.shape[2], sums.shape[2]) == 1:
            total = total + (mine[:, :, :, None] * sums[:, :, None]).sum(dim=(0, -1))
        else:
            total = total + mine.permute(1, 2, 0, 3).flatten(2) @ sums.permute(1, 2, 0, 3).flatten(2).mT
    return total


def _times(model: ConstrainedNetwork, trace: Trace, deltas: Sequence[Tensor], vector: Tensor) -> Tensor:
    pieces = model.layout.unflatten(vector)
    total = deltas[0].new_zeros(deltas[0].shape[1:3])
    for layer, delta in zip(trace.linears, deltas, strict=True):
        outputs = layer.inputs @ pieces[layer.weight].T
        outputs[0] += pieces[layer.bias]
        total = total + (delta * outputs[:, :, None]).sum(dim=(0, -1))
    return total.reshape(-1)


def _transposed_times(model: ConstrainedNetwork, trace: Trace, deltas: Sequence[Tensor], weights: Tensor) -> Tensor:
    shares = weights.view(1, *deltas[0].shape[1:3], 1)
    network = cast(LayeredNetwork, model.network)
    return model.layout.flatten(network.parameter_gradient(trace, [delta * shares for delta in deltas]))


class Terms(NamedTuple):
    """A batch's quantities: residuals g (N, C), the gradient ∇f (P,) of the data loss f, which is the mean of the
    points' losses, and J of these losses (N rows) and of the residuals."""

    residuals: Tensor
    gradient: Tensor
    losses: Jacobian
    constraints: Jacobian


def residual_jacobian(
    model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor
) -> Jacobian:
    """J of all residuals, rows n·C + c. `evaluation` is the pass at θ (P,), x (N, D), p (N, K); its graph is kept."""
    if evaluation.layers is not None:
        return _layer_jacobian(model, evaluation.layers, evaluation.residuals)
    return _explicit_jacobian(model.point_residuals, theta, x, p)


def term_jacobians(
    model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, u: Tensor, clock: Clock | None = None
) -> Terms:
    """What a batch asks for at θ (P,), x (N, D), p (N, K) with the data u (N, O), from one pass.

    `clock` gets the sections `forward`, `residual` and `jacobian`; compiled passes count as `jacobian`.
    """
    clock = clock or Clock()
    if model.path == "layers" and model.compile:
        with clock.section("jacobian"):
            residuals, gradient, trace, losses, constraints = model.kernel(_layer_terms)(model, theta.detach(), x, p, u)
            losses, constraints = (
                LayerJacobian(model, trace.of_values(), losses),
                LayerJacobian(model, trace, constraints),
            )
            return Terms(residuals, gradient, losses, constraints)
    evaluation = model.evaluate(theta, x, p, clock)
    residuals = evaluation.residuals.detach()
    with clock.section("jacobian"):
        if evaluation.layers is None:
            both = _explicit_jacobian(model.point_terms, theta, x, p, u)
            losses, constraints = both.part(0, 1), both.part(1, both.quantities)
        else:
            losses = _loss_jacobian(model, evaluation.layers, evaluation.prediction.detach(), u)
            constraints = _layer_jacobian(model, evaluation.layers, evaluation.residuals)
        gradient = losses.transposed_times(residuals.new_full((len(x),), 1 / len(x)))
        return Terms(residuals, gradient, losses, constraints)


def _layer_terms(
    model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, u: Tensor
) -> tuple[Tensor, Tensor, Trace, Sequence[Tensor], Sequence[Tensor]]:
    """Residuals (N, C), ∇f (P,), the trace, and δ of the losses and of the residuals, as one graph."""
    network = cast(LayeredNetwork, model.network)
    parameters = model.layout.unflatten(theta)
    streams, trace = network.propagate(parameters, x, p, model.problem.order)
    residuals, pull = vjp(lambda streams: model.read(streams, x, p)[1], streams)  # pyright: ignore[reportAssignmentType]
    each = torch.eye(residuals.shape[1], dtype=x.dtype, device=x.device)
    weights = torch.vmap(lambda one: pull(one.expand_as(residuals))[0], out_dims=2)(each)
    losses = _loss_jacobian(model, LayerPass(streams, trace, parameters), streams[0], u)
    gradient = _transposed_times(model, losses.trace, losses.deltas, x.new_full((len(x),), 1 / len(x)))
    return residuals, gradient, trace, losses.deltas, network.pull_back(parameters, trace, weights)


def field_jacobian(
    model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor, start: int, stop: int
) -> Jacobian:
    """J of the quantities start … stop − 1 among every point's [u_1 … u_O, g_1 … g_C]."""
    if evaluation.layers is not None:
        quantities = torch.cat([evaluation.prediction, evaluation.residuals], dim=1)
        return _layer_jacobian(model, evaluation.layers, quantities[:, start:stop])
    return _explicit_jacobian(model.point_field, theta, x, p).part(start, stop)


def _explicit_jacobian(at_point: Callable[..., Tensor], theta: Tensor, *points: Tensor) -> ExplicitJacobian:
    """J of at_point(θ, *one row of each of `points`) → (Q,)."""
    in_dims = (None, *[0] * len(points))
    rows = torch.vmap(jacrev(at_point), in_dims, chunk_size=GENERAL_CHUNK)(theta.detach(), *points)
    return ExplicitJacobian(rows.flatten(0, 1).detach(), rows.shape[1])


def _layer_jacobian(model: ConstrainedNetwork, layers: LayerPass, quantities: Tensor) -> LayerJacobian:
    weights = [
        torch.autograd.grad(quantity.sum(), layers.streams, retain_graph=True)[0]
        for quantity in quantities.unbind(dim=1)
    ]
    network = cast(LayeredNetwork, model.network)
    return LayerJacobian(
        model, layers.trace, network.pull_back(layers.parameters, layers.trace, torch.stack(weights, dim=2))
    )


def _loss_jacobian(model: ConstrainedNetwork, layers: LayerPass, prediction: Tensor, u: Tensor) -> LayerJacobian:
    """J of the points' losses ℓ = mean over the outputs of (u_θ − u)², which read no derivative in x."""
    trace = layers.trace.of_values()
    weights = (2 / u.shape[1]) * (prediction - u)
    network = cast(LayeredNetwork, model.network)
    return LayerJacobian(model, trace, network.pull_back(layers.parameters, trace, weights[None, :, None]))
