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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.func import jacrev

from cnn_core.constrained import ConstrainedNetwork, Evaluation, LayerPass, point_losses
from cnn_core.gram import gram_matrix, layer_rows, weighted_gram_matrix
from cnn_core.networks import LayeredNetwork, LinearTrace, Trace

GENERAL_CHUNK = 256
"""Points whose rows the general path differentiates at once."""


class Jacobian(Protocol):
    """J (R × P) of R = N·Q per-point quantities."""

    @property
    def path(self) -> str: ...
    def gram(self, metric: Tensor | None = None) -> Tensor:
        """J M Jᵀ, (R, R), for the diagonal `metric` M (P,), or the identity."""
        ...

    def point_gram(self) -> Tensor:
        """The blocks of J Jᵀ that belong to one point each, (N, Q, Q)."""
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

    def point_gram(self) -> Tensor:
        blocks = self.rows.view(-1, self.quantities, self.rows.shape[-1])
        return blocks @ blocks.mT

    def part(self, start: int, stop: int) -> "ExplicitJacobian":
        rows = self.rows.view(-1, self.quantities, self.rows.shape[-1])[:, start:stop]
        return ExplicitJacobian(rows.flatten(0, 1), stop - start, self.path)

    def times(self, vector: Tensor) -> Tensor:
        return self.rows @ vector

    def transposed_times(self, weights: Tensor) -> Tensor:
        return weights @ self.rows

    def matrix(self) -> Tensor:
        return self.rows


@dataclass(frozen=True)
class LayerJacobian:
    """J held as what entered each linear layer and what its outputs weigh in each quantity."""

    model: ConstrainedNetwork
    trace: Trace
    deltas: Sequence[Tensor]
    path: str = "layers"

    def gram(self, metric: Tensor | None = None) -> Tensor:
        if metric is None:
            return gram_matrix([(layer.inputs, deltas) for layer, deltas in self._layers()])
        pieces = self.model.layout.unflatten(metric)
        return weighted_gram_matrix(
            [(layer.inputs, deltas, pieces[layer.weight], pieces[layer.bias]) for layer, deltas in self._layers()]
        )

    def point_gram(self) -> Tensor:
        _, points, quantities, _ = self.deltas[0].shape
        gram = self.deltas[0].new_zeros(points, quantities, quantities)
        for layer, deltas in self._layers():
            streams = len(deltas)
            inputs = layer.inputs.transpose(0, 1)
            overlaps = inputs @ inputs.mT
            overlaps[:, 0, 0] += 1  # the bias
            weights = deltas.transpose(0, 1).flatten(1, 2)
            products = (weights @ weights.mT).view(points, streams, quantities, streams, quantities)
            gram += torch.einsum("nsqtr,nst->nqr", products, overlaps)
        return gram

    def part(self, start: int, stop: int) -> "LayerJacobian":
        return replace(self, deltas=[deltas[:, :, start:stop] for deltas in self.deltas])

    def times(self, vector: Tensor) -> Tensor:
        pieces = self.model.layout.unflatten(vector)
        total: Tensor | int = 0
        for layer, deltas in self._layers():
            outputs = layer.inputs @ pieces[layer.weight].T
            outputs[0] += pieces[layer.bias]
            total = total + torch.einsum("snqo,sno->nq", deltas, outputs)
        return total.reshape(-1)  # type: ignore[union-attr]

    def transposed_times(self, weights: Tensor) -> Tensor:
        shares = weights.view(1, *self.deltas[0].shape[1:3], 1)
        gradient = cast(LayeredNetwork, self.model.network).parameter_gradient(
            self.trace, [deltas * shares for deltas in self.deltas]
        )
        return self.model.layout.flatten(gradient)

    def matrix(self) -> Tensor:
        pieces: dict[str, Tensor] = {}
        for layer, deltas in self._layers():
            pieces[layer.weight] = layer_rows(layer.inputs, deltas)
            pieces[layer.bias] = deltas[0].flatten(0, 1)
        return torch.cat([pieces[name] for name in self.model.layout.names], dim=1)

    def _layers(self) -> Iterator[tuple[LinearTrace, Tensor]]:
        return zip(self.trace.linears, self.deltas, strict=True)


def residual_jacobian(
    model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor
) -> Jacobian:
    """J of all residuals, rows n·C + c. `evaluation` is the pass at θ (P,), x (N, D), p (N, K); its graph is kept."""
    if evaluation.layers is not None:
        return _layer_jacobian(model, evaluation.layers, evaluation.residuals)
    u = torch.zeros_like(evaluation.prediction)
    rows = _general_rows(model, theta, x, p, u)[:, 1:]
    return ExplicitJacobian(rows.flatten(0, 1).detach(), rows.shape[1])


def term_jacobian(
    model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor, u: Tensor
) -> Jacobian:
    """J of every point's data loss and residuals, rows n·(1 + C) + [ℓ, g_1 … g_C]; u (N, O) is the data."""
    if evaluation.layers is not None:
        losses = point_losses(evaluation.prediction, u)
        return _layer_jacobian(model, evaluation.layers, torch.cat([losses[:, None], evaluation.residuals], dim=1))
    rows = _general_rows(model, theta, x, p, u)
    return ExplicitJacobian(rows.flatten(0, 1).detach(), rows.shape[1])


def field_jacobian(model: ConstrainedNetwork, theta: Tensor, evaluation: Evaluation, x: Tensor, p: Tensor) -> Jacobian:
    """J of every point's predictions and residuals, rows n·(O + C) + [u_1 … u_O, g_1 … g_C]."""
    if evaluation.layers is not None:
        return _layer_jacobian(
            model, evaluation.layers, torch.cat([evaluation.prediction, evaluation.residuals], dim=1)
        )
    rows = torch.vmap(jacrev(model.point_field), in_dims=(None, 0, 0), chunk_size=GENERAL_CHUNK)(theta.detach(), x, p)
    return ExplicitJacobian(rows.flatten(0, 1).detach(), rows.shape[1])


def _general_rows(model: ConstrainedNetwork, theta: Tensor, x: Tensor, p: Tensor, u: Tensor) -> Tensor:
    rows = torch.vmap(jacrev(model.point_terms), in_dims=(None, 0, 0, 0), chunk_size=GENERAL_CHUNK)
    return rows(theta.detach(), x, p, u)


def _layer_jacobian(model: ConstrainedNetwork, layers: LayerPass, quantities: Tensor) -> LayerJacobian:
    weights = [
        torch.autograd.grad(quantity.sum(), layers.streams, retain_graph=True)[0]
        for quantity in quantities.unbind(dim=1)
    ]
    network = cast(LayeredNetwork, model.network)
    return LayerJacobian(
        model, layers.trace, network.pull_back(layers.parameters, layers.trace, torch.stack(weights, dim=2))
    )
