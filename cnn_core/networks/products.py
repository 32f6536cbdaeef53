"""Products of streams: Leibniz's rule, as one table that a product and its transpose both read.

    ∂^α (b v) = Σ_{β ⊆ α} ∂^β b ∂^(α∖β) v,      Δ(b v) = b Δv + 2 ∇b · ∇v + v Δb.

Axis names: S streams, N points, O outputs, Q quantities.
"""

from itertools import combinations_with_replacement
from typing import NamedTuple

import torch
from torch import Tensor

from cnn_core.derivatives import Order
from cnn_core.networks.streams import Carried


class Share(NamedTuple):
    """`count` times the streams `left` of b and `right` of v, part of the stream `product` of b v."""

    product: int
    left: int
    right: int
    count: int = 1


def multiply(left: Tensor, right: Tensor, carried: Carried) -> Tensor:
    """The streams of a product from those of its factors, (S, N, O) each; a factor may have one column for all."""
    products: list[list[Tensor]] = [[] for _ in range(carried.count)]
    for share in shares_of(carried):
        products[share.product].append(_times(share.count, left[share.left] * right[share.right]))
    return torch.stack([sum(terms[1:], terms[0]) for terms in products])


def multiply_back(weights: Tensor, left: Tensor, carried: Carried) -> Tensor:
    """The transpose of `multiply` in its right factor: weights (S, N, Q, O) of the product → those of `right`.

    `left` is (S, N, 1, O), or has one column for all outputs.
    """
    on_right: list[list[Tensor]] = [[] for _ in range(carried.count)]
    for share in shares_of(carried):
        on_right[share.right].append(_times(share.count, left[share.left] * weights[share.product]))
    return torch.stack([sum(terms[1:], terms[0]) for terms in on_right])


def shares_of(carried: Carried) -> list[Share]:
    """The rule for what is carried."""
    if carried.rule is not None:
        return [Share(*share) for share in carried.rule.products]
    slopes = range(1, 1 + len(carried.slopes))
    shares = [Share(0, 0, 0)]
    for slope in slopes:
        shares += [Share(slope, 0, slope), Share(slope, slope, 0)]
    first = 1 + len(slopes)
    if carried.order == Order.LAPLACIAN:
        shares += [Share(first, 0, first), Share(first, first, 0), *(Share(first, one, one, 2) for one in slopes)]
    if carried.order == Order.HESSIAN:
        for second, (i, j) in enumerate(combinations_with_replacement(slopes, 2), start=first):
            mixed = [Share(second, i, j, 2)] if i == j else [Share(second, i, j), Share(second, j, i)]
            shares += [Share(second, 0, second), Share(second, second, 0), *mixed]
    return shares


def _times(count: int, product: Tensor) -> Tensor:
    return product if count == 1 else count * product
