"""A box: the product of one interval for each coordinate, of which one may be the time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_core.domains.domain import Interval, Time, contained, ends_of, magnitudes, require_interval, sampled
from cnn_core.domains.piece import Located, Piece
from cnn_core.domains.sampling import Sampling, grid


@dataclass(frozen=True)
class Box:
    """`sides` maps each coordinate to its interval; `time` names the one that is the time, if there is one.

    Regions: `interior`; `boundary`, all faces in space, over all times; `initial` and `final`; each face in space by
    its name, `x=0`, `x=1` …. Raises ValueError where an interval is none.
    """

    sides: Mapping[str, Interval]
    time: str | None = None

    def __post_init__(self) -> None:
        if not self.sides:
            raise ValueError("box: sides is empty; name at least one coordinate")
        for coordinate, interval in self.sides.items():
            require_interval("box", coordinate, interval)
        if self.time is not None and self.time not in self.sides:
            raise ValueError(
                f"box: the time {self.time!r} is no coordinate; write one of: {', '.join(self.sides)}, or None"
            )

    @property
    def coordinates(self) -> tuple[str, ...]:
        return tuple(self.sides)

    @property
    def box(self) -> Mapping[str, Interval]:
        return self.sides

    @property
    def span(self) -> Time | None:
        return None if self.time is None else (self.time, self.sides[self.time])

    @property
    def regions(self) -> tuple[str, ...]:
        faces = tuple(self._faces())
        return ("interior", *(("boundary",) if faces else ()), *ends_of(self.span), *faces)

    def sample(self, region: str, count: int, sampling: Sampling = "random", *, seed: int = 0) -> Located:
        """`uniform` in the interior is a grid with the ends of every side: in D dimensions it needs count = k^D."""
        if region == "interior" and sampling == "uniform" and count > 0:
            return self._place({}, None, grid(count, len(self.sides)))
        return sampled(self, region, count, sampling, seed=seed)

    def contains(self, x: Tensor) -> Tensor:
        return contained(self, x)

    def depth(self, x: Tensor) -> Tensor:
        low, high = (side.to(x) for side in self._ends())
        depths = torch.minimum(x - low, high - x) / magnitudes(self.sides).to(x)
        space = [name != self.time for name in self.sides]
        return depths[:, space].amin(dim=1) if any(space) else depths.new_ones(len(x))

    def pieces(self, region: str) -> tuple[Piece, ...]:
        faces = self._faces()
        if region in faces:
            return (self._slice(*faces[region]),)
        if region == "boundary":
            return tuple(self._slice(*face) for face in faces.values())
        if region == "interior":
            return (self._slice({}),)
        assert self.time is not None
        low, high = self.sides[self.time]
        return (self._slice({self.time: low if region == "initial" else high}),)

    def _faces(self) -> dict[str, tuple[dict[str, float], Tensor]]:
        """Face in space → the coordinate that is fixed there, and the normal (D,)."""
        faces: dict[str, tuple[dict[str, float], Tensor]] = {}
        for axis, (name, (low, high)) in enumerate(self.sides.items()):
            if name != self.time:
                alike = f"{low:g}" == f"{high:g}"
                for value, sign in ((low, -1.0), (high, 1.0)):
                    normal = torch.zeros(len(self.sides), dtype=torch.float64)
                    normal[axis] = sign
                    faces[f"{name}={value + 0.0!r}" if alike else f"{name}={value + 0.0:g}"] = {name: value}, normal
        return faces

    def _slice(self, fixed: Mapping[str, float], normal: Tensor | None = None) -> Piece:
        """The part of the box where some coordinates are fixed."""
        lengths = [high - low for name, (low, high) in self.sides.items() if name not in fixed]
        return Piece(math.prod(lengths), len(lengths), lambda unit: self._place(fixed, normal, unit))

    def _place(self, fixed: Mapping[str, float], normal: Tensor | None, unit: Tensor) -> Located:
        """Points (N, d) of the unit cube, where the coordinates are free."""
        low, high = self._ends()
        free = [axis for axis, name in enumerate(self.sides) if name not in fixed]
        x = torch.tensor([fixed.get(name, 0.0) for name in self.sides], dtype=torch.float64).repeat(len(unit), 1)
        x[:, free] = low[free] + (high - low)[free] * unit
        return Located(x, None if normal is None else normal.expand_as(x).clone())

    def _ends(self) -> tuple[Tensor, Tensor]:
        low, high = torch.tensor(list(self.sides.values()), dtype=torch.float64).T
        return low, high
