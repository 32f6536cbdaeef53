"""A Problem: a family of PDE solutions u(x; p), its named constraints, and the conditions that hold beside the PDE.

A new PDE is one `Problem`. Its residual is written for *one* point against a `Field` u (never against a network):

    def residual(u, x, p):
        frequency = p[1]
        return {"helmholtz": u.laplacian[0] + (2 * pi * frequency) ** 2 * u.value[0]}

Everything else (batches, networks, devices, Taylor mode or nested differentiation) happens outside of it.

Axis names: N points, D coordinates, K parameters, O outputs, C constraints.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import torch
from torch import Tensor

from cnn_core.derivatives import Field, FieldError, Order, PointField, Probe, Reads
from cnn_core.domains import Box, Domain, nearly_contained
from cnn_core.problems.condition import Condition, Partner
from cnn_core.problems.functions import ProblemError, Residual, Scale, Solution
from cnn_core.problems.region import DATA, INTERIOR, WITHOUT_NORMALS, BoundaryField, Region, RegionRows
from cnn_core.problems.unknown import Unknown


def unknown(x: Tensor, p: Tensor) -> Tensor:
    """The solution of a problem that has no exact one."""
    raise ProblemError("no exact solution is known, so there is no data to sample; give the problem a solution")


@dataclass(frozen=True, eq=False)
class Problem:
    """A PDE with a family of solutions.

    `coordinates` is the domain, or maps each coordinate of a box to its interval; `parameters` and `outputs` are names
    in the order in which p and u hold them. `solution`, where one is known, is exact: it provides the data. `scale`
    makes residuals of different waves comparable. `conditions` hold beside the PDE, on regions of the domain or at
    points; `unknowns` are those of the parameters that training finds, in the same order. `region` says where the
    residual holds: `on` sets it.
    """

    name: str
    coordinates: Mapping[str, tuple[float, float]] | Domain
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    residual: Residual
    solution: Solution = unknown
    scale: Scale | None = None
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    unknowns: Mapping[str, Unknown] = field(default_factory=dict)
    region: Region = field(default=Region(), repr=False)

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
        for coordinate, (low, high) in self.box.items():
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ProblemError(
                    f"problem {self.name!r}: coordinate {coordinate!r} needs a finite interval (low, high) with "
                    f"low < high, got {(low, high)}"
                )
        for what, names in (("coordinates", self.axes), ("outputs", self.outputs)):
            if not names:
                raise ProblemError(f"problem {self.name!r}: {what} is empty; name at least one")
        for name in self.unknowns:
            if name not in self.parameters:
                raise ProblemError(
                    f"problem {self.name!r}: unknown {name!r} is none of the parameters; name it there, too, got "
                    f"{self.parameters}"
                )
        ordered = {name: self.unknowns[name] for name in self.parameters if name in self.unknowns}
        object.__setattr__(self, "unknowns", ordered)  # θ holds them in an order of which no file decides
        self._require_conditions()

    def _require_conditions(self) -> None:
        for key, condition in self.conditions.items():
            if isinstance(condition.on, str) and condition.on not in self.domain.regions:
                raise ProblemError(
                    f"problem {self.name!r}: condition {key!r} is on {condition.on!r}, which the domain lacks; its "
                    f"regions are {', '.join(self.domain.regions)}"
                )
            if key in (DATA, "constraint"):
                raise ProblemError(
                    f"problem {self.name!r}: condition {key!r} is called like the metric {key}_mse; rename it"
                )
            if key in self.domain.regions and (condition.at_points or condition.on != key):
                raise ProblemError(
                    f"problem {self.name!r}: condition {key!r} is called like a region that it is not on; rename it"
                )
            if condition.at_points:
                self._require_points(key, cast(Tensor, condition.on))

    def _require_points(self, key: str, x: Tensor) -> None:
        """A condition's points x (B, D) are in the domain."""
        if (columns := x.shape[1]) != len(self.axes):
            raise ProblemError(
                f"problem {self.name!r}: condition {key!r} is at points with {columns} coordinates, and the "
                f"problem has {len(self.axes)}; write one column for each"
            )
        outside = x[~nearly_contained(self.domain, x.to(torch.float64))].tolist()
        if outside:
            point = ", ".join(f"{axis} = {value:.8g}" for axis, value in zip(self.axes, outside[0], strict=True))
            raise ProblemError(
                f"problem {self.name!r}: condition {key!r} is at {point}, which is outside of the domain; leave such "
                f"points out, or make the domain larger"
            )

    @property
    def box(self) -> Mapping[str, tuple[float, float]]:
        """The interval of every coordinate, by name."""
        return self.coordinates if isinstance(self.coordinates, Mapping) else self.coordinates.box

    @property
    def axes(self) -> tuple[str, ...]:
        """The coordinates' names."""
        return tuple(self.box)

    @cached_property
    def domain(self) -> Domain:
        """Where the problem is posed."""
        return Box(self.coordinates) if isinstance(self.coordinates, Mapping) else self.coordinates

    @property
    def given(self) -> tuple[str, ...]:
        """The parameters that are no unknowns: those that points know, and that a network sees."""
        return tuple(name for name in self.parameters if name not in self.unknowns)

    @property
    def has_solution(self) -> bool:
        """Whether an exact solution is known, for the true values of all unknowns."""
        return self.solution is not unknown and all(one.truth is not None for one in self.unknowns.values())

    def complete(self, p: Tensor, unknowns: Tensor) -> Tensor:
        """All parameters (…, K + E), from those that are given, with what is attached, and the values of unknowns."""
        if not self.unknowns:
            return p
        given = dict(zip(self.given, p.unbind(dim=-1), strict=False))
        own = dict(zip(self.unknowns, unknowns.unbind(dim=-1), strict=True))
        columns = [given[name] if name in given else own[name].expand(p.shape[:-1]) for name in self.parameters]
        return torch.cat([torch.stack(columns, dim=-1), p[..., len(given) :]], dim=-1)

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of all regions: those of the domain, those of conditions at points, and `data`."""
        at_points = [key for key, condition in self.conditions.items() if condition.at_points]
        return (*self.domain.regions, *at_points, DATA)

    def on(self, region: str) -> "Problem":
        """The same problem, its residual what holds on a region. Raises ProblemError for one that it does not have."""
        if region == self.region.name and not self.conditions:
            return self
        if region not in self._on:
            self._on[region] = self._restricted(region)
        return self._on[region]

    def only(self, rows: tuple[str, ...]) -> "Problem":
        """The same problem with these of its residuals, in this order."""
        return self if rows == self.constraints else replace(self, region=replace(self.region, rows=rows))

    @property
    def region_of(self) -> Mapping[str, str]:
        """Every condition's region, and the interior for the PDE's residuals."""
        of_conditions = {key: condition.region(key) for key, condition in self.conditions.items()}
        return dict.fromkeys(self.constraints, self.region.name) | of_conditions

    @cached_property
    def _on(self) -> dict[str, "Problem"]:
        return {}

    def _restricted(self, name: str) -> "Problem":
        if name not in self.regions:
            raise ProblemError(
                f"problem {self.name!r} has no region {name!r}; its regions are {', '.join(self.regions)}"
            )
        if clash := set(self.conditions) & set(self.constraints):
            raise ProblemError(
                f"problem {self.name!r}: {min(clash)!r} names a condition and a residual of the PDE; rename one of them"
            )
        here = {key: one for key, one in self.conditions.items() if one.region(key) == name}
        if not here:
            return self if name == INTERIOR else replace(self, conditions={}, region=Region(name, rows=()))
        inside, at_points = name == INTERIOR, name in self.conditions and self.conditions[name].at_points
        normals = 0 if at_points or name in WITHOUT_NORMALS else len(self.axes)
        rows = RegionRows(
            self.name,
            self.residual,
            self.scale if inside else None,
            self.constraints if inside else (),
            here,
            {key: self._quantities(key, condition, normals) for key, condition in here.items()},
            len(self.parameters),
            normals,
            at_points,
        )
        region = Region(name, **rows.region)
        return replace(self, residual=rows.rows, scale=rows.scale, conditions={}, region=region)

    def _quantities(self, key: str, condition: Condition, normals: int) -> tuple[str, ...]:
        """The names of a condition's quantities, found by running it on a probe."""

        def residual(u: Field, x: Tensor, p: Tensor) -> Mapping[str, Tensor]:
            at_boundary = cast(Field, BoundaryField(u, p.new_ones(normals)))
            return condition.quantity(at_boundary if normals else u, x, p)

        if condition.partner is not None:
            self._require_partner(key, condition.partner)
        region = Region(key, partner=condition.partner)
        probed = replace(self, name=f"{self.name}, condition {key}", residual=residual, conditions={}, region=region)
        return probed.constraints

    def _require_partner(self, key: str, partner: Partner) -> None:
        other = partner(self._middle)
        if not isinstance(other, Tensor) or other.shape != self._middle.shape:
            got = f"the shape {tuple(other.shape)}" if isinstance(other, Tensor) else f"a {type(other).__name__}"
            raise ProblemError(
                f"problem {self.name!r}, condition {key!r}: partner returned {got} for one point; return "
                f"({len(self.axes)},), one number for each coordinate"
            )

    @property
    def _middle(self) -> Tensor:
        """The middle of the box, (D,)."""
        return torch.tensor([0.5 * (low + high) for low, high in self.box.values()], dtype=torch.float64)

    @property
    def unread(self) -> tuple[str, ...]:
        """The unknowns that no residual reads, of the PDE or of a condition, so that nothing can find them."""
        parts = [self.on(region) for region in dict.fromkeys((INTERIOR, *self.region_of.values()))]
        return tuple(name for name in self.unknowns if not any(part._reads_parameter(name) for part in parts))

    def _reads_parameter(self, name: str) -> bool:
        """Whether a residual is no number any more where a parameter is none."""
        p = torch.ones(len(self.parameters) + self.region.attached, dtype=torch.float64)
        p[self.parameters.index(name)] = math.nan
        residuals = self.residual(cast(Field, self._probe()), self._middle, p)
        return any(bool(residuals[row].isnan()) for row in self.constraints)

    def _probe(self) -> Probe:
        return Probe(self.axes, len(self.outputs), paired=self.region.partner is not None)

    @property
    def owners(self) -> tuple[str, ...]:
        """What every residual belongs to: the condition's name, or its own for the PDE's."""
        return tuple(self.region.owners.get(name, name) for name in self.constraints)

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
        return self._probed[1] if self.region.rows is None else self.region.rows

    @cached_property
    def _probed(self) -> tuple[Reads, tuple[str, ...]]:
        probe = self._probe()
        if self.region.rows == ():
            return probe.reads, ()
        p = torch.ones(len(self.parameters) + self.region.attached, dtype=torch.float64)
        try:
            with torch.enable_grad():
                residuals = self.residual(probe, self._middle, p)
        except FieldError as error:
            raise ProblemError(f"problem {self.name!r}: {error}") from None
        if not isinstance(residuals, Mapping):
            raise ProblemError(
                f"problem {self.name!r}: residual returned a {type(residuals).__name__}; "
                'return named scalars, e.g. {"equation": …}'
            )
        if not residuals:
            raise ProblemError(
                f"problem {self.name!r}: residual returned no constraint; return at least one named scalar"
            )
        if self.region.name == INTERIOR and DATA in residuals:
            raise ProblemError(f"problem {self.name!r}: residual {DATA!r} is called like the data; rename it")
        for name, residual in residuals.items():
            if wrong := _wrong_with(residual):
                raise ProblemError(f"problem {self.name!r}: residual {name!r} {wrong}")
        return probe.reads, tuple(residuals)

    def point_residuals(self, u: Field, x: Tensor, p: Tensor, *, scaled: bool) -> Tensor:
        """All constraints at one point: u at x (D,) for p (K + E,) → (C,), each divided by its scale if `scaled`."""
        if not self.constraints:
            return x.new_zeros(0)
        residuals = self.residual(u, x, p)
        if not scaled or self.scale is None:
            return torch.stack([residuals[name] for name in self.constraints])
        scale = self.scale(p[: len(self.parameters)].detach())
        return torch.stack([residuals[name] / scale[name] for name in self.constraints])

    @property
    def truths(self) -> Tensor:
        """The true values (U,) of the unknowns; nan where one is not known."""
        truths = [math.nan if one.truth is None else one.truth for one in self.unknowns.values()]
        return torch.tensor(truths, dtype=torch.float64)

    def exact_field(self, x: Tensor, p: Tensor) -> Field:
        """The exact solution as a field at one point, for all parameters p (K + E,)."""
        return self.field_of(lambda at: self.solution(at, p[: len(self.parameters)]), x)

    def field_of(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Field:
        """A function x (D,) → u (O,) as the field that the residual reads at x, by nested differentiation."""
        other = self.region.partner
        partner = None if other is None else PointField(function, other(x), self.axes)
        return cast(Field, PointField(function, x, self.axes, partner))  # type checkers mistake cached properties


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
