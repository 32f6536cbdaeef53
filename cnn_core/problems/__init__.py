"""The problems that come with the package, by name: functions whose keyword arguments are their options."""

from collections.abc import Callable, Mapping

from cnn_core.problem import Problem
from cnn_core.problems.synthetic import synthetic
from cnn_core.problems.viscous_flow import viscous_flow
from cnn_core.problems.waves import helmholtz, pythagorean, truth

PROBLEMS: Mapping[str, Callable[..., Problem]] = {
    "helmholtz": helmholtz,
    "pythagorean": pythagorean,
    "truth": truth,
    "viscous-flow": viscous_flow,
    "synthetic": synthetic,
}

__all__ = ["PROBLEMS", "helmholtz", "pythagorean", "synthetic", "truth", "viscous_flow"]
