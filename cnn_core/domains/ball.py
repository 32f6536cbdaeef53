"""A ball: all points of space within a radius of a centre, over all times if it has a time.

Its points are images of those of a cube. On a circle the angle is uniform. In D > 2 dimensions two coordinates of the
unit sphere lie on a circle of radius √(1 − |w|²), where the D − 2 others, w, are uniform in a ball: in three dimensions
that is Archimedes' cylinder. A ball is made of spheres, of radius r^(1/D).

Axis names: N points, D coordinates in space.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_core.domains.cylinder import over_time, require_time, with_time
from cnn_core.domains.domain import Interval, Time, contained, ends_of, sampled
from cnn_core.domains.piece import Located, Piece
from cnn_core.domains.sampling import Sampling


@dataclass(frozen=True)
class Ball:
    """`center` maps each coordinate in space to its number; `time` is a name and an interval, the last coordinate.

    Regions: `interior`; `boundary`, the sphere; `initial` and `final`. Raises ValueError where a number is not finite
    or the radius not positive.
    """

    center: Mapping[str, float]
    radius: float
    time: Time | None = None

    def __post_init__(self) -> None:
        if not self.center:
            raise ValueError("ball: center is empty; name at least one coordinate")
        for name, value in self.center.items():
            if not math.isfinite(value):
                raise ValueError(f"ball: the center's {name!r} must be finite, got {value}")
        if not (math.isfinite(self.radius) and self.radius > 0):
            raise ValueError(f"ball: the radius must be positive and finite, got {self.radius}")
        require_time("ball", tuple(self.center), self.time)

    @property
    def coordinates(self) -> tuple[str, ...]:
        return tuple(self.box)

    @property
    def box(self) -> Mapping[str, Interval]:
        sides = {name: (value - self.radius, value + self.radius) for name, value in self.center.items()}
        return with_time(sides, self.time)

    @property
    def span(self) -> Time | None:
        return self.time

    @property
    def regions(self) -> tuple[str, ...]:
        return ("interior", "boundary", *ends_of(self.time))

    def sample(self, region: str, count: int, sampling: Sampling = "random", *, seed: int = 0) -> Located:
        return sampled(self, region, count, sampling, seed=seed)

    def contains(self, x: Tensor) -> Tensor:
        return contained(self, x)

    def depth(self, x: Tensor) -> Tensor:
        middle, sides = self._middle.to(x), list(self.box.values())[: len(self.center)]
        distance = torch.linalg.vector_norm(x[:, : len(middle)] - middle, dim=1)
        return (self.radius - distance) / max(abs(end) for side in sides for end in side)

    def pieces(self, region: str) -> tuple[Piece, ...]:
        space = self._sphere() if region == "boundary" else (self._ball(),)
        return tuple(over_time(piece, region, self.time) for piece in space)

    def _ball(self) -> Piece:
        dimensions = len(self.center)
        measure = math.pi ** (dimensions / 2) / math.gamma(dimensions / 2 + 1) * self.radius**dimensions
        return Piece(measure, dimensions, lambda unit: Located(self._middle + self.radius * in_unit_ball(unit)))

    def _sphere(self) -> tuple[Piece, ...]:
        dimensions = len(self.center)
        if dimensions == 1:
            ends = (torch.full((1,), sign, dtype=torch.float64) for sign in (-1.0, 1.0))
            return tuple(Piece(1.0, 0, lambda unit, end=end: self._on_sphere(end.repeat(len(unit), 1))) for end in ends)
        measure = 2 * math.pi ** (dimensions / 2) / math.gamma(dimensions / 2) * self.radius ** (dimensions - 1)
        return (Piece(measure, dimensions - 1, lambda unit: self._on_sphere(on_unit_sphere(unit))),)

    def _on_sphere(self, normal: Tensor) -> Located:
        return Located(self._middle + self.radius * normal, normal)

    @property
    def _middle(self) -> Tensor:
        return torch.tensor(list(self.center.values()), dtype=torch.float64)


def in_unit_ball(unit: Tensor) -> Tensor:
    """Points of a cube (N, D) → of the ball of radius 1 (N, D), uniformly distributed if those are."""
    dimensions = unit.shape[1]
    if dimensions == 1:
        return 2 * unit - 1
    return unit[:, :1] ** (1 / dimensions) * on_unit_sphere(unit[:, 1:])


def on_unit_sphere(unit: Tensor) -> Tensor:
    """Points of a cube (N, D − 1) → of the sphere of radius 1 (N, D), D > 1, uniformly distributed if those are."""
    angle = 2 * math.pi * unit[:, :1]
    circle = torch.cat([angle.cos(), angle.sin()], dim=1)
    if unit.shape[1] == 1:
        return circle
    others = in_unit_ball(unit[:, 1:])
    radius = (1 - others.square().sum(dim=1, keepdim=True)).clamp(min=0).sqrt()
    return torch.cat([radius * circle, others], dim=1)
