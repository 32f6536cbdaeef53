"""Hard values: u = a(x) + b(x) · network(x), which is a where b is zero, whatever θ.

A network's streams become those of u by Leibniz's rule (`cnn_core.networks.products`), linearly, so that a pull-back
goes through its transpose. `BoxValues` are for walls of a box, `HardValues` for any a and b that torch can
differentiate.

Reference: Lagaris, Likas & Fotiadis 1998, "Artificial neural networks for solving ordinary and partial differential
equations", IEEE Transactions on Neural Networks 9.

Axis names: S streams, N points, D coordinates, O outputs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.func import jvp

from cnn_core.derivatives import MultiIndex, Order
from cnn_core.networks.products import multiply
from cnn_core.networks.streams import Carried, seed

Ends = tuple[float | None, float | None]
"""The values of u at the low and at the high end of a coordinate; None leaves an end free."""


class Transform(Protocol):
    """What a network's outputs are put into."""

    def streams(self, x: Tensor, carried: Carried) -> tuple[Tensor, Tensor]:
        """The streams (S, N, O) of a and of b at x (N, D); one column stands for all outputs."""
        ...


class Wall(NamedTuple):
    """The ends of one coordinate, and the values there."""

    axis: int
    low: float
    high: float
    values: Ends


@dataclass(frozen=True)
class BoxValues:
    """Values at ends of coordinates: b is 4 s (1 − s), s or 1 − s in each, for the s that rises from 0 to 1.

    a is the straight line between the two values of a coordinate, or the one value that all ends have.
    """

    walls: tuple[Wall, ...]

    def streams(self, x: Tensor, carried: Carried) -> tuple[Tensor, Tensor]:
        coordinates = seed(x, None, carried)
        rises = [_rise(coordinates[..., wall.axis : wall.axis + 1], wall) for wall in self.walls]
        factors = [_factor(rise, wall.values, carried) for rise, wall in zip(rises, self.walls, strict=True)]
        offset = _line(rises[0], self.walls[0].values)
        return offset, reduce(lambda left, right: multiply(left, right, carried), factors)


@dataclass(frozen=True)
class HardValues:
    """u = offset(x) + factor(x) · network(x), for functions of points x (N, D) → (N, O), or (N, 1) for all outputs.

    Written with torch, point by point: what they say of one point must not depend on the others. Give one to a network
    of ours by `network.transform = HardValues(offset, factor)`.
    """

    offset: Callable[[Tensor], Tensor]
    factor: Callable[[Tensor], Tensor]

    def streams(self, x: Tensor, carried: Carried) -> tuple[Tensor, Tensor]:
        return _streams_of(self.offset, x, carried), _streams_of(self.factor, x, carried)


def require_ends(hard: Mapping[str, Ends]) -> None:
    """Raises ValueError where the values at the ends of coordinates cannot all hold."""
    for name, ends in hard.items():
        if ends == (None, None):
            raise ValueError(f"hard.{name} gives no value at either end; write e.g. [0.0, null], or remove it")
    different = {value for ends in hard.values() for value in ends if value is not None}
    if len(hard) > 1 and len(different) > 1:
        raise ValueError(
            f"hard has different values, {', '.join(map(str, sorted(different)))}, at walls that meet in a corner; "
            "write the same value everywhere, or the ends of one coordinate only"
        )


def _rise(coordinate: Tensor, wall: Wall) -> Tensor:
    """The streams of (x − low)/(high − low), exactly 0 and 1 at the ends."""
    length = wall.high - wall.low
    return torch.cat([(coordinate[:1] - wall.low) / length, coordinate[1:] / length])


def _factor(rise: Tensor, ends: Ends, carried: Carried) -> Tensor:
    """The streams of what is zero at the ends that have a value."""
    if ends[1] is None:
        return rise
    fall = torch.cat([1 - rise[:1], -rise[1:]])
    return fall if ends[0] is None else 4 * multiply(rise, fall, carried)


def _line(rise: Tensor, ends: Ends) -> Tensor:
    """The streams of the straight line between both values, or of the one there is."""
    values = [value for value in ends if value is not None]
    start, slope = values[0], values[-1] - values[0]
    return torch.cat([start + slope * rise[:1], slope * rise[1:]])


def _streams_of(function: Callable[[Tensor], Tensor], x: Tensor, carried: Carried) -> Tensor:
    """The streams of a function of points (N, D) → (N, O), by nested differentiation."""
    axes = range(carried.inputs)
    indices: Sequence[MultiIndex]
    if carried.rule is not None:
        return torch.stack([_derivative(function, index, x) for index in carried.rule.indices])
    indices = [(), *((axis,) for axis in carried.slopes)]
    if carried.order == Order.HESSIAN:
        indices += [(i, j) for i in axes for j in axes if i <= j]
    streams = [_derivative(function, index, x) for index in indices]
    if carried.order == Order.LAPLACIAN:
        streams.append(torch.stack([_derivative(function, (axis, axis), x) for axis in axes]).sum(dim=0))
    return torch.stack(streams)


def _derivative(function: Callable[[Tensor], Tensor], index: MultiIndex, x: Tensor) -> Tensor:
    if not index:
        return function(x)
    first, *others = index
    direction = torch.zeros_like(x)
    direction[:, first] = 1

    def slope(at: Tensor) -> Tensor:
        return jvp(function, (at,), (direction,))[1]

    return _derivative(slope, tuple(others), x)
