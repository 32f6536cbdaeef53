"""Where something holds: domains, their regions, and the points of these. One file a domain."""

from cnn_core.domains.box import Box
from cnn_core.domains.domain import Domain, Interval, Shape, Time
from cnn_core.domains.piece import Located, Piece
from cnn_core.domains.sampling import SAMPLINGS, Sampling, lattice, unit_points

__all__ = [
    "SAMPLINGS",
    "Box",
    "Domain",
    "Interval",
    "Located",
    "Piece",
    "Sampling",
    "Shape",
    "Time",
    "lattice",
    "unit_points",
]
