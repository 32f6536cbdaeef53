"""The explicit form of a nonlinear ODE: its derivative, solved for the highest derivative of u.

An equation r(u, u', x) = 0 that is nonlinear in u' may have *singular* solutions beside its *general* one, and
solutions that are glued together from both: u'² = k² (A² − u²) is solved by every A sin(kx + φ), by u = ±A, and by
waves that rest at ±A for a while. Ritt's criterion tells them apart: along singular solutions the separant
S = ∂r/∂u' vanishes. What is left of the differentiated equation,

    e = (dr/dx) / S = u'' + (u' ∂r/∂u + ∂r/∂x) / S,

vanishes for the general solution and not for the others. e is found by differentiating the residual as it is written.

Reference: J. F. Ritt, Differential Algebra, AMS 1950, ch. II.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.func import grad_and_value

from cnn_core.derivatives import Field, Jet, Order
from cnn_core.problems.problem import Problem

EXPLICIT = "explicit"
"""The name of the residual e."""

SLOPE = "slope"
"""The name of the residual u'."""


def with_explicit_form(problem: Problem) -> Problem:
    """The problem with e as its first residual, and u' as its last; both unscaled.

    Raises ValueError unless it is one equation of first order in one coordinate, for one output.
    """
    shape = (len(problem.axes), len(problem.outputs), len(problem.constraints))
    if shape != (1, 1, 1) or problem.order is not Order.GRADIENT:
        raise ValueError(
            f"problem {problem.name!r}: general solutions are told apart for one equation of first order in one "
            f"coordinate, got {len(problem.constraints)} of order {problem.order.name.lower()} in "
            f"{len(problem.axes)} coordinates for {len(problem.outputs)} outputs; write solutions: all"
        )
    (name,), coordinates = problem.constraints, problem.axes

    def residual(u: Field, x: Tensor, p: Tensor) -> Mapping[str, Tensor]:
        def equation(value: Tensor, gradient: Tensor, at: Tensor) -> Tensor:
            return problem.residual(Jet(value, gradient, coordinates=coordinates), at, p)[name]  # type: ignore[arg-type]

        value, slope, bend = u.value, u.gradient, u.laplacian[:, None]
        by_each, r = grad_and_value(equation, argnums=(0, 1, 2))(value, slope, x)
        by_value, separant, by_x = (derivative.sum() for derivative in by_each)  # of one entry each
        change = by_value * slope[0, 0] + separant * bend[0, 0] + by_x
        regular = separant != 0
        explicit = torch.where(regular, change / torch.where(regular, separant, 1.0), 0.0)
        return {EXPLICIT: explicit, name: r, SLOPE: slope[0, 0]}

    def scale(p: Tensor) -> Mapping[str, Tensor | float]:
        return defaultdict(lambda: 1.0, problem.scale(p) if problem.scale else {})

    return replace(problem, residual=residual, scale=scale)
