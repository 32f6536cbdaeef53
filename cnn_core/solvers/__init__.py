"""Projection solvers, by name. A new one is a file here and a line below."""

from collections.abc import Mapping

from cnn_core.solvers.adam import AdamProjection
from cnn_core.solvers.least_squares import LeastSquaresSolver
from cnn_core.solvers.lm import LevenbergMarquardt, seeks_data
from cnn_core.solvers.solver import ProjectionStatus, Solution, Solver

SOLVERS: Mapping[str, type[Solver]] = {
    "adam": AdamProjection,
    "least-squares": LeastSquaresSolver,
    "lm": LevenbergMarquardt,
}

__all__ = [
    "SOLVERS",
    "AdamProjection",
    "LeastSquaresSolver",
    "LevenbergMarquardt",
    "ProjectionStatus",
    "Solution",
    "Solver",
    "seeks_data",
]
