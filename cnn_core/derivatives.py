"""Derivatives in x of a field u(x): what a PDE residual is written with.

A residual reads `u.value`, `u.gradient`, `u.laplacian` or `u.hessian` of a `Field` at one point, or derivatives by the
names of the coordinates: `u["t"]`, `u["xx"]`, `u["xxxx"]`, each (O,), in any order of the letters, to fourth order.
Where these come from is not its concern:

* `Jet` holds them as numbers, from one Taylor-mode pass through the layers of a network (`cnn_core.networks.streams`).
* `PointField` differentiates any function of x with `torch.func`, to any order, at more cost.

In boundary conditions `u.normal` (D,) is the outward normal, and `u.partner` the same field at the point's partner.

Axis names: D inputs (coordinates), O outputs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.func import jacfwd, jvp

MultiIndex = tuple[int, ...]
"""A derivative by its axes in ascending order: (0, 0, 1) is ∂³/∂x²∂t, for the coordinates x and t."""

HIGHEST = 4
"""The highest order of a derivative that has a name."""


class FieldError(ValueError):
    """A residual reads of a field what it does not have at its points."""


class Order(IntEnum):
    """Which derivatives a residual needs; each order includes the ones before it."""

    VALUE = 0
    GRADIENT = 1
    LAPLACIAN = 2
    HESSIAN = 3
    FUNCTION = 4
    """Anything beyond: the residual differentiates `u.function` itself, so no Taylor pass can serve it."""


@dataclass(frozen=True)
class Reads:
    """What a residual reads of a field in `inputs` coordinates: the order of what it reads as a whole (the gradient,
    the Hessian …), and derivatives by name, sorted.
    """

    inputs: int
    order: Order
    named: tuple[MultiIndex, ...] = ()

    @property
    def highest(self) -> Order:
        """The order that includes everything; derivatives by name above the second have none of their own."""
        by_name = [Order.VALUE, Order.GRADIENT, *[Order.HESSIAN] * HIGHEST][max(map(len, self.named), default=0)]
        return max(self.order, by_name)


class Field(Protocol):
    """A field at one point. Shapes: value (O,), gradient (O, D), laplacian (O,), hessian (O, D, D), by name (O,)."""

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
    @property
    def normal(self) -> Tensor: ...
    @property
    def partner(self) -> "Field": ...
    def __getitem__(self, name: str) -> Tensor: ...


class Jet(NamedTuple):
    """Values of a field and its derivatives, with any leading axes before the shapes of `Field`.

    `named` holds the derivatives that are read by the names of the `coordinates`.
    """

    value: Tensor
    gradient: Tensor | None = None
    laplacian: Tensor | None = None
    hessian: Tensor | None = None
    named: Mapping[MultiIndex, Tensor] = {}
    coordinates: tuple[str, ...] = ()
    partner: "Jet | None" = None

    def __getitem__(self, name: str) -> Tensor:  # type: ignore[override]
        index = index_of(name, self.coordinates)
        if index in self.named:
            return self.named[index]
        whole = {1: self.gradient, 2: self.hessian}.get(len(index))
        if whole is None:
            raise KeyError(f"this jet holds no derivative {name!r}")
        return whole[(..., *index)]

    @property
    def function(self) -> Callable[[Tensor], Tensor]:
        raise TypeError("a jet holds derivatives at one point; a residual that reads u.function takes the general path")


@dataclass(frozen=True)
class PointField:
    """A field at the point `x` (D,), differentiated from `function`: (D,) → (O,)."""

    function: Callable[[Tensor], Tensor]
    x: Tensor
    coordinates: tuple[str, ...] = ()
    partner: "PointField | None" = None

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

    def __getitem__(self, name: str) -> Tensor:
        directions = torch.eye(self.x.shape[-1], dtype=self.x.dtype, device=self.x.device)
        return self._along(*(directions[axis] for axis in index_of(name, self.coordinates)))

    def _second_derivative(self, direction: Tensor) -> Tensor:
        return self._along(direction, direction)

    def _along(self, *directions: Tensor) -> Tensor:
        """The derivative along one direction after the other."""
        function = self.function
        for direction in directions:
            function = partial(_slope, function, direction)
        return function(self.x)


def _slope(function: Callable[[Tensor], Tensor], direction: Tensor, x: Tensor) -> Tensor:
    return jvp(function, (x,), (direction,))[1]


def index_of(name: str, coordinates: Sequence[str]) -> MultiIndex:
    """The derivative that a name made of coordinates' names means: `xxt` → (0, 0, 1).

    Raises ValueError where it means none, or could mean several, or is of too high an order.
    """
    found = {tuple(sorted(axes)) for axes in _readings(name, coordinates, HIGHEST)} - {()}
    if len(found) != 1:
        what = "may mean several derivatives" if found else "is no derivative"
        raise ValueError(
            f"u[{name!r}] {what}; write one to {HIGHEST} of the coordinates' names ({', '.join(coordinates)}), one "
            "after the other, or use u.function"
        )
    return found.pop()


def _readings(name: str, coordinates: Sequence[str], most: int) -> Iterator[MultiIndex]:
    """All ways to read a name as at most so many coordinates' names."""
    if not name:
        yield ()
    elif most > 0:
        for axis, coordinate in enumerate(coordinates):
            if coordinate and name.startswith(coordinate):
                others = _readings(name.removeprefix(coordinate), coordinates, most - 1)
                yield from ((axis, *rest) for rest in others)


class Probe:
    """A field of zeros that records what a residual reads. `paired`: its points have partners."""

    def __init__(self, coordinates: Sequence[str], outputs: int, *, paired: bool = False) -> None:
        self.order = Order.VALUE
        self._paired = paired
        self.named: set[MultiIndex] = set()
        self._coordinates, self._inputs, self._outputs = coordinates, len(coordinates), outputs

    @property
    def reads(self) -> Reads:
        """What was read so far."""
        return Reads(self._inputs, self.order, tuple(sorted(self.named, key=lambda index: (len(index), index))))

    def __getitem__(self, name: str) -> Tensor:
        self.named.add(index_of(name, self._coordinates))
        return self._read(Order.VALUE)

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
    def normal(self) -> Tensor:
        raise FieldError("u.normal is read where there is none; only conditions on a boundary know it")

    @property
    def partner(self) -> "Probe":
        if not self._paired:
            raise FieldError("u.partner is read where there is none; give the condition a partner")
        return self

    @property
    def function(self) -> Callable[[Tensor], Tensor]:
        self.order = Order.FUNCTION
        weights = torch.ones(self._outputs, self._inputs, dtype=torch.float64)
        return lambda x: (weights * x).sum(-1).sin()
