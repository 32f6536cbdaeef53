"""The nearest general solution of a nonlinear ODE of first order, in two stages.

Such an equation may have solutions that are glued together from pieces, each nearer to u₀ than a smooth one. Its
explicit form e (`cnn_core.problems.explicit`) is not satisfied by these. First, the nearest u₁ that satisfies e is
looked for; then, with e enforced, the nearest solution to u₁ in the norm |u|² + ℓ² |u'|², ℓ = |u₀|/|u₀'|.
"""

from collections.abc import Sequence

from torch import Tensor

from cnn_core.problems.explicit import EXPLICIT, SLOPE
from cnn_core.solvers.continuation import Continuation
from cnn_core.solvers.wave import CONSTRAINTS, U

NEAR = 4
"""One general solution stays near another at every fourth point: e is enforced at all of them, and where it vanishes, r
is constant, so that there are few to choose from."""


def has_shape(way: Continuation) -> bool:
    """Whether u₀ and its slope are not zero: a constant has no slope to tell solutions apart by."""
    sizes = [float(way.wave.part(name, way.at_start).square().mean()) for name in (U, SLOPE)]
    return min(sizes) > 0


def find_general_solution(way: Continuation) -> None:
    """Move to the nearest general solution; `way` has the quantities of one, and u₀ has a shape."""
    wave = way.wave
    value, slope = (wave.part(name, way.at_start).square().mean().sqrt() for name in (U, SLOPE))
    length = float(value / slope)
    unit = length**2  # e in the units of u

    def explicit_error(quantities: Sequence[Tensor]) -> float:
        return unit**2 * float(wave.part(EXPLICIT, quantities).square().mean())

    weight = way.enforce(wave.rows(fixed={U: 1}, growing={EXPLICIT: unit}, near=way.at_start), error=explicit_error)
    held = wave.rows(fixed={EXPLICIT: weight * unit})
    near = wave.rows(fixed={U: 1, SLOPE: length}, growing={CONSTRAINTS: 1}, near=way.quantities())
    way.enforce(held, near.every(NEAR), growth=way.growth**2)  # from one general solution to another: an easy way
