"""Whether a problem's exact solution u* satisfies its residual: if not, one of the two has a mistake.

The residual r(u*) is measured in errors of u. A smooth disturbance δ of the size of u* changes the residual by about
r(u* + ε δ) − r(u*), so that r(u*) is as much as a relative error in u would leave of

    ε |r(u*)| / |r(u* + ε δ) − r(u*)|,

with root mean squares over points. This has no unit, and no factor of the residual or of u changes it. In float64 a
residual without a mistake is below 1e-8 of u, a sign or a factor that is wrong mostly above 1e-2.

Axis names: N points, D coordinates, K parameters, O outputs, C constraints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cnn_core.divergence import at
from cnn_core.problems import PointSet, Problem, Solution

LARGEST_ERROR = 1e-4
"""Relative to u. More is told; less is left to solutions that are sums of series, or have constants in float32."""

DISTURBANCE = 0.01
"""ε: small, so that δ is seen in proportion by a nonlinear residual, too."""

MOST_POINTS = 2000
"""Of those given, so many are looked at, evenly spread."""


@dataclass(frozen=True)
class Misfit:
    """A residual that the exact solution violates: its scaled `value` where it is largest, at `x` (D,) for `p` (K,).

    `error` is the relative error in u that would leave as much.
    """

    residual: str
    value: float
    x: Tensor
    p: Tensor
    error: float

    def __str__(self) -> str:
        size = (
            f"as much as an error of {100 * self.error:.2g} % in u"
            if self.error < 1
            else "more than an error of 100 % in u"
        )
        return (
            f"the exact solution does not satisfy the residual {self.residual!r}: it is {self.value:.3g}"
            f"{at(self.x, self.p)}, {size}; look for a mistake in the residual, the solution or the scale"
        )


def misfits(problem: Problem, *parts: PointSet) -> list[Misfit]:
    """The residuals that the problem's solution violates at these points, in the order of its constraints.

    Where a derivative of the solution is not finite, or has no rule, nothing is said.
    """
    points = _spread(parts)
    try:
        exact = _residuals(problem, problem.solution, points)
        disturbed = _residuals(problem, _disturbed(problem, points), points)
    except Exception:  # a solution that cannot be differentiated is as good as data
        return []
    sizes, effects = _root_mean_square(exact), _root_mean_square(disturbed - exact)
    found: list[Misfit] = []
    for index, name in enumerate(problem.constraints):
        error = DISTURBANCE * float(sizes[index]) / max(float(effects[index]), torch.finfo(torch.float64).tiny)
        if error > LARGEST_ERROR:
            worst = int(exact[:, index].abs().nan_to_num(0.0, 0.0).argmax())
            found.append(Misfit(name, float(exact[worst, index]), points.x[worst], points.p[worst], error))
    return found


def _spread(parts: Sequence[PointSet]) -> PointSet:
    count = sum(map(len, parts))
    index = torch.linspace(0, count - 1, min(count, MOST_POINTS), dtype=torch.float64).long()
    x, p, u = (torch.cat([getattr(points, name) for points in parts])[index].double() for name in ("x", "p", "u"))
    attached = [points.attached for points in parts if points.attached is not None]
    return PointSet(x, p, u, 1, attached=torch.cat(attached)[index].double() if attached else None)


def _residuals(problem: Problem, solution: Solution, points: PointSet) -> Tensor:
    """The scaled residuals (N, C) of a solution."""

    solved = replace(problem, solution=solution)

    def at_point(x: Tensor, p: Tensor) -> Tensor:
        return problem.point_residuals(solved.exact_field(x, p), x, p, scaled=True)

    return torch.vmap(at_point)(points.x, problem.complete(points.constants, problem.truths)).detach()


def _disturbed(problem: Problem, points: PointSet) -> Callable[[Tensor, Tensor], Tensor]:
    """u* + ε δ: δ is a chirp in every output, which no linear equation with constant coefficients lets pass."""
    low, high = torch.tensor(list(problem.box.values()), dtype=torch.float64).T
    sizes = _root_mean_square(points.u)
    sizes = torch.where(sizes > 0, sizes, sizes.max() if sizes.max() > 0 else torch.ones_like(sizes))
    waves = torch.arange(2, 2 + len(low), dtype=torch.float64)
    shifts = torch.arange(len(sizes), dtype=torch.float64)

    def solution(x: Tensor, p: Tensor) -> Tensor:
        unit = (x - low) / (high - low)
        phase = (waves * unit + unit.square()).sum() + shifts
        return problem.solution(x, p) + DISTURBANCE * sizes * torch.cos(phase)

    return solution


def _root_mean_square(values: Tensor) -> Tensor:
    """Over the first axis, without what is not finite."""
    finite = torch.isfinite(values)
    return (values.where(finite, 0.0).square().sum(dim=0) / finite.sum(dim=0).clamp(min=1)).sqrt()
