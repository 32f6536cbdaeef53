"""A Problem: a family of PDE solutions u(x; p), and its named constraints.

A new PDE is one `Problem`. Its residual is written for *one* point against a `Field` u (never against a network):

    def residual(u, x, p):
        frequency = p[1]
        return {"helmholtz": u.laplacian[0] + (2 * pi * frequency) ** 2 * u.value[0]}

Everything else (batches, networks, devices, Taylor mode or nested differentiation) happens outside of it.

Axis names: N points, D coordinates, K parameters, O outputs, C constraints.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import torch
from torch import Tensor

from cnn_core.derivatives import Field, Order, PointField, Probe, Reads

Residual = Callable[[Field, Tensor, Tensor], Mapping[str, Tensor]]
"""(u, x (D,), p (K,)) → named scalars, zero where u satisfies the PDE at x."""

Scale = Callable[[Tensor], Mapping[str, Tensor | float]]
"""p (K,) → the size by which each named residual is divided when it is scaled."""

Solution = Callable[[Tensor, Tensor], Tensor]
"""(x (D,), p (K,)) → u (O,)."""


class ProblemError(ValueError):
    """What is wrong with a problem, in one line; errors that a problem's own functions raise are none of these."""


def unknown(x: Tensor, p: Tensor) -> Tensor:
    """The solution of a problem that has no exact one."""
    raise ProblemError("no exact solution is known, so there is no data to sample; give the problem a solution")


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
        for what, names in (("parameters", self.parameters), ("outputs", self.outputs)):
            if isinstance(names, str):
                raise ProblemError(
                    f"problem {self.name!r}: {what} is the text {names!r}; write a tuple of names, ({names!r},)"
                )
            if len(set(names)) < len(names):
                raise ProblemError(
                    f"problem {self.name!r}: {what} has a name twice, got {tuple(names)}; name each once"
                )
        for coordinate, (low, high) in self.coordinates.items():
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ProblemError(
                    f"problem {self.name!r}: coordinate {coordinate!r} needs a finite interval (low, high) with "
                    f"low < high, got {(low, high)}"
                )
        for what, names in (("coordinates", tuple(self.coordinates)), ("outputs", self.outputs)):
            if not names:
                raise ProblemError(f"problem {self.name!r}: {what} is empty; name at least one")

    @property
    def reads(self) -> Reads:
        """The derivatives that the residual reads, found by running it once on a probe."""
        return self._probed[0]

    @property
    def order(self) -> Order:
        """The order that includes all that the residual reads."""
        return self.reads.highest

    @property
    def constraints(self) -> tuple[str, ...]:
        """The names of the residuals, in the order of the constraint axis."""
        return self._probed[1]

    @cached_property
    def _probed(self) -> tuple[Reads, tuple[str, ...]]:
        probe = Probe(tuple(self.coordinates), len(self.outputs))
        x = torch.tensor([0.5 * (low + high) for low, high in self.coordinates.values()], dtype=torch.float64)
        with torch.enable_grad():
            residuals = self.residual(probe, x, torch.ones(len(self.parameters), dtype=torch.float64))
        if not isinstance(residuals, Mapping):
            raise ProblemError(
                f"problem {self.name!r}: residual returned a {type(residuals).__name__}; "
                'return named scalars, e.g. {"equation": …}'
            )
        if not residuals:
            raise ProblemError(
                f"problem {self.name!r}: residual returned no constraint; return at least one named scalar"
            )
        for name, residual in residuals.items():
            if wrong := _wrong_with(residual):
                raise ProblemError(f"problem {self.name!r}: residual {name!r} {wrong}")
        return probe.reads, tuple(residuals)

    def point_residuals(self, u: Field, x: Tensor, p: Tensor, *, scaled: bool) -> Tensor:
        """All constraints at one point: u at x (D,) for p (K,) → (C,), each divided by its scale if `scaled`."""
        residuals = self.residual(u, x, p)
        if not scaled or self.scale is None:
            return torch.stack([residuals[name] for name in self.constraints])
        scale = self.scale(p)
        return torch.stack([residuals[name] / scale[name] for name in self.constraints])

    def exact_field(self, x: Tensor, p: Tensor) -> Field:
        """The exact solution as a field at one point."""
        solution = PointField(lambda at: self.solution(at, p), x, tuple(self.coordinates))
        return cast(Field, solution)  # type checkers mistake cached properties


def _wrong_with(residual: object) -> str | None:
    """Why this is no residual, and what to return instead."""
    if not isinstance(residual, Tensor):
        return f"must be a scalar tensor, got type {type(residual).__name__}; pick one component, e.g. u.value[0]"
    if residual.dim() != 0:
        return f"must be a scalar tensor, got shape {tuple(residual.shape)}; pick one component, e.g. u.value[0]"
    if residual.is_complex():
        return f"must be a real number, got {residual.dtype}; return its .real and .imag as two residuals"
    if not residual.is_floating_point():
        return f"must be a real number, got {residual.dtype}, which has no derivative; return a floating-point tensor"
    if residual.requires_grad:
        return (
            "reads a parameter that no training reaches, since only what the network itself computes is trained; "
            "let the network's forward return what depends on it, or .detach() it"
        )
    return None
