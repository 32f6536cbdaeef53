"""A domain with a hole: the whole without the inside of another. Its points are found by rejection."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_core.domains.domain import Interval, Shape, Time, beside, contained, ends_of, inside, require_alike, sampled
from cnn_core.domains.piece import Located, Piece
from cnn_core.domains.sampling import Sampling


@dataclass(frozen=True)
class Without:
    """`whole` without the inside of `hole`, which may reach beyond it; both have the same coordinates and time.

    Regions: `interior`; `boundary`, which is `outer`, what is left of the whole's, and `hole`, what of the hole's
    boundary lies in the whole, with normals that point into the hole; `initial` and `final`; the whole's faces.
    """

    whole: Shape
    hole: Shape

    def __post_init__(self) -> None:
        require_alike("without", (self.whole, self.hole))

    @property
    def coordinates(self) -> tuple[str, ...]:
        return self.whole.coordinates

    @property
    def box(self) -> Mapping[str, Interval]:
        return self.whole.box

    @property
    def span(self) -> Time | None:
        return self.whole.span

    @property
    def regions(self) -> tuple[str, ...]:
        own = ("interior", "boundary", "outer", "hole", *ends_of(self.span))
        return (*own, *(face for face in self.whole.regions if face not in own))

    def sample(self, region: str, count: int, sampling: Sampling = "random", *, seed: int = 0) -> Located:
        return sampled(self, region, count, sampling, seed=seed)

    def contains(self, x: Tensor) -> Tensor:
        return contained(self, x)

    def depth(self, x: Tensor) -> Tensor:
        return torch.minimum(self.whole.depth(x), -self.hole.depth(x))

    def pieces(self, region: str) -> tuple[Piece, ...]:
        if region == "boundary":
            return (*self.pieces("outer"), *self.pieces("hole"))
        if region == "hole":
            return tuple(piece.turned().where(self._in_the_whole) for piece in self.hole.pieces("boundary"))
        if region in ("interior", *ends_of(self.span)):
            return tuple(piece.where(self._not_in_the_hole) for piece in self.whole.pieces(region))
        outer = self.whole.pieces("boundary" if region == "outer" else region)
        return tuple(piece.where(self._beside_no_hole) for piece in outer)

    def _not_in_the_hole(self, located: Located) -> Tensor:
        return ~inside(self.hole, located.x)

    def _beside_no_hole(self, located: Located) -> Tensor:
        return ~self.hole.contains(beside(self, located, -1))

    def _in_the_whole(self, located: Located) -> Tensor:
        """On both sides, so that no edge that the two share counts twice."""
        return self.whole.contains(beside(self, located, 1)) & self.whole.contains(beside(self, located, -1))
