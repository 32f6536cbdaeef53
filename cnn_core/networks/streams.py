"""Streams: a field's value and its derivatives in x, carried together through the layers of a network.

Order LAPLACIAN in D dimensions has the streams [a, ∂₁a … ∂_D a, Δa]; HESSIAN has every ∂ᵢⱼa with i ≤ j in place of
Δa. A linear layer acts on all of them by one matrix product; an activation φ acts by the chain rule,

    φ(a),   φ' ∂ᵢa,   φ' ∂ᵢⱼa + φ'' ∂ᵢa ∂ⱼa     (summed over i = j for the Laplacian).

Where a residual reads derivatives by name, only these and what they need are carried: u_t and u_xx are the streams
[a, ∂ₓa, ∂ₜa, ∂ₓₓa]; the chain rule is then that of `cnn_core.networks.chain_rule`.

This is Taylor-mode automatic differentiation (Griewank & Walther 2008, ch. 13; for the Laplacian stream Li et al.
2023, "Forward Laplacian"). `pull_back` is the transpose: from the weights of the outgoing streams in some quantities
q to those of the incoming ones. It is written out because it needs a fraction of the operations that differentiating
the chain rule takes.

Axis names: S streams, N points, D inputs (coordinates), W width, Q quantities, O outputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import NamedTuple

import torch
from torch import Tensor

from cnn_core.derivatives import Jet, MultiIndex, Order, Reads
from cnn_core.networks.activations import Activation
from cnn_core.networks.chain_rule import ChainRule, chain_rule
from cnn_core.networks.chain_rule import activate as chain_rule_activate
from cnn_core.networks.chain_rule import pull_back as chain_rule_pull_back


@dataclass(frozen=True)
class Carried:
    """Which streams a pass carries in `inputs` dimensions: those of an order, or those of a chain rule by name."""

    inputs: int
    order: Order
    rule: ChainRule | None = None

    @property
    def count(self) -> int:
        """S."""
        if self.rule is not None:
            return len(self.rule.indices)
        first = self.inputs if self.order >= Order.GRADIENT else 0  # our order before the dict's: see `compilation`
        second = {Order.LAPLACIAN: 1, Order.HESSIAN: self.inputs * (self.inputs + 1) // 2}.get(self.order, 0)
        return 1 + first + second

    @property
    def slopes(self) -> list[int]:
        """The axes of the first derivatives, which stand behind the value."""
        if self.rule is not None:
            return [index[0] for index in self.rule.indices if len(index) == 1]
        return list(range(self.inputs)) if self.order >= Order.GRADIENT else []


def values_of(inputs: int) -> Carried:
    """The value alone."""
    return Carried(inputs, Order.VALUE)


def carried_for(reads: Reads) -> Carried:
    """The streams that serve a residual; what it reads as a whole is carried by name where anything is."""
    if not reads.named:
        return Carried(reads.inputs, reads.order)
    axes, whole = range(reads.inputs), set(reads.named)
    if reads.order >= Order.GRADIENT:
        whole |= {(axis,) for axis in axes}
    if reads.order == Order.LAPLACIAN:
        whole |= {(axis, axis) for axis in axes}
    if reads.order == Order.HESSIAN:
        whole |= set(combinations_with_replacement(axes, 2))
    return Carried(reads.inputs, reads.order, chain_rule(whole))


class Scaling(NamedTuple):
    """The map x → (x − centre) · slope of every coordinate, (D,) each."""

    centre: Tensor
    slope: Tensor


def seed(x: Tensor, constants: Tensor | None, carried: Carried, scaling: Scaling | None = None) -> Tensor:
    """The streams that enter a network: x (N, D), with constants (N, C) appended that do not depend on x.

    Returns (S, N, D + C): the value, then ∂x/∂xᵢ (unit vectors), then zeros for the higher derivatives. With a
    `scaling` it is (x − centre) · slope that enters, whose first derivatives are the slopes.
    """
    if scaling is not None:
        x = (x - scaling.centre.to(x)) * scaling.slope.to(x)
    value = x if constants is None else torch.cat([x, constants], dim=-1)
    if carried.count == 1:  # out of place: a residual may ask for u at points that do not vary where p does
        return value[None]
    streams = value.new_zeros(carried.count, *value.shape)
    streams[0] = value
    for place, axis in enumerate(carried.slopes, start=1):
        if scaling is None:
            streams[place, :, axis].fill_(1.0)
        else:
            streams[place, :, axis] = scaling.slope[axis]
    return streams


def activate(streams: Tensor, activation: Activation, carried: Carried) -> Tensor:
    """Apply an activation to streams (S, N, W)."""
    inputs, order = carried.inputs, carried.order
    if carried.rule is not None:
        return chain_rule_activate(streams, activation.derivatives(streams[0], carried.rule.order), carried.rule)
    if order == Order.VALUE:
        return activation.value(streams)
    slopes, seconds = streams[1 : 1 + inputs], streams[1 + inputs :]
    if order == Order.GRADIENT:
        value, first = activation.derivatives(streams[:1], 1)
        return torch.cat([value, first * slopes])
    value, first, second = activation.derivatives(streams[:1], 2)
    products = _slope_products(slopes, slopes, order)
    return torch.cat([value, first * slopes, torch.addcmul(first * seconds, second, products)])


def pull_back(weights: Tensor, streams: Tensor, activation: Activation, carried: Carried) -> Tensor:
    """The transpose of `activate` at `streams` (S, N, W): weights (S, N, Q, W) of what left → those of what entered."""
    entered, inputs, order = streams.unsqueeze(2), carried.inputs, carried.order
    if carried.rule is not None:
        phi = activation.derivatives(entered[0], carried.rule.order + 1)
        return chain_rule_pull_back(weights, entered, phi, carried.rule)
    if order == Order.VALUE:
        return weights * activation.derivatives(entered, 1)[1]
    slopes, seconds = entered[1 : 1 + inputs], entered[1 + inputs :]
    on_value, on_slopes, on_seconds = weights[:1], weights[1 : 1 + inputs], weights[1 + inputs :]
    if order == Order.GRADIENT:
        _, first, second = activation.derivatives(entered[:1], 2)
        value = torch.addcmul(first * on_value, second, (on_slopes * slopes).sum(dim=0, keepdim=True))
        return torch.cat([value, first * on_slopes])
    _, first, second, third = activation.derivatives(entered[:1], 3)
    products = _slope_products(slopes, slopes, order)
    value = first * on_value + second * (on_slopes * slopes).sum(dim=0, keepdim=True)
    value = value + (on_seconds * torch.addcmul(second * seconds, third, products)).sum(dim=0, keepdim=True)
    spread = _spread(second * on_seconds, slopes, order)
    return torch.cat([value, torch.addcmul(spread, first, on_slopes), first * on_seconds])


def jet_of(streams: Tensor, carried: Carried) -> Jet:
    """Streams (S, N, O) → a jet with a leading axis N."""
    value, inputs, order = streams[0], carried.inputs, carried.order
    if carried.rule is not None:
        return _jet_by_name(dict(zip(carried.rule.indices, streams, strict=True)), inputs, order)
    if order == Order.VALUE:
        return Jet(value)
    gradient = streams[1 : 1 + inputs].permute(1, 2, 0)
    if order == Order.GRADIENT:
        return Jet(value, gradient)
    if order == Order.LAPLACIAN:
        return Jet(value, gradient, laplacian=streams[1 + inputs])
    row, column = torch.triu_indices(inputs, inputs, device=streams.device)
    pair = torch.empty(inputs, inputs, dtype=torch.long, device=streams.device)
    pair[row, column] = pair[column, row] = torch.arange(len(row), device=streams.device)
    hessian = streams[1 + inputs :][pair].permute(2, 3, 0, 1)
    return Jet(value, gradient, laplacian=hessian.diagonal(dim1=-2, dim2=-1).sum(-1), hessian=hessian)


def _jet_by_name(named: Mapping[MultiIndex, Tensor], inputs: int, order: Order) -> Jet:
    jet, axes = Jet(named[()], named=named), range(inputs)
    if order >= Order.GRADIENT:
        jet = jet._replace(gradient=torch.stack([named[axis,] for axis in axes], dim=-1))
    if order >= Order.LAPLACIAN:
        jet = jet._replace(laplacian=torch.stack([named[axis, axis] for axis in axes]).sum(dim=0))
    if order >= Order.HESSIAN:
        rows = [torch.stack([named[min(i, j), max(i, j)] for j in axes], dim=-1) for i in axes]
        jet = jet._replace(hessian=torch.stack(rows, dim=-2))
    return jet


def _slope_products(left: Tensor, right: Tensor, order: Order) -> Tensor:
    """∂ᵢa ∂ⱼb for i ≤ j, or summed over i = j for the Laplacian."""
    if order == Order.LAPLACIAN:
        return (left * right).sum(dim=0, keepdim=True)
    row, column = torch.triu_indices(len(left), len(left), device=left.device)
    return left[row] * right[column]


def _spread(on_seconds: Tensor, slopes: Tensor, order: Order) -> Tensor:
    """What the second-order streams' weights add to the slopes': the transpose of `_slope_products`."""
    if order == Order.LAPLACIAN:
        return 2 * on_seconds * slopes
    row, column = torch.triu_indices(len(slopes), len(slopes), device=slopes.device)
    spread = torch.zeros_like(on_seconds[:1]).repeat(len(slopes), *[1] * (on_seconds.dim() - 1))
    spread.index_add_(0, row, on_seconds * slopes[column])
    return spread.index_add_(0, column, on_seconds * slopes[row])
