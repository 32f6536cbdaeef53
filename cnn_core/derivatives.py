"""Derivatives in x of a field u(x): what a PDE residual is written with.

A residual reads `u.value`, `u.gradient`, `u.laplacian` or `u.hessian` of a `Field` at one point; where these come
from is not its concern:

* `Jet` holds them as numbers, from one Taylor-mode pass through the layers of a network (`cnn_core.networks.streams`).
* `PointField` differentiates any function of x with `torch.func`, to any order, at more cost.

Axis names: D inputs (coordinates), O outputs.
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
