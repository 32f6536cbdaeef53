"""A polygon in the plane, over all times if it has a time. It needs shapely.

Axis names: N points, D coordinates.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from cnn_core.domains.box import Box
from cnn_core.domains.cylinder import over_time, require_time, with_time
from cnn_core.domains.domain import Interval, Time, contained, ends_of, magnitudes, sampled
from cnn_core.domains.piece import Located, Piece
from cnn_core.domains.sampling import Sampling

Vertex = tuple[float, float]


@dataclass(frozen=True)
class Polygon:
    """`vertices` in order around it, in either direction; `coordinates` names the two of the plane.

    `time` is a name and an interval, the last coordinate. Regions: `interior`; `boundary`; `initial` and `final`;
    `edge 0` from the first vertex to the second, `edge 1` …. Raises ValueError where edges cross.
    """

    vertices: Sequence[Vertex]
    coordinates: tuple[str, ...] = ("x", "y")
    time: Time | None = None

    def __post_init__(self) -> None:
        named = () if self.time is None else self.time[:1]
        plane = self.coordinates[:2]
        if self.coordinates not in (plane, (*plane, *named)) or len(set(plane)) < 2:
            raise ValueError(
                f"polygon: coordinates must be the two different names of its plane, got {self.coordinates}"
            )
        require_time("polygon", plane, self.time)
        object.__setattr__(self, "coordinates", (*plane, *named))
        object.__setattr__(self, "vertices", _checked(self.vertices))
        shapely = _shapely()
        if not self._shape.is_valid:
            raise ValueError(
                f"polygon: its edges cross or touch ({shapely.is_valid_reason(self._shape)}); list the vertices in "
                "order around it"
            )

    @property
    def box(self) -> Mapping[str, Interval]:
        return with_time(self._plane, self.time)

    @property
    def span(self) -> Time | None:
        return self.time

    @property
    def regions(self) -> tuple[str, ...]:
        return ("interior", "boundary", *ends_of(self.time), *self._edges())

    def sample(self, region: str, count: int, sampling: Sampling = "random", *, seed: int = 0) -> Located:
        return sampled(self, region, count, sampling, seed=seed)

    def contains(self, x: Tensor) -> Tensor:
        return contained(self, x)

    def depth(self, x: Tensor) -> Tensor:
        shapely, plane = _shapely(), x[:, :2]
        points = shapely.points(plane.detach().cpu().double().numpy())
        distance = torch.from_numpy(shapely.distance(self._shape.exterior, points)).to(x)
        return torch.where(self._covers(plane).to(x.device), distance, -distance) / magnitudes(self._plane).max().to(x)

    def pieces(self, region: str) -> tuple[Piece, ...]:
        edges = self._edges()
        if region in edges:
            return (over_time(edges[region], region, self.time),)
        if region == "boundary":
            return tuple(over_time(edge, region, self.time) for edge in edges.values())
        (rectangle,) = Box(self._plane).pieces("interior")
        return (over_time(rectangle, region, self.time).where(lambda located: self._covers(located.x[:, :2])),)

    def _covers(self, x: Tensor) -> Tensor:
        """Which of x (N, 2) are in the polygon, (N,), whatever rounding makes of its boundary."""
        return torch.from_numpy(_shapely().intersects_xy(self._shape, *x.detach().cpu().double().numpy().T))

    def _edges(self) -> dict[str, Piece]:
        ends = [*self.vertices[1:], self.vertices[0]]
        return {f"edge {index}": self._edge(*edge) for index, edge in enumerate(zip(self.vertices, ends, strict=True))}

    def _edge(self, start: Vertex, end: Vertex) -> Piece:
        low, high = torch.tensor([start, end], dtype=torch.float64)
        length = math.dist(start, end)
        along = (high - low) / length
        outwards = torch.stack([along[1], -along[0]]) * (1 if self._shape.exterior.is_ccw else -1)
        return Piece(length, 1, lambda unit: Located(low + (high - low) * unit, outwards.repeat(len(unit), 1)))

    @property
    def _plane(self) -> Mapping[str, Interval]:
        x, y = zip(*self.vertices, strict=True)
        return {self.coordinates[0]: (min(x), max(x)), self.coordinates[1]: (min(y), max(y))}

    @cached_property
    def _shape(self) -> Any:
        shapely = _shapely()
        shape = shapely.Polygon(self.vertices)
        shapely.prepare(shape)
        return shape


def _checked(vertices: Sequence[Vertex]) -> tuple[Vertex, ...]:
    """Three or more different corners, without the first once more at the end."""
    corners = tuple((float(x), float(y)) for x, y in vertices)
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners = corners[:-1]
    if len(corners) < 3:
        raise ValueError(f"polygon: it needs at least three vertices, got {len(corners)}")
    for index, corner in enumerate(corners):
        if not all(map(math.isfinite, corner)):
            raise ValueError(f"polygon: vertex {index} must be finite, got {corner}")
        if corner == corners[index - 1]:
            raise ValueError(f"polygon: vertex {index} is {corner} like the one before; write it once")
    return corners


def _shapely() -> ModuleType:
    try:
        import shapely
    except ImportError:
        raise ImportError("polygon: it needs shapely; install it by pip install 'cnn-study[geometry]'") from None
    return shapely
