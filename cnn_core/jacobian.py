"""The Jacobian J of per-point quantities with respect to θ, as an operator: J Jᵀ, J v and Jᵀ w.

Quantity q of point n (a residual, or the point's data loss) is row r = n·Q + q of J (R × P, R = N·Q). Two ways to
hold J:

* `LayerJacobian`, for our own networks. One backward pass per quantity gives, for every linear layer z = W h + b and
  every stream s, δ_s = ∂q/∂z_s. Since a point's quantities depend on W only through that point's own streams,

      ∂q_r/∂W = Σ_s δ_s,r h_s,rᵀ,      (J Jᵀ)_rt = Σ_layers Σ_s,s' (δ_s,r · δ_s',t)(h_s,r · h_s',t) + bias terms,

  so that the Gram matrix, J v and Jᵀ w need no row of J (`cnn_core.linear_algebra`). Where forming a layer's rows is
  cheaper, they are formed.
* `ExplicitJacobian`, for any network: rows by `vmap` of gradients.

These are put together: `StackedJacobian` has the rows of several sets of points one below the other, `SummedJacobian`
is that of quantities that read the network at two points each, and `BorderedJacobian` has further columns, for what θ
holds beside the network.

Axis names: S streams, N points, Q quantities, R = N·Q rows, P parameters; `inputs` h (S, N, in), `deltas` δ (S, N, Q,
out).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.linear_algebra import layers
from cnn_core.linear_algebra.gram import (
    gram_matrix,
    product_matrix,
    tile_rows_for,
    weighted_gram_matrix,
    weighted_product_matrix,
)
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

    def products(self, other: Any, metric: Tensor | None = None) -> Tensor:
        """J M Kᵀ (R, R'), for the K of other points or quantities of the same network; M as in `gram`."""
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

    def pieces(self, rows: int) -> Iterator[Tensor]:
        """J itself, about so many rows at a time: those of whole points."""
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

    def products(self, other: Jacobian, metric: Tensor | None = None) -> Tensor:
        return (self.rows if metric is None else self.rows * metric) @ other.matrix().T

    def part(self, start: int, stop: int) -> "ExplicitJacobian":
        return ExplicitJacobian(self._blocks()[:, start:stop].flatten(0, 1), stop - start, self.path)

    def times(self, vector: Tensor) -> Tensor:
        return self.rows @ vector

    def transposed_times(self, weights: Tensor) -> Tensor:
        return weights @ self.rows

    def matrix(self) -> Tensor:
        return self.rows

    def pieces(self, rows: int) -> Iterator[Tensor]:
        return iter(self.rows.split(_whole_points(rows, self.quantities)))

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
            gram = gram_matrix if self.rows > tile_rows_for(self.deltas[0]) else self.model.kernel(gram_matrix)
            return gram(self._layers())
        return weighted_gram_matrix(self._layers(), self._pieces(metric))

    def point_products(self, other: "LayerJacobian") -> Tensor:
        """As in `Jacobian`; one of both may have fewer streams, as quantities of the values alone do."""
        if len(other.deltas[-1]) > len(self.deltas[-1]):
            return other.point_products(self).mT
        return self.model.kernel(layers.point_products)(self._layers(), other._layers())

    def products(self, other: Jacobian, metric: Tensor | None = None) -> Tensor:
        if isinstance(other, SummedJacobian):
            return other.products(self, metric).T
        if not isinstance(other, LayerJacobian):
            rows = other.matrix() if metric is None else other.matrix() * metric
            return torch.stack([self.times(row) for row in rows], dim=1)
        if metric is None:
            return product_matrix(self._layers(), other._layers())
        return weighted_product_matrix(self._layers(), other._layers(), self._pieces(metric))

    def part(self, start: int, stop: int) -> "LayerJacobian":
        return replace(self, deltas=[deltas[:, :, start:stop] for deltas in self.deltas])

    def times(self, vector: Tensor) -> Tensor:
        return self.model.kernel(_times)(self.model, self.trace, self.deltas, vector)

    def transposed_times(self, weights: Tensor) -> Tensor:
        return self.model.kernel(transposed_times)(self.model, self.trace, self.deltas, weights)

    def matrix(self) -> Tensor:
        pieces = self.trace.named([layers.layer_rows(*layer) for layer in self._layers()])
        return torch.cat([pieces[name] for name in self.model.layout.names], dim=1)

    def pieces(self, rows: int) -> Iterator[Tensor]:
        _, points, quantities, _ = self.deltas[0].shape
        step = _whole_points(rows, quantities) // quantities
        for some in (slice(start, start + step) for start in range(0, points, step)):
            part = LayerJacobian(self.model, self.trace.at(some), [deltas[:, some] for deltas in self.deltas])
            yield part.matrix()

    @property
    def rows(self) -> int:
        """R."""
        return self.deltas[0].shape[1] * self.deltas[0].shape[2]

    def _layers(self) -> layers.Layers:
        return self.trace.layers(self.deltas)

    def _pieces(self, vector: Tensor) -> list[layers.Affine]:
        return self.trace.select(self.model.layout.unflatten(vector))


@dataclass(frozen=True)
class SummedJacobian:
    """J = Σ of `parts` with the same rows: of quantities that read the network at one point for each of them."""

    parts: Sequence[Jacobian]

    @property
    def path(self) -> str:
        return self.parts[0].path

    def gram(self, metric: Tensor | None = None) -> Tensor:
        return self.products(self, metric)

    def point_products(self, other: Any) -> Tensor:
        others = other.parts if isinstance(other, SummedJacobian) else [other]
        return _sum([mine.point_products(their) for mine in self.parts for their in others])

    def products(self, other: Any, metric: Tensor | None = None) -> Tensor:
        others = other.parts if isinstance(other, SummedJacobian) else [other]
        return _sum([mine.products(their, metric) for mine in self.parts for their in others])

    def part(self, start: int, stop: int) -> "SummedJacobian":
        return SummedJacobian([one.part(start, stop) for one in self.parts])

    def times(self, vector: Tensor) -> Tensor:
        return _sum([one.times(vector) for one in self.parts])

    def transposed_times(self, weights: Tensor) -> Tensor:
        return _sum([one.transposed_times(weights) for one in self.parts])

    def matrix(self) -> Tensor:
        return _sum([one.matrix() for one in self.parts])

    def pieces(self, rows: int) -> Iterator[Tensor]:
        for some in zip(*(one.pieces(rows) for one in self.parts), strict=True):
            yield _sum(some)


@dataclass(frozen=True)
class BorderedJacobian:
    """J = [J of the network | `columns` (N, Q, U)], for the unknowns that θ holds behind the network's parameters."""

    network: Jacobian
    columns: Tensor

    @property
    def path(self) -> str:
        return self.network.path

    def gram(self, metric: Tensor | None = None) -> Tensor:
        of_network, of_unknowns = self._split(metric)
        return self.network.gram(of_network) + self._across(self, of_unknowns)

    def point_products(self, other: "BorderedJacobian") -> Tensor:
        return self.network.point_products(other.network) + self.columns @ other.columns.mT

    def products(self, other: Jacobian, metric: Tensor | None = None) -> Tensor:
        if not isinstance(other, BorderedJacobian):
            return other.products(self, metric).T
        of_network, of_unknowns = self._split(metric)
        return self.network.products(other.network, of_network) + self._across(other, of_unknowns)

    def part(self, start: int, stop: int) -> "BorderedJacobian":
        return BorderedJacobian(self.network.part(start, stop), self.columns[:, start:stop])

    def times(self, vector: Tensor) -> Tensor:
        of_network, of_unknowns = vector.split([len(vector) - self._count, self._count])
        return self.network.times(of_network) + self._rows @ of_unknowns

    def transposed_times(self, weights: Tensor) -> Tensor:
        return torch.cat([self.network.transposed_times(weights), weights @ self._rows])

    def matrix(self) -> Tensor:
        return torch.cat([self.network.matrix(), self._rows], dim=1)

    def pieces(self, rows: int) -> Iterator[Tensor]:
        begin = 0
        for piece in self.network.pieces(rows):
            yield torch.cat([piece, self._rows[begin : begin + len(piece)]], dim=1)
            begin += len(piece)

    @property
    def _count(self) -> int:
        return self.columns.shape[-1]

    @property
    def _rows(self) -> Tensor:
        return self.columns.flatten(0, 1)

    def _split(self, metric: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        if metric is None:
            return None, None
        return metric[: -self._count], metric[-self._count :]

    def _across(self, other: "BorderedJacobian", metric: Tensor | None) -> Tensor:
        return (self._rows if metric is None else self._rows * metric) @ other._rows.T


@dataclass(frozen=True)
class StackedJacobian:
    """J of several blocks of rows, one below the other; `sizes` counts the rows of each."""

    parts: Sequence[Jacobian]
    sizes: Sequence[int]

    def gram(self, metric: Tensor | None = None) -> Tensor:
        """J M Jᵀ (R, R)."""
        gram = self.parts[0].gram(metric)
        for index, part in enumerate(self.parts[1:], 1):
            across = torch.cat([above.products(part, metric) for above in self.parts[:index]])
            gram = torch.cat([torch.cat([gram, across], dim=1), torch.cat([across.T, part.gram(metric)], dim=1)])
        return gram

    def times(self, vector: Tensor) -> Tensor:
        """J v: (P,) → (R,)."""
        return torch.cat([part.times(vector) for part in self.parts])

    def transposed_times(self, weights: Tensor) -> Tensor:
        """Jᵀ w: (R,) → (P,)."""
        shares = zip(self.parts, weights.split(list(self.sizes)), strict=True)
        return torch.stack([part.transposed_times(share) for part, share in shares]).sum(dim=0)

    def matrix(self) -> Tensor:
        """J itself, (R, P)."""
        return torch.cat([part.matrix() for part in self.parts])

    def pieces(self, rows: int) -> Iterator[Tensor]:
        """J itself, about so many rows at a time."""
        return chain.from_iterable(part.pieces(rows) for part in self.parts)


def stacked(parts: Sequence[Jacobian], sizes: Sequence[int]) -> "Jacobian | StackedJacobian":
    """The rows of all parts; one part as it is."""
    return parts[0] if len(parts) == 1 else StackedJacobian(parts, sizes)


def _whole_points(rows: int, quantities: int) -> int:
    """The most rows, at most about so many, that whole points have."""
    return max(1, rows // quantities) * quantities


def _sum(tensors: Sequence[Tensor]) -> Tensor:
    return sum(tensors[1:], tensors[0])


def _times(model: ConstrainedNetwork, trace: Trace, deltas: Sequence[Tensor], vector: Tensor) -> Tensor:
    return layers.times(trace.layers(deltas), trace.select(model.layout.unflatten(vector)))


def transposed_times(model: ConstrainedNetwork, trace: Trace, deltas: Sequence[Tensor], weights: Tensor) -> Tensor:
    """`LayerJacobian.transposed_times`, as a function that can be compiled or be part of a graph."""
    return model.layout.flatten(trace.named(layers.transposed_times(trace.layers(deltas), weights)))
