"""Points: where a problem is looked at, and the data there.

A `Split` says which waves and points a part of the data has; `sample` draws them, as a `PointSet`.

Axis names: N points, D coordinates, K parameters, O outputs.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from cnn_core.domains import Box
from cnn_core.problems.problem import Problem, ProblemError


@dataclass(frozen=True)
class Split:
    """Which waves and points a part of the data has: the grid of all parameter values, `points` points on each wave.

    `random` draws the points of every wave anew; `uniform` is an evenly spaced grid with the interval's ends.
    """

    parameters: Mapping[str, tuple[float, ...]]
    points: int
    sampling: Literal["random", "uniform"] = "random"

    def __post_init__(self) -> None:
        if self.points < 1:
            raise ValueError(f"points must be at least 1, got {self.points}")
        for name, values in self.parameters.items():
            if not values:
                raise ValueError(f"{name} is empty; give at least one value")
            if not all(math.isfinite(value) for value in values):
                raise ValueError(f"{name} must be finite, got {list(values)}")

    def waves(self, problem: Problem) -> Tensor:
        """All combinations of parameter values: (waves, K) in float64.

        Raises ValueError when the split's parameters are not the problem's.
        """
        wrong = set(self.parameters) ^ set(problem.parameters)
        if wrong:
            raise ValueError(
                f"problem {problem.name!r} has the parameters {', '.join(problem.parameters) or '(none)'}, "
                f"got {', '.join(self.parameters) or '(none)'}"
            )
        combinations = list(itertools.product(*(self.parameters[name] for name in problem.parameters)))
        return torch.tensor(combinations, dtype=torch.float64).reshape(len(combinations), len(problem.parameters))


@dataclass(frozen=True)
class PointSet:
    """Points with their data: x (N, D), p (N, K), u (N, O). The points of one wave stand together."""

    x: Tensor
    p: Tensor
    u: Tensor
    waves: int

    def __len__(self) -> int:
        return len(self.x)

    def to(self, *, dtype: torch.dtype, device: torch.device | str) -> "PointSet":
        x, p, u = (tensor.to(dtype=dtype, device=device) for tensor in (self.x, self.p, self.u))
        return PointSet(x, p, u, self.waves)

    def wave(self, index: int) -> "PointSet":
        """The points of one wave."""
        points = len(self) // self.waves
        part = slice(index * points, (index + 1) * points)
        return PointSet(self.x[part], self.p[part], self.u[part], 1)


IN_PLACE = "changes x in place, so that others see other points; write e.g. x = x + 1, not x += 1"


def sample(problem: Problem, split: Split, *, seed: int = 0) -> PointSet:
    """The points and exact data of a split, in float64 on the CPU.

    Raises ValueError where the data is not finite, a scale is zero or not finite, or a shape is wrong.
    """
    waves = split.waves(problem)
    require_scales(problem, waves)
    x = torch.cat(
        [
            collocation_points(problem, split.points, split.sampling, seed=seed + 1_000_003 * index)
            for index in range(len(waves))
        ]
    )
    p = waves.repeat_interleave(split.points, dim=0)
    return PointSet(x, p, _data(problem, x, p), len(waves))


def require_scales(problem: Problem, waves: Tensor) -> None:
    """Raises ValueError where the scale of a wave (waves, K) is no number, zero or not finite."""
    if problem.scale is None:
        return
    scale = torch.vmap(lambda p: _scales(problem, p))(waves)
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
    """The exact solution (N, O) at x (N, D) for p (N, K)."""

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


def collocation_points(
    problem: Problem, count: int, sampling: Literal["random", "uniform"], *, seed: int = 0
) -> Tensor:
    """`count` points (count, D) of the problem's domain in float64.

    In D dimensions `uniform` needs count = k^D; raises ValueError with the nearest such count otherwise.
    """
    try:
        return Box(problem.coordinates).sample("interior", count, sampling, seed=seed).x
    except ValueError as error:
        raise ProblemError(str(error)) from None
