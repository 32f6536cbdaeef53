"""A region of a problem: the same problem, whose residual is what holds there.

On `interior` that is the PDE, and the conditions that are set there; on another region, its conditions. Conditions at
points of their own have a region of their own, named like the condition; the region `data` has observations alone.

What a residual may read of a point beside x and p is *attached* to it: its normal, and the values that the condition
asks for there. These stand behind p, as p (K + E,).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.problems.condition import Condition, Partner
from cnn_core.problems.functions import ProblemError, Residual, Scale

T = TypeVar("T")

INTERIOR, DATA = "interior", "data"

WITHOUT_NORMALS = (INTERIOR, "initial", "final")
"""Regions of a domain that are no boundary in space."""


def by_region(values: T | Mapping[str, T]) -> Mapping[str, T]:
    """Values by region; those that stand alone are the interior's, as they are where there is nothing else."""
    return values if isinstance(values, Mapping) else {INTERIOR: values}


@dataclass(frozen=True)
class Region:
    """Which region a problem's residual is of; `rows` picks some of its residuals, `owners` are the conditions that
    they belong to, by the residuals' names. `attached` counts E.
    """

    name: str = INTERIOR
    rows: tuple[str, ...] | None = None
    owners: Mapping[str, str] = field(default_factory=dict)
    attached: int = 0
    partner: Partner | None = None


@dataclass(frozen=True)
class BoundaryField:
    """A field at a point of a boundary, with the outward normal (D,) there; nan where a region has none."""

    field: Field
    normal: Tensor

    def __getattr__(self, name: str) -> Any:
        return getattr(self.field, name)

    def __getitem__(self, name: str) -> Tensor:
        return self.field[name]


@dataclass(frozen=True, eq=False)
class RegionRows:
    """The residuals of a region: those of the PDE, if it holds there, then a row for each quantity of each condition.

    `equations` are the PDE's residuals, none outside of the interior; `names` has those of the conditions' quantities,
    by condition. p (K + E,) holds `parameters` numbers, and then what is attached: the normal, in `normals`
    coordinates, or the values of the one condition that is set at points of its own (`at_points`).
    """

    problem: str
    residual: Residual
    scale_of_equations: Scale | None
    equations: tuple[str, ...]
    conditions: Mapping[str, Condition]
    names: Mapping[str, tuple[str, ...]]
    parameters: int
    normals: int
    at_points: bool

    def __post_init__(self) -> None:
        for key, values in self._values.items():
            if values.shape[1] != (count := len(self.names[key])):
                raise self._error(
                    f"condition {key!r} has {count} quantities, and values in {values.shape[1]} columns; write one "
                    "column for each quantity"
                )
        if len(self._partners) > 1:
            raise self._error(
                f"the conditions {', '.join(self.conditions)} are on one region, and have different partners; set them "
                "on regions of their own, such as x=0, or give them the same function"
            )
        rows = [*self.equations, *(self._row(key, name) for key, names in self.names.items() for name in names)]
        if twice := next((row for row in rows if rows.count(row) > 1), None):
            raise self._error(f"there are two residuals {twice!r}; rename one of them")

    def _error(self, what: str) -> ProblemError:
        return ProblemError(f"problem {self.problem!r}: {what}")

    @property
    def region(self) -> dict[str, Any]:
        """What a `Region` says of these rows."""
        owners = {self._row(key, name): key for key, names in self.names.items() for name in names}
        values = next(iter(self._values.values())).shape[1] if self.at_points and self._values else 0
        return {"owners": owners, "attached": self.normals or values, "partner": next(iter(self._partners), None)}

    def rows(self, u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        """All residuals at one point, by name."""
        p, attached = p[: self.parameters], p[self.parameters :]
        rows = dict(self.residual(u, x, p)) if self.equations else {}
        field = cast(Field, BoundaryField(u, attached)) if self.normals else u
        for key, condition in self.conditions.items():
            for index, (name, quantity) in enumerate(condition.quantity(field, x, p).items()):
                if key in self._values:
                    quantity = quantity - (attached if self.at_points else self._numbers[key])[index]
                rows[self._row(key, name)] = quantity
        return rows

    @property
    def scale(self) -> Scale | None:
        """The sizes of all residuals, 1 of a condition or a PDE that has no scale; None where that is so for all."""
        scales = {key: one.scale for key, one in self.conditions.items() if one.scale is not None}
        if self.scale_of_equations is None and not scales:
            return None

        sized = (*scales, *([] if self.scale_of_equations is None else self.equations))
        owners = dict(zip(self.equations, self.equations, strict=True)) | self.region["owners"]

        def scale(p: Tensor) -> dict[str, Tensor | float]:
            found: dict[str, Tensor | float] = {row: 1.0 for row, owner in owners.items() if owner not in sized}
            found |= self.scale_of_equations(p) if self.scale_of_equations else {}
            for key, one in scales.items():
                found |= {self._row(key, name): size for name, size in one(p).items() if name in self.names[key]}
            return found

        return scale

    @property
    def _values(self) -> Mapping[str, Tensor]:
        return {key: one.values for key, one in self.conditions.items() if one.values is not None}

    @cached_property
    def _numbers(self) -> Mapping[str, Sequence[float]]:
        """The same of conditions on a region: no tensors, which a pass on a GPU would have to copy there each time."""
        return {key: values[0].tolist() for key, values in self._values.items()}

    @property
    def _partners(self) -> set[Partner]:
        return {one.partner for one in self.conditions.values() if one.partner is not None}

    def _row(self, key: str, name: str) -> str:
        """The name of a quantity's row: the condition's own where it has one."""
        return key if len(self.names[key]) == 1 else f"{key}.{name}"
