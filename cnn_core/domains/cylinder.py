"""Cylinders: a shape in space, over all times. Points hold the time last.

Axis names: N points, D coordinates, d dimensions of a piece.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from cnn_core.domains.domain import Interval, Time, ends_of, require_interval
from cnn_core.domains.piece import Located, Piece


def require_time(what: str, coordinates: tuple[str, ...], time: Time | None) -> None:
    """Raises ValueError where a coordinate has the time's name, or its interval is none."""
    if time is None:
        return
    if time[0] in coordinates:
        raise ValueError(f"{what}: the time {time[0]!r} is a coordinate in space; give it another name")
    require_interval(what, *time)


def with_time(space: Mapping[str, Interval], time: Time | None) -> Mapping[str, Interval]:
    """The bounding box in space and time."""
    return dict(space) if time is None else {**space, time[0]: time[1]}


def over_time(space: Piece, region: str, time: Time | None) -> Piece:
    """The piece of a region whose part in space this is: at the beginning, at the end, or over all times.

    A piece that leaves points out is none in space.
    """
    if time is None:
        return space
    low, high = time[1]
    if region in ends_of(time):
        value = low if region == "initial" else high
        return Piece(space.measure, space.dimensions, lambda unit: _joined(space, unit, value))
    measure = space.measure * (high - low)
    return Piece(
        measure, space.dimensions + 1, lambda unit: _joined(space, unit[:, :-1], low + (high - low) * unit[:, -1:])
    )


def _joined(space: Piece, unit: Tensor, time: Tensor | float) -> Located:
    """The piece's points for `unit` (N, d), each at its time (N, 1) or all at one."""
    x, normal = space.place(unit)
    times = torch.as_tensor(time, dtype=torch.float64).expand(len(x), 1)
    flat = torch.zeros_like(times)
    return Located(torch.cat([x, times], dim=1), None if normal is None else torch.cat([normal, flat], dim=1))
