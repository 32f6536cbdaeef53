"""The Gram matrix G = J Jᵀ of per-point quantities, without forming J.

A linear layer z = W h + b (`cnn_core.linear_algebra.layers`) that saw the streams h_s and whose outputs weigh δ_s in a
quantity contributes, for rows r and t of J,

    G_rt += Σ_s,s' (δ_s,r · δ_s',t) (h_s,r · h_s',t),

two small matrix products and an elementwise one for each pair of streams; the bias is one more input, 1 in stream 0
and 0 elsewhere. For a layer with few weights it is cheaper to form its rows Σ_s δ_s h_sᵀ: which way follows from the
layer's sizes. G is filled in square tiles, small enough for the products to stay in a core's cache, and only on one
side of the diagonal; in a tile on the diagonal, the pairs (s, s') and (s', s) are each other's transposes.

Axis names: S streams, N points, Q quantities, rows r = n·Q + q; h (S, N, in), δ (S, N, Q, out).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_core.linear_algebra.layers import Affine, Layers, add_product, bias_rows, weight_rows, with_bias_input

TILE_ROWS, TILE_ROWS_ON_GPU = 256, 2048
"""A tile's products stay in a core's cache; a GPU would rather have few large ones."""

FORMED_ENTRIES = 2**24
"""At most about so many entries of J are formed at once for a Gram matrix in a metric (64 MiB in float32)."""


def tile_rows_for(like: Tensor) -> int:
    """How many rows a tile has where such tensors are."""
    return TILE_ROWS_ON_GPU if like.device.type == "cuda" else TILE_ROWS


def gram_matrix(layers: Layers, *, tile_rows: int | None = None) -> Tensor:
    """G (N·Q, N·Q)."""
    tiles, places = _tiles(_shares(layers, layers), layers, tile_rows)
    size = places[-1].stop
    gram = layers[0][1].new_empty(size, size)
    for a, left in enumerate(tiles):
        for b, right in enumerate(tiles[a:], a):
            block = gram.new_zeros(_length(places[a]), _length(places[b]))
            gram[places[a], places[b]] = _fill(block, left, right) if b > a else _fill_own(block, left)
            gram[places[b], places[a]] = block.T
    return gram


def product_matrix(layers: Layers, others: Layers, *, tile_rows: int | None = None) -> Tensor:
    """J Kᵀ (N·Q, N'·Q'), for K given by `others`: the same network at other points, for other quantities."""
    lefts, rows = _tiles(_shares(layers, others), layers, tile_rows)
    rights, columns = _tiles(_shares(others, layers), others, tile_rows)
    product = layers[0][1].new_zeros(rows[-1].stop, columns[-1].stop)
    for left, row in zip(lefts, rows, strict=True):
        for right, column in zip(rights, columns, strict=True):
            product[row, column] = _fill(product.new_zeros(_length(row), _length(column)), left, right)
    return product


def weighted_gram_matrix(layers: Layers, metric: Sequence[Affine]) -> Tensor:
    """J M Jᵀ (N·Q, N·Q) for a diagonal M, given as every layer's pieces of it.

    A diagonal does not factor into inputs and outputs, so each layer's rows are formed, for some outputs at a time.
    """
    return weighted_product_matrix(layers, layers, metric)


def weighted_product_matrix(layers: Layers, others: Layers, metric: Sequence[Affine]) -> Tensor:
    """J M Kᵀ (N·Q, N'·Q'), for K given by `others`, as in `product_matrix`."""
    rows, columns = (deltas.shape[1] * deltas.shape[2] for deltas in (layers[0][1], others[0][1]))
    total = layers[0][1].new_zeros(rows, columns)
    for (inputs, mine), (entered, theirs), (weight, bias) in zip(layers, others, metric, strict=True):
        add_product(total, bias_rows(mine) * bias, bias_rows(theirs).T)
        outputs = max(1, FORMED_ENTRIES // (max(rows, columns) * inputs.shape[-1]))
        pieces = (tensor.split(outputs, dim=-1) for tensor in (mine, theirs))
        for some, other, weights in zip(*pieces, weight.split(outputs), strict=True):
            left = weight_rows(inputs, some)
            right = left if others is layers else weight_rows(entered, other)
            add_product(total, left * weights.flatten(), right.T)
    return total


@dataclass(frozen=True)
class _Formed:
    """A layer's rows of J, (N·Q, out·(in + 1))."""

    rows: Tensor
    quantities: int

    def tile(self, start: int, stop: int) -> "_Formed":
        return _Formed(self.rows[start * self.quantities : stop * self.quantities], self.quantities)

    def add_to(self, block: Tensor, other: "_Formed") -> None:
        """The layer's share of the products of these rows with the other's."""
        add_product(block, self.rows, other.rows.T)

    def add_own_to(self, block: Tensor, half: Tensor) -> None:
        """The layer's share of the products of these rows with each other, as block + half + halfᵀ."""
        add_product(block, self.rows, self.rows.T)


