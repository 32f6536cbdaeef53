"""One wave that is projected: its collocation points, whose quantities are known by name, and the conditions on it.

Axis names: n collocation points, A all quantities of a pass, O outputs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork
from cnn_core.problems.explicit import EXPLICIT, SLOPE, with_explicit_form
from cnn_core.solvers.enforced import Enforced
from cnn_core.solvers.rows import Block, Points, condition_block

U, CONSTRAINTS = "u", "constraints"


@dataclass(frozen=True, eq=False)
class Wave:
    """Quantities of θ (P,) by block: (n, A) at the points, then those of every condition.

    `parts` says in which columns of the points' quantities `u` and `constraints` stand, and for general solutions
    `explicit` and `slope`.
    """

    points: Points
    parts: Mapping[str, slice]
    conditions: Sequence[Block]

    def evaluate(self, theta: Tensor) -> list[Tensor]:
        """All quantities at θ (P,), by block."""
        return [self.points.evaluate(theta), *(condition.points.evaluate(theta) for condition in self.conditions)]

    def part(self, name: str, quantities: Sequence[Tensor]) -> Tensor:
        """One part of the points' quantities, (n, its columns)."""
        return quantities[0][:, self.parts[name]]

    def at(self, x: Tensor) -> "Wave":
        """The same wave at other points x (n, D); the conditions keep theirs."""
        return replace(self, points=replace(self.points, x=x, p=self.points.p[:1].expand(len(x), -1)))

    def constraints(self, theta: Tensor) -> Tensor:
        """The PDE's residuals g (n, C) at the points."""
        return self.points.evaluate(theta)[:, self.parts[CONSTRAINTS]]

    def error(self, quantities: Sequence[Tensor]) -> float:
        """Mean g² at the points, plus that of every condition. Blocks beyond these are left out."""
        of_conditions = quantities[1 : 1 + len(self.conditions)]
        errors = [self.part(CONSTRAINTS, quantities).square().mean()]
        errors += [block.rows(rows).square().mean() for block, rows in zip(self.conditions, of_conditions, strict=True)]
        return float(torch.stack(errors).sum())

    def rounding(self, theta: Tensor, precision: float) -> float:
        """What rounding θ to its precision can do to the error: four times what a seeded rounding does to g."""
        signs = torch.randint(2, theta.shape, generator=torch.Generator().manual_seed(0)).to(theta) * 2 - 1
        exact, rounded = self.evaluate(theta), self.evaluate(theta * (1 + 0.5 * precision * signs))
        moves = [self.part(CONSTRAINTS, rounded) - self.part(CONSTRAINTS, exact)]
        for block, after, before in zip(self.conditions, rounded[1:], exact[1:], strict=True):
            moves.append(block.rows(after) - block.rows(before))
        return 4 * sum(float(move.square().mean()) for move in moves)

    def rows(
        self,
        *,
        fixed: Mapping[str, float] | None = None,
        growing: Mapping[str, float] | None = None,
        near: Sequence[Tensor] | None = None,
    ) -> Block:
        """Rows of the points' parts, with the weights that stay and those that grow.

        A part's weight is that of its root mean square over its columns; parts in between weigh nothing. Values and
        slopes should be those of the quantities `near`, everything else should vanish.
        """
        fixed, growing = fixed or {}, growing or {}
        used = [self.parts[name] for name in (*fixed, *growing)]
        start, stop = min(part.start for part in used), max(part.stop for part in used)
        return Block(
            self.points,
            self._targets(near),
            fixed=self._weights(fixed)[start:stop],
            growing=self._weights(growing)[start:stop],
            start=start,
        )

    def _targets(self, near: Sequence[Tensor] | None) -> Tensor:
        targets = self.points.x.new_zeros(len(self.points.x), self._columns)
        for name in (U, SLOPE):
            if near is not None and name in self.parts:
                targets[:, self.parts[name]] = self.part(name, near)
        return targets

    def _weights(self, of_parts: Mapping[str, float]) -> Tensor:
        weights = self.points.x.new_zeros(self._columns)
        for name, weight in of_parts.items():
            part = self.parts[name]
            weights[part] = weight / math.sqrt(part.stop - part.start)
        return weights

    @property
    def _columns(self) -> int:
        return max(part.stop for part in self.parts.values())


def wave_of(model: ConstrainedNetwork, x: Tensor, p: Tensor, conditions: Sequence[Enforced], *, general: bool) -> Wave:
    """The wave p (K,) at x (n, D); `general` adds the explicit form and the slope to its quantities.

    Raises ValueError where the problem has no explicit form.
    """
    blocks = [condition_block(condition.points(model, p)) for condition in conditions]
    sizes = {U: len(model.problem.outputs), CONSTRAINTS: len(model.problem.constraints)}
    if general:
        model = replace(model, problem=with_explicit_form(model.problem))
        sizes = {U: 1, EXPLICIT: 1, CONSTRAINTS: 1, SLOPE: 1}
    places = pairwise(accumulate(sizes.values(), initial=0))
    parts = {name: slice(*place) for name, place in zip(sizes, places, strict=True)}
    return Wave(Points(model, x, p.expand(len(x), -1)), parts, blocks)
