"""Points: where a problem is looked at, and the data there.

A `Split` says which waves and points a part of the data has; `sample` draws those of the interior as a `PointSet`, and
`sample_regions` those of every region.

Axis names: N points, D coordinates, K given parameters, E numbers attached to a point, O outputs.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from cnn_core.domains import Located, Sampling
from cnn_core.problems.condition import Condition
from cnn_core.problems.functions import ProblemError
from cnn_core.problems.problem import Problem
from cnn_core.problems.region import DATA, INTERIOR, by_region


@dataclass(frozen=True)
class Split:
    """Which waves and points a part of the data has: the grid of all parameter values, `points` points on each wave.

    `points` and `sampling` are those of the interior, or have those of each region by its name. All but `uniform` draw
    the points of every wave anew; `uniform` is an evenly spaced grid, in a box's interior with the intervals' ends.
    """

    parameters: Mapping[str, tuple[float, ...]]
    points: int | Mapping[str, int]
    sampling: Sampling | Mapping[str, Sampling] = "random"

    def __post_init__(self) -> None:
        for region, count in self.counts.items():
            if count < 1:
                where = "points" if isinstance(self.points, int) else f"points.{region}"
                raise ValueError(f"{where} must be at least 1, got {count}")
        if not isinstance(self.sampling, str):
            for region in self.sampling:
                if region not in self.counts:
                    raise ValueError(f"sampling.{region} has no points; write points.{region}, too, or remove it")
        for name, values in self.parameters.items():
            if not values:
                raise ValueError(f"{name} is empty; give at least one value")
            if not all(math.isfinite(value) for value in values):
                raise ValueError(f"{name} must be finite, got {list(values)}")

    @property
    def counts(self) -> Mapping[str, int]:
        """The points of a wave by region."""
        return by_region(self.points)

    def sampling_of(self, region: str) -> Sampling:
        """How the points of a region are drawn."""
        return self.sampling if isinstance(self.sampling, str) else self.sampling.get(region, "random")

    def waves(self, problem: Problem) -> Tensor:
        """All combinations of parameter values: (waves, K) in float64.

        Raises ValueError when the split's parameters are not the problem's.
        """
        wrong = set(self.parameters) ^ set(problem.given)
        if wrong:
            raise ValueError(
                f"problem {problem.name!r} has the parameters {', '.join(problem.given) or '(none)'}, "
                f"got {', '.join(self.parameters) or '(none)'}"
            )
        combinations = list(itertools.product(*(self.parameters[name] for name in problem.given)))
        return torch.tensor(combinations, dtype=torch.float64).reshape(len(combinations), len(problem.given))


SAME = 1e-6
"""How far, relatively, two values of a parameter may differ that are one: single precision has seven digits."""


@dataclass(frozen=True)
class PointSet:
    """Points with their data: x (N, D), p (N, K), u (N, O). The points of one wave stand together.

    `observed` says whether u is data at all. `weight` (N, O) weighs it, with the mean 1, and 0 where there is a gap;
    None: all alike. `attached` (N, E) is what a residual reads beside x and p: normals, or a condition's values.
    `sizes` counts the points of every wave, where they differ; a wave may have none.
    """

    x: Tensor
    p: Tensor
    u: Tensor
    waves: int
    observed: bool = True
    weight: Tensor | None = None
    attached: Tensor | None = None
    sizes: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def constants(self) -> Tensor:
        """p with what is attached behind it, (N, K + E)."""
        return self.p if self.attached is None else torch.cat([self.p, self.attached], dim=1)

    @property
    def known(self) -> Tensor:
        """u, nan for gaps."""
        return self.u if self.weight is None else self.u.masked_fill(self.weight == 0, math.nan)

    def to(self, *, dtype: torch.dtype, device: torch.device | str) -> "PointSet":
        return self._each(lambda tensor: tensor.to(dtype=dtype, device=device))

    @property
    def wave_sizes(self) -> tuple[int, ...]:
        """How many points each wave has."""
        return self.sizes or (len(self) // self.waves,) * self.waves

    def wave(self, index: int) -> "PointSet":
        """The points of one wave."""
        return self.of_waves([index])

    def of_waves(self, picked: Sequence[int]) -> "PointSet":
        """The points of some waves, in this order."""
        sizes = self.wave_sizes
        ends = list(itertools.accumulate(sizes, initial=0))
        index = torch.cat([torch.arange(ends[wave], ends[wave + 1], device=self.x.device) for wave in picked])
        own = tuple(sizes[wave] for wave in picked) if self.sizes and len(picked) > 1 else None
        return replace(self._each(lambda tensor: tensor[index]), waves=len(picked), sizes=own)

    def of(self, p: Tensor) -> "PointSet":
        """The points whose parameters are p (K,), up to rounding, as if they were one wave."""
        return self.at(torch.isclose(self.p, p.to(self.p), rtol=SAME, atol=1e-12).all(dim=1).nonzero()[:, 0])

    def at(self, index: Tensor | slice) -> "PointSet":
        """Some of the points, as if they were one wave."""
        return replace(self._each(lambda tensor: tensor[index]), waves=1, sizes=None)

    def merged(self, own: Tensor, others: "PointSet", theirs: Tensor) -> "PointSet":
        """Some of these points and some of the others, of each wave: its `own` (W, n) and `theirs` (W, m) by index."""
        waves, index = len(own), torch.cat([own, theirs + len(self)], dim=1).flatten()
        tensors = {name: getattr(self, name) for name in ("x", "p", "u", "weight", "attached")}
        both = {
            name: torch.cat([tensor, getattr(others, name)])[index]
            for name, tensor in tensors.items()
            if tensor is not None
        }
        return replace(self, **both, waves=waves, sizes=None)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "PointSet":
        tensors = {name: getattr(self, name) for name in ("x", "p", "u", "weight", "attached")}
        changed = {name: change(tensor) for name, tensor in tensors.items() if tensor is not None}
        return replace(self, **changed)


IN_PLACE = "changes x in place, so that others see other points; write e.g. x = x + 1, not x += 1"


def sample(problem: Problem, split: Split, *, seed: int = 0) -> PointSet:
    """The points and exact data of a split, in float64 on the CPU.

    Raises ValueError where the data is not finite, a scale is zero or not finite, or a shape is wrong.
    """
    waves = split.waves(problem)
    require_scales(problem, waves)
    return _with_data(problem, _sampled(problem, INTERIOR, split, waves, seed=seed))


def sample_regions(
    problem: Problem, split: Split, *, seed: int = 0, data: PointSet | None = None, waves: Tensor | None = None
) -> dict[str, PointSet]:
    """The points of every region of a split, in float64 on the CPU; conditions at points of their own are added.

    The interior has exact data where a solution is known, unless there is `data`, which then is the region of that
    name. `waves` (W, K) stand in for those of the split. Raises what `sample` raises, and ValueError for a region that
    the problem does not have.
    """
    waves = split.waves(problem) if waves is None else waves
    require_scales(problem, waves)
    found: dict[str, PointSet] = {}
    for region in split.counts:
        require_region(problem, region)
        require_scales(problem.on(region), waves)
        found[region] = _sampled(problem, region, split, waves, seed=seed)
    if data is not None:
        found[DATA] = data
    elif problem.has_solution and INTERIOR in found:
        found[INTERIOR] = _with_data(problem, found[INTERIOR])
    return found | {
        key: _own_points(problem, key, one, waves) for key, one in problem.conditions.items() if one.at_points
    }


def require_region(problem: Problem, region: str) -> None:
    """Raises ProblemError where no points can be drawn on what is no region of the domain."""
    if region in problem.domain.regions:
        return
    if region in problem.conditions and problem.conditions[region].at_points:
        raise ProblemError(f"points.{region}: condition {region!r} has points of its own; remove it")
    known = ", ".join(problem.domain.regions)
    raise ProblemError(f"points.{region} is no region of problem {problem.name!r}; write some of: {known}")


def redrawn(
    problem: Problem, split: Split, region: str, *, times: int, seed: int, data: bool, waves: Tensor | None = None
) -> PointSet:
    """`times` as many points of one region as the split has there; with exact `data`, if asked for."""
    count = {region: times * split.counts[region]}
    more = replace(split, points=count, sampling=split.sampling_of(region))
    drawn = _sampled(problem, region, more, split.waves(problem) if waves is None else waves, seed=seed)
    return _with_data(problem, drawn) if data else drawn


def _sampled(problem: Problem, region: str, split: Split, waves: Tensor, *, seed: int) -> PointSet:
    """Points of a region on every wave (W, K), without data."""
    count, sampling = split.counts[region], split.sampling_of(region)
    drawn = [_located(problem, region, count, sampling, seed=seed + 1_000_003 * index) for index in range(len(waves))]
    x, p = torch.cat([one.x for one in drawn]), waves.repeat_interleave(count, dim=0)
    attached = None
    if problem.on(region).region.attached:
        normals = [torch.full_like(one.x, math.nan) if one.normal is None else one.normal for one in drawn]
        attached = torch.cat(normals)
    return PointSet(x, p, x.new_zeros(len(x), len(problem.outputs)), len(waves), observed=False, attached=attached)


def _own_points(problem: Problem, key: str, condition: Condition, waves: Tensor) -> PointSet:
    """The points that a condition has of its own, on every wave."""
    at = cast(Tensor, condition.on).to(torch.float64)
    x, p = at.repeat(len(waves), 1), waves.repeat_interleave(len(at), dim=0)
    require_scales(problem.on(key), waves)
    attached = None
    if problem.on(key).region.attached:
        values = cast(Tensor, condition.values).to(torch.float64)
        attached = values.expand(len(at), -1).repeat(len(waves), 1)
    return PointSet(x, p, x.new_zeros(len(x), len(problem.outputs)), len(waves), observed=False, attached=attached)


def _with_data(problem: Problem, points: PointSet) -> PointSet:
    return replace(points, u=_data(problem, points.x, points.p), observed=True)


def require_scales(problem: Problem, waves: Tensor) -> None:
    """Raises ValueError where the scale of a wave (waves, K) is no number, zero or not finite."""
    if problem.scale is None:
        return
    starts = waves.new_tensor([one.start for one in problem.unknowns.values()])
    scale = torch.vmap(lambda p: _scales(problem, p))(problem.complete(waves, starts))
    wrong = (~torch.isfinite(scale) | (scale == 0)).nonzero()
    if len(wrong):
        wave, index = wrong[0].tolist()
        raise ProblemError(
            f"problem {problem.name!r}: the scale of {problem.constraints[index]!r} is {float(scale[wave, index])} "
            f"at p = {waves[wave].tolist()}; choose parameters where it is finite and not zero"
        )


def _scales(problem: Problem, p: Tensor) -> Tensor:
    """The scales (C,) of one wave p (K,)."""
    scale = problem.scale(p) if problem.scale is not None else {}
    if not isinstance(scale, Mapping):
        raise ProblemError(
            f"problem {problem.name!r}: scale returned a {type(scale).__name__}; return a number for each residual's "
            f"name, e.g. {{{problem.constraints[0]!r}: …}}"
        )
    for name in problem.constraints:
        if name not in scale:
            raise ProblemError(f"problem {problem.name!r}: scale has no entry for {name!r}; add one")
        value = scale[name]
        if isinstance(value, Tensor) and (value.dim() != 0 or value.is_complex()):
            raise ProblemError(
                f"problem {problem.name!r}: the scale of {name!r} has shape {tuple(value.shape)} and {value.dtype}; "
                "return a real number"
            )
    return torch.stack([torch.as_tensor(scale[name]).to(p) for name in problem.constraints])


def _data(problem: Problem, x: Tensor, p: Tensor) -> Tensor:
    """The exact solution (N, O) at x (N, D) for p (N, K) and the true values of unknowns."""
    p = problem.complete(p, problem.truths)

    def solution(x: Tensor, p: Tensor) -> Tensor:
        u = problem.solution(x, p)
        if isinstance(u, Tensor) and not u.is_complex():
            return u
        kind = str(u.dtype) if isinstance(u, Tensor) else type(u).__name__
        raise ProblemError(
            f"problem {problem.name!r}: the solution is a {kind} at one point; "
            f"return a real tensor of shape ({len(problem.outputs)},), one number per output"
        )

    u = torch.vmap(solution)(at := x.clone(), p.clone())
    if not torch.equal(at, x):
        raise ProblemError(f"problem {problem.name!r}: the solution {IN_PLACE}")
    if u.shape != (len(x), len(problem.outputs)):
        raise ProblemError(
            f"problem {problem.name!r}: the solution has shape {tuple(u.shape[1:])} at one point; "
            f"return ({len(problem.outputs)},), one number per output"
        )
    finite = torch.isfinite(u).all(dim=-1)
    if not finite.all():
        where = int((~finite).nonzero()[0])
        raise ProblemError(
            f"problem {problem.name!r}: the solution is {u[where].tolist()} at x = {x[where].tolist()}, "
            f"p = {p[where].tolist()}; choose parameters where it is finite"
        )
    return u


def collocation_points(problem: Problem, count: int, sampling: Sampling, *, seed: int = 0) -> Tensor:
    """`count` points (count, D) of the interior in float64, as the problem's domain samples it. Raises ProblemError."""
    return _located(problem, INTERIOR, count, sampling, seed=seed).x


def _located(problem: Problem, region: str, count: int, sampling: Sampling, *, seed: int) -> Located:
    try:
        return problem.domain.sample(region, count, sampling, seed=seed)
    except ValueError as error:
        raise ProblemError(str(error)) from None
