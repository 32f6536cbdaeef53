"""The Jacobian J of per-point quantities with respect to θ, as an operator: J Jᵀ, J v and Jᵀ w.

Quantity q of point n (a residual, or the point's data loss) is row r = n·Q + q of J (R × P, R = N·Q). Two ways to
hold J:

* `LayerJacobian`, for our own networks. One backward pass per quantity gives, for every linear layer z = W h + b and
  every stream s, δ_s = ∂q/∂z_s. Since a point's quantities depend on W only through that point's own streams,

      ∂q_r/∂W = Σ_s δ_s,r h_s,rᵀ,      (J Jᵀ)_rt = Σ_layers Σ_s,s' (δ_s,r · δ_s',t)(h_s,r · h_s',t) + bias terms,

  so that the Gram matrix, J v and Jᵀ w need no row of J (`cnn_core.linear_algebra`). Where forming a layer's rows is
  cheaper, they are formed.
* `ExplicitJacobian`, for any network: rows by `vmap` of gradients.

Axis names: S streams, N points, Q quantities, R = N·Q rows, P parameters; `inputs` h (S, N, in), `deltas` δ (S, N, Q,
out).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.linear_algebra import layers
from cnn_core.linear_algebra.gram import TILE_ROWS, gram_matrix, product_matrix, weighted_gram_matrix
from cnn_core.networks.layered import Trace


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
            return gram(self._layers())
        pieces = self.trace.select(self.model.layout.unflatten(metric))
        return weighted_gram_matrix(self._layers(), pieces)

    def point_products(self, other: "LayerJacobian") -> Tensor:
        """As in `Jacobian`; one of both may have fewer streams, as quantities of the values alone do."""
        if len(other.deltas[-1]) > len(self.deltas[-1]):
            return other.point_products(self).mT
        return self.model.kernel(layers.point_products)(self._layers(), other._layers())

    def products(self, other: Jacobian) -> Tensor:
        if not isinstance(other, LayerJacobian):
            return torch.stack([self.times(row) for row in other.matrix()], dim=1)
        return product_matrix(self._layers(), other._layers())

    def part(self, start: int, stop: int) -> "LayerJacobian":
        return replace(self, deltas=[deltas[:, :, start:stop] for deltas in self.deltas])

    def times(self, vector: Tensor) -> Tensor:
        return self.model.kernel(_times)(self.model, self.trace, self.deltas, vector)

    def transposed_times(self, weights: Tensor) -> Tensor:
        return self.model.kernel(transposed_times)(self.model, self.trace, self.deltas, weights)

    def matrix(self) -> Tensor:
        pieces = self.trace.named([layers.layer_rows(*layer) for layer in self._layers()])
        return torch.cat([pieces[name] for name in self.model.layout.names], dim=1)

    @property
    def rows(self) -> int:
        """R."""
        return self.deltas[0].shape[1] * self.deltas[0].shape[2]

    def _layers(self) -> layers.Layers:
        return self.trace.layers(self.deltas)


def _times(model: ConstrainedNetwork, trace: Trace, deltas: Sequence[Tensor], vector: Tensor) -> Tensor:
    return layers.times(trace.layers(deltas), trace.select(model.layout.unflatten(vector)))


def transposed_times(model: ConstrainedNetwork, trace: Trace, deltas: Sequence[Tensor], weights: Tensor) -> Tensor:
    """`LayerJacobian.transposed_times`, as a function that can be compiled or be part of a graph."""
    return model.layout.flatten(trace.named(layers.transposed_times(trace.layers(deltas), weights)))
