"""What should hold: what a problem is, its points and conditions, and the problems that come with the package.

The latter are functions by name, whose keyword arguments are their options. A new one is a file here and a line below.
"""

from collections.abc import Callable, Mapping

from cnn_core.problems.burgers import burgers
from cnn_core.problems.condition import Condition
from cnn_core.problems.functions import ProblemError, Residual, Scale, Solution
from cnn_core.problems.heat import heat
from cnn_core.problems.heat_source import heat_source
from cnn_core.problems.helmholtz_plane import helmholtz_2d
from cnn_core.problems.known import with_known
from cnn_core.problems.korteweg_de_vries import kdv
from cnn_core.problems.kovasznay import kovasznay
from cnn_core.problems.points import (
    PointSet,
    Split,
    collocation_points,
    redrawn,
    require_region,
    require_scales,
    sample,
    sample_regions,
)
from cnn_core.problems.poisson import poisson, poisson_hole
from cnn_core.problems.problem import Problem
from cnn_core.problems.region import DATA, INTERIOR, by_region
from cnn_core.problems.synthetic import synthetic
from cnn_core.problems.unknown import Unknown
from cnn_core.problems.vibrations import beam, wave
from cnn_core.problems.viscous_flow import viscous_flow
from cnn_core.problems.waves import helmholtz, pythagorean, truth

PROBLEMS: Mapping[str, Callable[..., Problem]] = {
    "helmholtz": helmholtz,
    "pythagorean": pythagorean,
    "truth": truth,
    "viscous-flow": viscous_flow,
    "synthetic": synthetic,
    "poisson": poisson,
    "poisson-hole": poisson_hole,
    "helmholtz-2d": helmholtz_2d,
    "heat": heat,
    "heat-source": heat_source,
    "burgers": burgers,
    "kovasznay": kovasznay,
    "kdv": kdv,
    "wave": wave,
    "beam": beam,
}

__all__ = [
    "DATA",
    "INTERIOR",
    "PROBLEMS",
    "Condition",
    "PointSet",
    "Problem",
    "ProblemError",
    "Residual",
    "Scale",
    "Solution",
    "Split",
    "Unknown",
    "beam",
    "burgers",
    "by_region",
    "collocation_points",
    "heat",
    "heat_source",
    "helmholtz",
    "helmholtz_2d",
    "kdv",
    "kovasznay",
    "poisson",
    "poisson_hole",
    "pythagorean",
    "redrawn",
    "require_region",
    "require_scales",
    "sample",
    "sample_regions",
    "synthetic",
    "truth",
    "viscous_flow",
    "wave",
    "with_known",
]
