"""A Problem: a family of PDE solutions u(x; p), its named constraints, and how to sample it.

A new PDE is one `Problem`. Its residual is written for *one* point against a `Field` u (never against a network):

    def residual(u, x, p):
        frequency = p[1]
        return {"helmholtz": u.laplacian[0] + (2 * pi * frequency) ** 2 * u.value[0]}

Everything else (batches, networks, devices, Taylor mode or nested differentiation) happens outside of it.

Axis names: N points, D coordinates, K parameters, O outputs, C constraints.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

import torch
from torch import Tensor

from cnn_core.derivatives import Field, Order, PointField, Probe

Residual = Callable[[Field, Tensor, Tensor], Mapping[str, Tensor]]
"""(u, x (D,), p (K,)) → named scalars, zero where u satisfies the PDE at x."""

Scale = Callable[[Tensor], Mapping[str, Tensor | float]]
"""p (K,) → the size by which each named residual is divided when it is scaled."""

Solution = Callable[[Tensor, Tensor], Tensor]
"""(x (D,), p (K,)) → u (O,)."""


def unknown(x: Tensor, p: Tensor) -> Tensor:
    """The solution of a problem that has no exact one."""
    raise ValueError("no exact solution is known, so there is no data to sample; give the problem a solution")


@dataclass(frozen=True, eq=False)
class Problem:
    """A PDE with a family of solutions.

    `coordinates` maps each coordinate to its interval, `parameters` and `outputs` are names in the order in which p
    and u hold them. `solution`, where one is known, is exact: it provides the data. `scale` makes residuals of
    different waves comparable.
    """

    name: str
    coordinates: Mapping[str, tuple[float, float]]
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    residual: Residual
    solution: Solution = unknown
    scale: Scale | None = None

    def __post_init__(self) -> None:
        for coordinate, (low, high) in self.coordinates.items():
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(
                    f"problem {self.name!r}: coordinate {coordinate!r} needs a finite interval (low, high) with "
                    f"low < high, got {(low, high)}"
                )
        for what, names in (("coordinates", tuple(self.coordinates)), ("outputs", self.outputs)):
            if not names:
                raise ValueError(f"problem {self.name!r}: {what} is empty; name at least one")

    @property
    def order(self) -> Order:
        """The derivatives that the residual reads, found by running it once on a probe."""
        return self._probed[0]

    @property
    def constraints(self) -> tuple[str, ...]:
        """The names of the residuals, in the order of the constraint axis."""
        return self._probed[1]

    @cached_property
    def _probed(self) -> tuple[Order, tuple[str, ...]]:
        probe = Probe(len(self.coordinates), len(self.outputs))
        x = torch.tensor([0.5 * (low + high) for low, high in self.coordinates.values()], dtype=torch.float64)
        residuals = self.residual(probe, x, torch.ones(len(self.parameters), dtype=torch.float64))
        if not residuals:
            raise ValueError(
                f"problem {self.name!r}: residual returned no constraint; return at least one named scalar"
            )
        for name, residual in residuals.items():
            if torch.is_tensor(residual) and residual.dim() == 0:
                continue
            kind = f"shape {tuple(residual.shape)}" if torch.is_tensor(residual) else f"type {type(residual).__name__}"
            raise ValueError(
                f"problem {self.name!r}: residual {name!r} must be a scalar tensor, got {kind}; "
                "pick one component, e.g. u.value[0]"
            )
        return probe.order, tuple(residuals)

    def point_residuals(self, u: Field, x: Tensor, p: Tensor, *, scaled: bool) -> Tensor:
        """All constraints at one point: u at x (D,) for p (K,) → (C,), each divided by its scale if `scaled`."""
        residuals = self.residual(u, x, p)
        if not scaled or self.scale is None:
            return torch.stack([residuals[name] for name in self.constraints])
        scale = self.scale(p)
        return torch.stack([residuals[name] / scale[name] for name in self.constraints])

    def exact_field(self, x: Tensor, p: Tensor) -> Field:
        """The exact solution as a field at one point."""
        return cast(Field, PointField(lambda at: self.solution(at, p), x))  # type checkers mistake cached properties


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


def sample(problem: Problem, split: Split, *, seed: int = 0) -> PointSet:
    """The points and exact data of a split, in float64 on the CPU.

    Raises ValueError where the data is not finite, a scale is zero or not finite, or a shape is wrong.
    """
    waves = split.waves(problem)
    _require_scales(problem, waves)
    x = torch.cat(
        [
            collocation_points(problem, split.points, split.sampling, seed=seed + 1_000_003 * index)
            for index in range(len(waves))
        ]
    )
    p = waves.repeat_interleave(split.points, dim=0)
    u = torch.vmap(problem.solution)(x, p)
    if u.shape != (len(x), len(problem.outputs)):
        raise ValueError(
            f"problem {problem.name!r}: the solution has shape {tuple(u.shape[1:])} at one point; "
            f"return ({len(problem.outputs)},), one number per output"
        )
    finite = torch.isfinite(u).all(dim=-1)
    if not finite.all():
        where = int((~finite).nonzero()[0])
        raise ValueError(
            f"problem {problem.name!r}: the solution is {u[where].tolist()} at x = {x[where].tolist()}, "
            f"p = {p[where].tolist()}; choose parameters where it is finite"
        )
    return PointSet(x, p, u, len(waves))


def _require_scales(problem: Problem, waves: Tensor) -> None:
    if problem.scale is None:
        return
    for p in waves:
        scale = problem.scale(p)
        for name in problem.constraints:
            if name not in scale:
                raise ValueError(f"problem {problem.name!r}: scale has no entry for {name!r}; add one")
            if not (math.isfinite(scale[name]) and scale[name] != 0):
                raise ValueError(
                    f"problem {problem.name!r}: the scale of {name!r} is {float(scale[name])} at p = {p.tolist()}; "
                    "choose parameters where it is finite and not zero"
                )


def collocation_points(
    problem: Problem, count: int, sampling: Literal["random", "uniform"], *, seed: int = 0
) -> Tensor:
    """`count` points (count, D) of the problem's domain in float64.

    In D dimensions `uniform` needs count = k^D; raises ValueError with the nearest such count otherwise.
    """
    low, high = torch.tensor(list(problem.coordinates.values()), dtype=torch.float64).T
    if sampling == "random":
        generator = torch.Generator().manual_seed(seed)
        unit = torch.rand(count, len(low), generator=generator, dtype=torch.float64)
        return low + (high - low) * unit
    dimensions = len(low)
    side = round(count ** (1 / dimensions))
    if side**dimensions != count:
        raise ValueError(
            f"points: uniform sampling in {dimensions} dimensions needs k^{dimensions} points, "
            f"got {count}; write {max(side, 1) ** dimensions}"
        )
    axis = torch.linspace(0, 1, side, dtype=torch.float64) if side > 1 else torch.full((1,), 0.5, dtype=torch.float64)
    return low + (high - low) * torch.cartesian_prod(*[axis] * dimensions).reshape(count, dimensions)
