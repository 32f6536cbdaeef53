"""Where something holds: domains, their regions, and the points of these. One file a domain."""

from cnn_core.domains.ball import Ball
from cnn_core.domains.box import Box
from cnn_core.domains.domain import Domain, Interval, Shape, Time, nearly_contained
from cnn_core.domains.piece import Located, Piece
from cnn_core.domains.polygon import Polygon
from cnn_core.domains.sampling import SAMPLINGS, Sampling, lattice, unit_points
from cnn_core.domains.union import Union
from cnn_core.domains.without import Without

__all__ = [
    "SAMPLINGS",
    "Ball",
    "Box",
    "Domain",
    "Interval",
    "Located",
    "Piece",
    "Polygon",
    "Sampling",
    "Shape",
    "Time",
    "Union",
    "Without",
    "lattice",
    "nearly_contained",
    "unit_points",
]
