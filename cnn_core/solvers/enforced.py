"""What a projection enforces beside the PDE: each condition of a problem, at points of its own region.

Axis names: n points, D coordinates, K parameters, E numbers attached to a point.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.domains import Sampling
from cnn_core.problems import INTERIOR, Problem, ProblemError, Split, by_region, require_region, sample_regions
from cnn_core.solvers.rows import Points

FEWER = 4
"""A message proposes so many times fewer points of a boundary than of the interior."""


@dataclass(frozen=True, eq=False)
class Enforced:
    """The condition `key`: the residuals `rows` of a region, at x (n, D) with `attached` (n, E)."""

    key: str
    region: str
    rows: tuple[str, ...]
    x: Tensor
    attached: Tensor | None

    def points(self, model: ConstrainedNetwork, p: Tensor) -> Points:
        """The points for the wave p (K,), where the quantities are the condition's alone."""
        model = model.on(self.region)
        x, p = self.x.to(p), p.expand(len(self.x), -1)
        constants = p if self.attached is None else torch.cat([p, self.attached.to(p)], dim=1)
        return Points(model.with_problem(model.problem.only(self.rows)), x, constants)


def enforced(
    problem: Problem, points: Mapping[str, int], inside: Tensor, sampling: Sampling, *, seed: int = 0
) -> list[Enforced]:
    """The conditions of a problem: at so many points of their regions, or at their own.

    Those on the interior hold where the PDE does, at `inside` (n, D).
    """
    counts = {region: count for region, count in points.items() if region != INTERIOR and count > 0}
    split = Split(dict.fromkeys(problem.given, (1.0,)), counts, sampling)
    drawn = sample_regions(replace(problem, scale=None), split, seed=seed)  # of one wave, whichever
    places = {INTERIOR: (inside, None)} | {region: (part.x, part.attached) for region, part in drawn.items()}
    return [
        Enforced(key, region, _rows_of(problem, region, key), *places[region])
        for key in problem.conditions
        if (region := problem.region_of[key]) in places
    ]


def _rows_of(problem: Problem, region: str, key: str) -> tuple[str, ...]:
    owners = problem.on(region).region.owners
    return tuple(row for row in owners if owners[row] == key)


def require_points(problem: Problem, points: int | Mapping[str, int]) -> None:
    """Raises ProblemError unless the numbers of points say of each region with conditions whether they are enforced."""
    counts = by_region(points)
    with_conditions = dict.fromkeys(str(one.on) for one in problem.conditions.values() if not one.at_points)
    for region in counts:
        require_region(problem, region)
        if region not in (INTERIOR, *with_conditions):
            raise ProblemError(f"points.{region}: problem {problem.name!r} has no condition there; remove it")
    if missing := [region for region in with_conditions if region not in (INTERIOR, *counts)]:
        proposed = {**counts, **{region: _proposed(problem, region, counts[INTERIOR]) for region in missing}}
        written = ", ".join(f"{region}: {count}" for region, count in proposed.items())
        raise ProblemError(
            f"points has none on {', '.join(missing)}, where problem {problem.name!r} has conditions; write e.g. "
            f"points: {{{written}}}, with 0 where conditions are not to be enforced"
        )


def _proposed(problem: Problem, region: str, inside: int) -> int:
    """So many points of a region, but no point twice."""
    located = problem.domain.sample(region, max(1, inside // FEWER), "uniform")
    return len(located.x.unique(dim=0))