@dataclass(frozen=True)
class _Factors:
    """A layer's inputs (S, N, in) and weights (S, N, Q, out); methods as in `_Formed`."""

    inputs: Tensor
    deltas: Tensor

    def tile(self, start: int, stop: int) -> "_Factors":
        return _Factors(self.inputs[:, start:stop].contiguous(), self.deltas[:, start:stop].contiguous())

    def add_to(self, block: Tensor, other: "_Factors") -> None:
        for stream in range(len(other.inputs)):
            block += self._products(other, stream).sum(dim=0)

    def add_own_to(self, block: Tensor, half: Tensor) -> None:
        for stream in range(len(self.inputs)):
            products = self._products(self, stream, first=stream)
            block += products[0]
            half += products[1:].sum(dim=0)

    def _products(self, other: "_Factors", stream: int, *, first: int = 0) -> Tensor:
        """The share of this layer's streams from `first` on with one stream of the other, (S - first, N·Q, M·Q)."""
        inputs, deltas = self.inputs[first:], self.deltas[first:]
        (streams, n, quantities, _), (_, m, others, _) = deltas.shape, other.deltas.shape
        overlaps = (inputs.flatten(0, 1) @ other.inputs[stream].T).view(streams, n, 1, m, 1)
        if first == stream == 0:
            overlaps[0] += 1  # the bias
        products = deltas.flatten(0, 2) @ other.deltas[stream].flatten(0, 1).T
        return products.view(streams, n, quantities, m, others).mul_(overlaps).view(streams, n * quantities, -1)


def _shares(layers: Layers, others: Layers) -> list[_Formed | _Factors]:
    """The layers, in the form in which multiplying them with `others` is cheaper."""
    return [
        _share_of(*layer, streams=len(layer[0]) * len(other[0])) for layer, other in zip(layers, others, strict=True)
    ]


def _share_of(inputs: Tensor, deltas: Tensor, *, streams: int) -> _Formed | _Factors:
    quantities, width_out, width_in = deltas.shape[2], deltas.shape[3], inputs.shape[-1] + 1
    if width_in * width_out > streams * (width_in + width_out):
        return _Factors(inputs, deltas)
    return _Formed(weight_rows(with_bias_input(inputs), deltas), quantities)


def _tiles(
    shares: Sequence[_Formed | _Factors], layers: Layers, rows: int | None
) -> tuple[list[list[_Formed | _Factors]], list[slice]]:
    """Tiles of about so many rows, and where their rows stand."""
    _, points, quantities, _ = layers[0][1].shape
    step = max(1, (rows or tile_rows_for(layers[0][1])) // quantities)
    spans = [(start, min(start + step, points)) for start in range(0, points, step)]
    tiles = [[share.tile(*span) for share in shares] for span in spans]
    return tiles, [slice(start * quantities, stop * quantities) for start, stop in spans]


def _length(place: slice) -> int:
    return place.stop - place.start


def _fill(block: Tensor, left: Sequence[_Formed | _Factors], right: Sequence[_Formed | _Factors]) -> Tensor:
    for share, other in zip(left, right, strict=True):
        share.add_to(block, other)  # type: ignore[arg-type]
    return block


def _fill_own(block: Tensor, tile: Sequence[_Formed | _Factors]) -> Tensor:
    half = torch.zeros_like(block)
    for share in tile:
        share.add_own_to(block, half)
    return block.add_(half).add_(half.T)
