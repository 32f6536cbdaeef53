"""The Gram matrix G = J Jᵀ of per-point quantities, without forming J.

A linear layer z = W h + b that saw the streams h_s and whose outputs weigh δ_s in a quantity contributes, for rows r
and t of J,

    G_rt += Σ_s,s' (δ_s,r · δ_s',t) (h_s,r · h_s',t),

two small matrix products and an elementwise one; the bias is one more input, 1 in stream 0 and 0 elsewhere. For a
layer with few weights it is cheaper to form its rows Σ_s δ_s h_sᵀ: which way follows from the layer's sizes. G is
filled in square tiles, small enough for the products to stay in a core's cache, and only on one side of the diagonal.

Axis names: S streams, N points, Q quantities, rows r = n·Q + q; h (S, N, in), δ (S, N, Q, out).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

TILE_ROWS = 128

FORMED_ENTRIES = 2**24
"""At most about so many entries of J are formed at once for a Gram matrix in a metric (64 MiB in float32)."""


def gram_matrix(layers: Sequence[tuple[Tensor, Tensor]], *, tile_rows: int = TILE_ROWS) -> Tensor:
    """G (N·Q, N·Q) from every layer's inputs h (S, N, in) and weights δ (S, N, Q, out)."""
    _, points, quantities, _ = layers[0][1].shape
    step = max(1, tile_rows // quantities)
    starts = range(0, points, step)
    shares = [_share_of(inputs, deltas) for inputs, deltas in layers]
    tiles = [[share.tile(start, min(start + step, points)) for share in shares] for start in starts]
    gram = layers[0][1].new_empty(points * quantities, points * quantities)
    for a, left in enumerate(tiles):
        for b, right in enumerate(tiles[a:], a):
            block = _block(left, right)
            row, column = starts[a] * quantities, starts[b] * quantities
            gram[row : row + block.shape[0], column : column + block.shape[1]] = block
            if b > a:
                gram[column : column + block.shape[1], row : row + block.shape[0]] = block.T
    return gram


def weighted_gram_matrix(layers: Sequence[tuple[Tensor, Tensor, Tensor, Tensor]]) -> Tensor:
    """J M Jᵀ (N·Q, N·Q) for a diagonal M, given as every layer's h, δ and M's pieces for its weight and its bias.

    A diagonal does not factor into inputs and outputs, so each layer's rows are formed, for some outputs at a time.
    """
    _, points, quantities, _ = layers[0][1].shape
    total = layers[0][1].new_zeros(points * quantities, points * quantities)
    for inputs, deltas, weight, bias in layers:
        biases = deltas[0].flatten(0, 1)
        total.addmm_(biases * bias, biases.T)
        outputs = max(1, FORMED_ENTRIES // (points * quantities * inputs.shape[-1]))
        for some, weights in zip(deltas.split(outputs, dim=-1), weight.split(outputs), strict=True):
            rows = layer_rows(inputs, some)
            total.addmm_(rows * weights.flatten(), rows.T)
    return total


def layer_rows(inputs: Tensor, deltas: Tensor) -> Tensor:
    """∂q_r/∂W of one layer, (N·Q, out·in)."""
    return torch.einsum("snqo,sni->nqoi", deltas, inputs).flatten(0, 1).flatten(1)


@dataclass(frozen=True)
class _Formed:
    """A layer's rows of J, (N·Q, out·(in + 1))."""

    rows: Tensor
    quantities: int

    def tile(self, start: int, stop: int) -> "_Formed":
        return _Formed(self.rows[start * self.quantities : stop * self.quantities], self.quantities)

    def add_to(self, block: Tensor, other: "_Formed") -> None:
        block.addmm_(self.rows, other.rows.T)


@dataclass(frozen=True)
class _Factors:
    """A layer's inputs (S, N, in + 1) and weights (S, N, Q, out)."""

    inputs: Tensor
    deltas: Tensor

    def tile(self, start: int, stop: int) -> "_Factors":
        return _Factors(self.inputs[:, start:stop].contiguous(), self.deltas[:, start:stop].contiguous())

    def add_to(self, block: Tensor, other: "_Factors") -> None:
        (streams, n, quantities, _), (_, m, _, _) = self.deltas.shape, other.deltas.shape
        overlaps = (self.inputs.flatten(0, 1) @ other.inputs.flatten(0, 1).T).view(streams, n, 1, streams, m, 1)
        products = self.deltas.flatten(0, 2) @ other.deltas.flatten(0, 2).T
        products = products.view(streams, n, quantities, streams, m, quantities)
        target = block.view(n, quantities, m, quantities)
        for s in range(streams):
            for t in range(streams):
                target.addcmul_(products[s, :, :, t], overlaps[s, :, :, t])


def _share_of(inputs: Tensor, deltas: Tensor) -> _Formed | _Factors:
    streams, _, quantities, width_out = deltas.shape
    ones = torch.zeros_like(inputs[..., :1])
    ones[0] = 1
    inputs = torch.cat([inputs, ones], dim=-1)
    width_in = inputs.shape[-1]
    if width_in * width_out <= streams**2 * (width_in + width_out):
        return _Formed(layer_rows(inputs, deltas), quantities)
    return _Factors(inputs, deltas)


def _block(left: Sequence[_Formed | _Factors], right: Sequence[_Formed | _Factors]) -> Tensor:
    def rows(share: _Formed | _Factors) -> int:
        return len(share.rows) if isinstance(share, _Formed) else share.deltas.shape[1] * share.deltas.shape[2]

    first = left[0].rows if isinstance(left[0], _Formed) else left[0].deltas
    block = first.new_zeros(rows(left[0]), rows(right[0]))
    for mine, other in zip(left, right, strict=True):
        mine.add_to(block, other)  # type: ignore[arg-type]
    return block
