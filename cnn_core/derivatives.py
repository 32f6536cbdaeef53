"""Derivatives in x of a field u(x): what a PDE residual is written with.

A residual reads `u.value`, `u.gradient`, `u.laplacian` or `u.hessian` of a `Field` at one point; where these come from is
not its concern:

* `Jet` holds them as numbers, from one Taylor-mode pass through the layers of a network (`cnn_core.networks`). The
  value and its derivatives travel together as *streams*: [u, ∂₁u … ∂_d u, second derivatives], so that one matrix
  product per layer serves all of them (Taylor-mode automatic differentiation; Griewank & Walther 2008, ch. 13; for the
  Laplacian stream, Li et al. 2023, "Forward Laplacian").
* `PointField` differentiates any function of x with `torch.func`, to any order, at more cost.

Axis names: S streams, N points, D inputs (coordinates), O outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.func import jacfwd, jvp


class Order(IntEnum):
    """Which derivatives a residual needs; each order includes the ones before it."""

    VALUE = 0
    GRADIENT = 1
    LAPLACIAN = 2
    HESSIAN = 3
    FUNCTION = 4
    """Anything beyond: the residual differentiates `u.function` itself, so no Taylor pass can serve it."""


class Field(Protocol):
    """A field at one point. Shapes: value (O,), gradient (O, D), laplacian (O,), hessian (O, D, D)."""

    @property
    def value(self) -> Tensor: ...
    @property
    def gradient(self) -> Tensor: ...
    @property
    def laplacian(self) -> Tensor: ...
    @property
    def hessian(self) -> Tensor: ...
    @property
    def function(self) -> Callable[[Tensor], Tensor]: ...


class Jet(NamedTuple):
    """Values of a field and its derivatives, with any leading axes before the shapes of `Field`."""

    value: Tensor
    gradient: Tensor | None = None
    laplacian: Tensor | None = None
    hessian: Tensor | None = None

    @property
    def function(self) -> Callable[[Tensor], Tensor]:
        raise TypeError("a jet holds derivatives at one point; a residual that reads u.function takes the general path")


@dataclass(frozen=True)
class PointField:
    """A field at the point `x` (D,), differentiated from `function`: (D,) → (O,)."""

    function: Callable[[Tensor], Tensor]
    x: Tensor

    @cached_property
    def value(self) -> Tensor:
        return self.function(self.x)

    @cached_property
    def gradient(self) -> Tensor:
        return jacfwd(self.function)(self.x)

    @cached_property
    def laplacian(self) -> Tensor:
        directions = torch.eye(self.x.shape[-1], dtype=self.x.dtype, device=self.x.device)
        return sum(self._second_derivative(direction) for direction in directions)  # type: ignore[return-value]

    @cached_property
    def hessian(self) -> Tensor:
        return jacfwd(jacfwd(self.function))(self.x)

    def _second_derivative(self, direction: Tensor) -> Tensor:
        def slope(x: Tensor) -> Tensor:
            return jvp(self.function, (x,), (direction,))[1]

        return jvp(slope, (self.x,), (direction,))[1]


def seed_streams(x: Tensor, constants: Tensor | None, order: Order) -> Tensor:
    """The streams that enter a network: x (N, D), with constants (N, C) appended that do not depend on x.

    Returns (S, N, D + C): the value, then ∂x/∂x_i (unit vectors), then zeros for the second derivatives.
    """
    points, inputs = x.shape
    width = inputs + (0 if constants is None else constants.shape[-1])
    streams = x.new_zeros(stream_count(inputs, order), points, width)
    streams[0, :, :inputs] = x
    if constants is not None:
        streams[0, :, inputs:] = constants
    if order >= Order.GRADIENT:
        axes = torch.arange(inputs, device=x.device)
        streams[1 + axes, :, axes] = 1.0
    return streams


def stream_count(inputs: int, order: Order) -> int:
    """S: how many streams an order needs in `inputs` dimensions."""
    second = {Order.LAPLACIAN: 1, Order.HESSIAN: inputs * (inputs + 1) // 2}.get(order, 0)
    return 1 + (inputs if order >= Order.GRADIENT else 0) + second


def activate_streams(streams: Tensor, activation: "Activation", inputs: int, order: Order) -> Tensor:
    """Apply a scalar function to streams (S, N, W) by the chain rule.

    φ(a); φ'(a) ∂ᵢa; φ'(a) ∂ᵢⱼa + φ''(a) ∂ᵢa ∂ⱼa (summed over i = j for the Laplacian).
    """
    if order == Order.VALUE:
        return activation.value(streams)
    value, first, second = activation.derivatives(streams[:1])
    slopes = streams[1 : 1 + inputs]
    parts = [value, first * slopes]
    if order == Order.LAPLACIAN:
        parts.append(first * streams[1 + inputs :] + second * slopes.square().sum(dim=0, keepdim=True))
    elif order == Order.HESSIAN:
        row, column = torch.triu_indices(inputs, inputs, device=streams.device)
        parts.append(first * streams[1 + inputs :] + second * slopes[row] * slopes[column])
    return torch.cat(parts)


def jet_of(streams: Tensor, inputs: int, order: Order) -> Jet:
    """Streams (S, N, O) → a jet with a leading axis N."""
    value = streams[0]
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


@dataclass(frozen=True)
class Activation:
    """A scalar activation φ with `derivatives(a)` = (φ(a), φ'(a), φ''(a)), elementwise."""

    value: Callable[[Tensor], Tensor]
    derivatives: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]


class Probe:
    """A field of zeros that records the highest order a residual reads."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.order = Order.VALUE
        self._inputs, self._outputs = inputs, outputs

    def _read(self, order: Order, *shape: int) -> Tensor:
        self.order = max(self.order, order)
        return torch.zeros(self._outputs, *shape, dtype=torch.float64)

    @property
    def value(self) -> Tensor:
        return self._read(Order.VALUE)

    @property
    def gradient(self) -> Tensor:
        return self._read(Order.GRADIENT, self._inputs)

    @property
    def laplacian(self) -> Tensor:
        return self._read(Order.LAPLACIAN)

    @property
    def hessian(self) -> Tensor:
        return self._read(Order.HESSIAN, self._inputs, self._inputs)

    @property
    def function(self) -> Callable[[Tensor], Tensor]:
        self.order = Order.FUNCTION
        weights = torch.ones(self._outputs, self._inputs, dtype=torch.float64)
        return lambda x: (weights * x).sum(-1).sin()
