"""A union of domains, which may overlap or touch. Its points are found by rejection."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cnn_core.domains.domain import Interval, Shape, Time, beside, contained, ends_of, require_alike, sampled
from cnn_core.domains.piece import Located, Piece
from cnn_core.domains.sampling import Sampling


@dataclass(frozen=True, init=False)
class Union:
    """All that is in one of the members, which have the same coordinates and the same time.

    Regions: `interior`; `boundary`, what of the members' boundaries lies in no other member; `initial` and `final`.
    """

    members: tuple[Shape, ...]

    def __init__(self, *members: Shape) -> None:
        if not members:
            raise ValueError("union: it has no member; give at least one domain")
        require_alike("union", members)
        object.__setattr__(self, "members", members)

    @property
    def coordinates(self) -> tuple[str, ...]:
        return self.members[0].coordinates

    @property
    def box(self) -> Mapping[str, Interval]:
        boxes = [member.box for member in self.members]
        return {name: (min(box[name][0] for box in boxes), max(box[name][1] for box in boxes)) for name in boxes[0]}

    @property
    def span(self) -> Time | None:
        return self.members[0].span

    @property
    def regions(self) -> tuple[str, ...]:
        return ("interior", "boundary", *ends_of(self.span))

    def sample(self, region: str, count: int, sampling: Sampling = "random", *, seed: int = 0) -> Located:
        return sampled(self, region, count, sampling, seed=seed)

    def contains(self, x: Tensor) -> Tensor:
        return contained(self, x)

    def depth(self, x: Tensor) -> Tensor:
        return torch.stack([member.depth(x) for member in self.members]).amax(dim=0)

    def pieces(self, region: str) -> tuple[Piece, ...]:
        return tuple(
            piece.where(lambda located, index=index: self._keeps(index, located))
            for index, member in enumerate(self.members)
            for piece in member.pieces(region)
        )

    def _keeps(self, index: int, located: Located) -> Tensor:
        """Which points of a member no earlier one has, and, on its boundary, no other has just outwards."""
        left = torch.ones(len(located.x), dtype=torch.bool)
        for member in self.members[:index]:
            left &= ~member.contains(located.x)
        if located.normal is not None:
            outwards = beside(self, located, 1)
            for member in self.members[:index] + self.members[index + 1 :]:
                left &= ~member.contains(outwards)
        return left
