"""J of per-point quantities, as the linear layers z = W h + b of a network hold it.

A point's quantities depend on a layer through that point's own streams only: with h_s what entered the layer and
δ_s = ∂q/∂z_s, row r of J holds Σ_s δ_s,r h_s,rᵀ for W. The bias is one more input, 1 in stream 0 and 0 in the others;
here it is added at the end, which is cheaper than to append it to h.

Axis names: S streams, N points, Q quantities, rows r = n·Q + q; h (S, N, in), δ (S, N, Q, out).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cnn_core.decisions import stacked

Layers = Sequence[tuple[Tensor, Tensor]]
"""Every layer's inputs h (S, N, in) and weights δ (S, N, Q, out)."""


class Affine(NamedTuple):
    """What belongs to a layer's W and what to its b: parameters, or rows of J for them."""

    weight: Tensor
    bias: Tensor


def with_bias_input(inputs: Tensor) -> Tensor:
    """h with the bias' input appended, (S, N, in + 1)."""
    ones = torch.zeros_like(inputs[..., :1])
    ones[0].fill_(1)
    return torch.cat([inputs, ones], dim=-1)


def layer_rows(inputs: Tensor, deltas: Tensor) -> Affine:
    """∂q_r/∂W and ∂q_r/∂b of one layer, (N·Q, out·in) and (N·Q, out)."""
    return Affine(weight_rows(inputs, deltas), bias_rows(deltas))


def weight_rows(inputs: Tensor, deltas: Tensor) -> Tensor:
    """∂q_r/∂W of one layer, (N·Q, out·in)."""
    first, *others = zip(deltas.unsqueeze(-1), inputs[:, :, None, None], strict=True)
    rows = first[0] * first[1]
    for weights, entered in others:
        if stacked():
            rows += weights * entered
        else:
            rows.addcmul_(weights, entered)
    return rows.flatten(0, 1).flatten(1)


def add_product(block: Tensor, left: Tensor, right: Tensor) -> None:
    """block += left @ right."""
    if stacked():
        block += left @ right
    else:
        block.addmm_(left, right)


def bias_rows(deltas: Tensor) -> Tensor:
    """∂q_r/∂b of one layer, (N·Q, out)."""
    return deltas[0].flatten(0, 1)


def summed_rows(inputs: Tensor, deltas: Tensor) -> Affine:
    """∂(Σ_r q_r)/∂W (out, in) and ∂(Σ_r q_r)/∂b (out,) of one layer."""
    total = deltas.sum(dim=2) if deltas.shape[2] > 1 else deltas.squeeze(2)
    return Affine(total.flatten(0, 1).T @ inputs.flatten(0, 1), total[0].sum(dim=0))


def point_products(layers: Layers, others: Layers) -> Tensor:
    """The blocks of J Kᵀ that belong to one point each, (N, Q, Q').

    K is given by `others`: other quantities of the same points, or of points that go with them one by one.
    """
    total = layers[0][1].new_zeros(())
    for (inputs, mine), (entered, theirs) in zip(layers, others, strict=True):
        overlaps = (inputs[:, None] * entered[None]).sum(dim=-1)  # h_s · h_t, (S, T, N)
        overlaps[0, 0] += 1  # the bias
        sums = (overlaps[..., None, None] * theirs).sum(dim=1)  # Σ_t (h_s · h_t) δ_t, (S, N, Q', out)
        if min(mine.shape[2], sums.shape[2]) == 1:
            total = total + (mine[:, :, :, None] * sums[:, :, None]).sum(dim=(0, -1))
        else:
            total = total + mine.permute(1, 2, 0, 3).flatten(2) @ sums.permute(1, 2, 0, 3).flatten(2).mT
    return total


def times(layers: Layers, vectors: Sequence[Affine]) -> Tensor:
    """J v (N·Q,) for v given as every layer's (out, in) and (out,)."""
    total = layers[0][1].new_zeros(layers[0][1].shape[1:3])
    for (inputs, deltas), (weight, bias) in zip(layers, vectors, strict=True):
        outputs = inputs @ weight.T
        outputs[0] += bias
        total = total + (deltas * outputs[:, :, None]).sum(dim=(0, -1))
    return total.reshape(-1)


def transposed_times(layers: Layers, weights: Tensor) -> list[Affine]:
    """Jᵀ w for w (N·Q,), layer by layer."""
    shares = weights.view(1, *layers[0][1].shape[1:3], 1)
    return [summed_rows(inputs, deltas * shares) for inputs, deltas in layers]
