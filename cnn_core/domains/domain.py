"""Domains: where something holds. A domain names its regions, and samples them.

`interior` comes first; `boundary` is the boundary in space, with outward normals; `initial` and `final` are its
beginning and its end in time, if it has a time.

Axis names: N points, D coordinates.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Protocol

import torch
from torch import Tensor

from cnn_core.domains.piece import Located, Piece, draw
from cnn_core.domains.sampling import Sampling, nearest

Interval = tuple[float, float]
Time = tuple[str, Interval]
"""The name of the time's coordinate, and its interval."""

ROUNDING = 32
"""Rounding errors, in units of the precision, by which a point of the boundary may miss its domain."""

DIGITS_LEFT_OUT = 1e-6
"""By how much of its size a point may miss its domain that was written with seven digits."""

REGION_STEP = 32_452_843
"""Between the seeds of two regions, whose points would look alike otherwise; the interior's is the one given."""

STEP = 1e-10
"""How far one looks to either side of a boundary, relative to the size of the coordinates."""


class Domain(Protocol):
    """Where something holds, as problems see it."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Their names, in the order in which points hold them."""
        ...

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the parts that can be sampled, `interior` first."""
        ...

    @property
    def box(self) -> Mapping[str, Interval]:
        """The bounding box, by coordinate."""
        ...

    def sample(self, region: str, count: int, sampling: Sampling = "random", *, seed: int = 0) -> Located:
        """`count` points of a region, evenly distributed by measure; with normals on boundaries.

        Raises ValueError for a region or a sampling that is not known, and where nothing of the region is left.
        """
        ...

    def contains(self, x: Tensor) -> Tensor:
        """Which of the points x (N, D) are in the domain or on its boundary, (N,) bool, but for rounding errors."""
        ...


class Shape(Domain, Protocol):
    """A domain that others can be made of (`Without`, `Union`)."""

    @property
    def span(self) -> Time | None:
        """Its time, if it has one."""
        ...

    def pieces(self, region: str) -> tuple[Piece, ...]:
        """What one of its regions is made of."""
        ...

    def depth(self, x: Tensor) -> Tensor:
        """How deep in space the points x (N, D) are, (N,), whatever their time: 0 on the boundary, negative outside.

        Of no unit: relative to the size of the coordinates, so that rounding errors are those of numbers like 1.
        """
        ...


def sampled(domain: Shape, region: str, count: int, sampling: Sampling, *, seed: int) -> Located:
    """`Domain.sample` of what a shape's regions are made of."""
    if region not in domain.regions:
        raise ValueError(
            f"region {region!r} is not known, the domain has {', '.join(domain.regions)}; "
            f"{nearest(region, domain.regions)}"
        )
    try:
        own = REGION_STEP * domain.regions.index(region)
        return draw(domain.pieces(region), count, sampling, seed=seed + own)
    except ValueError as error:
        raise ValueError(f"region {region!r}: {error}") from None


def contained(domain: Shape, x: Tensor) -> Tensor:
    """`Domain.contains` by the depth, and by the time."""
    if x.dim() != 2 or x.shape[1] != len(domain.coordinates):
        raise ValueError(f"points: they must have the shape (N, {len(domain.coordinates)}), got {tuple(x.shape)}")
    rounding = _rounding(x)
    deep = domain.depth(x) >= -rounding
    if domain.span is None:
        return deep
    name, (low, high) = domain.span
    time, slack = x[:, domain.coordinates.index(name)], rounding * max(abs(low), abs(high))
    return deep & (time >= low - slack) & (time <= high + slack)


def nearly_contained(domain: Domain, x: Tensor) -> Tensor:
    """Which of the points x (N, D) are in the domain, or beside it by no more than `DIGITS_LEFT_OUT`, (N,) bool."""
    found = domain.contains(x)
    sizes = x.new_tensor([high - low for low, high in domain.box.values()])
    for direction in product((-1, 0, 1), repeat=len(sizes)):
        if found.all():
            break
        found = found | domain.contains(x + DIGITS_LEFT_OUT * sizes * x.new_tensor(direction))
    return found


def inside(domain: Shape, x: Tensor) -> Tensor:
    """Which of the points x (N, D) are, in space, in the domain but not on its boundary."""
    return domain.depth(x) > _rounding(x)


def _rounding(x: Tensor) -> float:
    return ROUNDING * torch.finfo(x.dtype).eps


def ends_of(span: Time | None) -> tuple[str, ...]:
    """The regions that a time adds."""
    return () if span is None else ("initial", "final")


def magnitudes(box: Mapping[str, Interval]) -> Tensor:
    """The size (D,) of the numbers of each coordinate."""
    return torch.tensor(list(box.values()), dtype=torch.float64).abs().amax(dim=1)


def beside(domain: Domain, located: Located, side: int) -> Tensor:
    """The points (N, D) just outwards (+1) or inwards (−1) of those of a boundary."""
    assert located.normal is not None
    return located.x + side * STEP * magnitudes(domain.box) * located.normal


def require_interval(what: str, coordinate: str, interval: Interval) -> None:
    low, high = interval
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"{what}: coordinate {coordinate!r} needs a finite interval (low, high) with low < high, got {interval}"
        )


def require_alike(what: str, shapes: Sequence[Shape]) -> None:
    """Raises ValueError unless all have the coordinates and the time of the first."""
    first = shapes[0]
    for shape in shapes[1:]:
        if shape.coordinates != first.coordinates:
            raise ValueError(
                f"{what}: all parts need the same coordinates, got {', '.join(first.coordinates)} and "
                f"{', '.join(shape.coordinates)}; give each the same, in the same order"
            )
        if shape.span != first.span:
            raise ValueError(
                f"{what}: all parts need the same time, got {first.span or 'none'} and {shape.span or 'none'}; "
                "give each the same"
            )
