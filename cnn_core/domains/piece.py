"""Pieces: what regions are made of, and how many points each gets.

A piece is the image of a unit cube under a map that keeps measure up to a factor: a face of a box, a sphere, an edge.
Some maps leave points out, those outside of the domain, so that what remains of a piece is found by rejection.

Axis names: N points, D coordinates, d dimensions of a piece, at most D.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cnn_core.domains.sampling import Sampling, lattice, require_points, unit_points

PILOTS = (1 << 13, 1 << 20)
"""Points that find out how much of each piece is left, and those that look again where there seems to be nothing."""

FEWEST_PILOTS = 64
MOST_TRIED = 1 << 22
"""Points of one piece that are tried at most."""

SEED_STEP = 15_485_863
"""Between the seeds of two pieces."""


class Located(NamedTuple):
    """Points x (N, D) in float64 on the CPU, and on boundaries the outward unit normals (N, D), 0 in time."""

    x: Tensor
    normal: Tensor | None = None

    def at(self, index: Tensor) -> "Located":
        """The points of an index, or where a mask holds."""
        return Located(self.x[index], None if self.normal is None else self.normal[index])


@dataclass(frozen=True)
class Piece:
    """A part of a region: `place` maps points (N, d) of the unit cube to those of them that are in the domain.

    `measure` is that of the whole image, before any is left out; that of a point is 1.
    """

    measure: float
    dimensions: int
    place: Callable[[Tensor], Located]
    rejects: bool = False

    def where(self, keep: Callable[[Located], Tensor]) -> "Piece":
        """The part of it where `keep`, (N,) bool, holds."""

        def place(unit: Tensor) -> Located:
            located = self.place(unit)
            return located.at(keep(located))

        return Piece(self.measure, self.dimensions, place, rejects=True)

    def turned(self) -> "Piece":
        """The same with its normals turned around, as the other side sees it."""

        def place(unit: Tensor) -> Located:
            x, normal = self.place(unit)
            return Located(x, None if normal is None else -normal)

        return Piece(self.measure, self.dimensions, place, self.rejects)


def draw(pieces: Sequence[Piece], count: int, sampling: Sampling, *, seed: int) -> Located:
    """`count` points of all pieces: of each in proportion to what is left of it, at least one if there are enough.

    Points of different pieces alternate. Raises ValueError where nothing is left.
    """
    require_points(count, sampling)
    left = _left(pieces)
    counts = shares([piece.measure * share for piece, share in zip(pieces, left, strict=True)], count)
    drawn = [
        _fill(piece, number, share, sampling, seed + SEED_STEP * index)
        for index, (piece, number, share) in enumerate(zip(pieces, counts, left, strict=True))
        if number
    ]
    places = torch.cat([(torch.arange(len(part.x), dtype=torch.float64) + 0.5) / len(part.x) for part in drawn])
    order = places.argsort(stable=True)
    normals = [part.normal for part in drawn if part.normal is not None]
    return Located(torch.cat([part.x for part in drawn]), torch.cat(normals) if normals else None).at(order)


def shares(measures: Sequence[float], count: int) -> list[int]:
    """How many of `count` points each piece gets: in proportion, spread evenly where there are fewer than pieces.

    Where there are enough, each piece of some measure gets at least one, which the largest number gives away.
    """
    if len(measures) == 1:
        return [count]
    ends = torch.tensor(measures, dtype=torch.float64).cumsum(0)
    if not 0 < float(ends[-1]) < math.inf:
        raise ValueError(f"its measure is {float(ends[-1])}, which no number holds exactly enough; choose other units")
    ends = (count * (ends / ends[-1].clone()) + 0.5).floor().long()
    numbers = ends.diff(prepend=torch.zeros(1, dtype=torch.long)).tolist()
    some = [index for index, measure in enumerate(measures) if measure > 0]
    for index in some if count >= len(some) else ():
        if numbers[index] == 0:
            numbers[numbers.index(max(numbers))] -= 1
            numbers[index] = 1
    return numbers


def _left(pieces: Sequence[Piece]) -> list[float]:
    """The share of each piece that is in the domain, 1 of those that leave nothing out."""
    total = sum(piece.measure for piece in pieces)
    for pilots in PILOTS:
        left = [_share(piece, pilots, total) if piece.rejects else 1.0 for piece in pieces]
        if any(left):
            return left
    raise ValueError(f"nothing of it is in the domain, as {PILOTS[-1]} points show; make what is cut out of it smaller")


def _share(piece: Piece, pilots: int, total: float) -> float:
    own = max(FEWEST_PILOTS, round(pilots * piece.measure / total)) if 0 < total < math.inf else FEWEST_PILOTS
    return len(piece.place(lattice(own, piece.dimensions)).x) / own


def _fill(piece: Piece, count: int, share: float, sampling: Sampling, seed: int) -> Located:
    """`count` points of a piece of which about this share is left; a few too many are left out evenly."""
    tried = math.ceil(count / share)
    while tried <= max(MOST_TRIED, count):
        located = piece.place(unit_points(tried, piece.dimensions, sampling, seed=seed))
        if (found := len(located.x)) >= count:
            return located if found == count else located.at(torch.arange(count) * found // count)
        tried += math.ceil(1.1 * (count - found) / share)
    raise ValueError(
        f"too little of it is in the domain: {count} points need more than {MOST_TRIED} tries; ask for fewer"
    )
