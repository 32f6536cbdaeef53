"""The rows F(θ) of a least-squares problem: quantities of u at points, each with a target and a weight.

A block's rows are some of the quantities [u_1 … u_O, g_1 … g_C] of one residual at one set of points: row r = n·Q + q
is the quantity q at the point n.

Axis names: N points of a block, A all quantities of its pass, Q those of them that are rows, R rows of all blocks.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cnn_core.constrained import ConstrainedNetwork, Evaluation
from cnn_core.jacobian import Jacobian, StackedJacobian
from cnn_core.linear_algebra.least_squares import Linear
from cnn_core.linearisation import field_jacobian
from cnn_core.problems import PointSet


@dataclass(frozen=True, eq=False)
class Points:
    """The quantities [u, g] of `model` at x (N, D) for p (N, K + E): parameters, and what is attached to the points."""

    model: ConstrainedNetwork
    x: Tensor
    p: Tensor

    def every(self, stride: int) -> "Points":
        """Every so many of these points."""
        return replace(self, x=self.x[::stride], p=self.p[::stride])

    def evaluate(self, theta: Tensor) -> Tensor:
        """All quantities, (N, A), without a graph."""
        with torch.no_grad():
            return _quantities(self.model.evaluate(theta, self.x, self.p))

    @torch.enable_grad()
    def linearise(self, theta: Tensor, start: int, stop: int) -> tuple[Tensor, Jacobian]:
        """All quantities, and the Jacobian of those from `start` to `stop` − 1."""
        theta = theta.detach().requires_grad_()
        evaluation = self.model.evaluate(theta, self.x, self.p)
        return _quantities(evaluation), field_jacobian(self.model, theta, evaluation, self.x, self.p, start, stop)


@dataclass(frozen=True, eq=False)
class Block:
    """The quantities start … start + Q − 1 of every point are rows, less their targets (N, A).

    The rows' weights are (fixed + w·growing)/√N, both (Q,): what stays, and what is enforced more and more; times
    `own` (N, Q), where rows have weights of their own.
    """

    points: Points
    targets: Tensor
    fixed: Tensor
    growing: Tensor
    start: int = 0
    own: Tensor | None = None

    @property
    def stop(self) -> int:
        """start + Q."""
        return self.start + len(self.fixed)

    def every(self, stride: int) -> "Block":
        """The same of every so many points."""
        own = None if self.own is None else self.own[::stride]
        return replace(self, points=self.points.every(stride), targets=self.targets[::stride], own=own)

    def residuals(self, theta: Tensor) -> Tensor:
        """The residuals less their targets, (N, C), differentiable once in θ."""
        residuals = self.points.model.residuals(theta, self.points.x, self.points.p)
        return residuals - self.targets[:, self.targets.shape[1] - residuals.shape[1] :]

    def rows(self, quantities: Tensor) -> Tensor:
        """The unweighted rows (N·Q,) among all quantities (N, A)."""
        return (quantities - self.targets)[:, self.start : self.stop].flatten()

    def weights(self, weight: float) -> Tensor:
        """The weights of the rows, (N·Q,), at w = `weight`."""
        count = len(self.points.x)
        weights = (self.fixed + weight * self.growing).repeat(count) / math.sqrt(count)
        return weights if self.own is None else weights * self.own.flatten()


@dataclass(frozen=True)
class Rows:
    """All blocks of a least-squares problem as one F(θ)."""

    blocks: Sequence[Block]

    def evaluate(self, theta: Tensor) -> list[Tensor]:
        """All quantities, by block."""
        return [block.points.evaluate(theta) for block in self.blocks]

    def linearise(self, theta: Tensor) -> Linear:
        """All quantities by block, and the rows to first order."""
        parts = [block.points.linearise(theta, block.start, block.stop) for block in self.blocks]
        quantities, jacobians = zip(*parts, strict=True)
        jacobian = StackedJacobian(jacobians, [len(block.points.x) * len(block.fixed) for block in self.blocks])
        return Linear(list(quantities), jacobian)

    def select(self, quantities: Sequence[Tensor]) -> Tensor:
        """The unweighted rows (R,) among all quantities."""
        return torch.cat([block.rows(values) for block, values in zip(self.blocks, quantities, strict=True)])

    def weights(self, weight: float) -> Tensor:
        """The weights of the rows, (R,), at w = `weight`."""
        return torch.cat([block.weights(weight) for block in self.blocks])


def _quantities(evaluation: Evaluation) -> Tensor:
    return torch.cat([evaluation.prediction, evaluation.residuals], dim=1).detach()


def observation_block(model: ConstrainedNetwork, data: PointSet) -> Block:
    """The outputs at observed points as rows, less what was observed there; they keep their weight."""
    points = Points(model.with_problem(model.problem.only(())), data.x, data.p)
    outputs = data.u.shape[1]
    fixed = data.u.new_full((outputs,), 1 / math.sqrt(outputs))
    return Block(points, data.u, fixed, 0 * fixed, own=None if data.weight is None else data.weight.sqrt())


def condition_block(points: Points) -> Block:
    """All residuals at these points as rows, all of them growing; they should vanish."""
    outputs, quantities = len(points.model.problem.outputs), len(points.model.problem.constraints)
    growing = points.x.new_full((quantities,), 1 / math.sqrt(quantities))
    targets = points.x.new_zeros(len(points.x), outputs + quantities)
    return Block(points, targets, 0 * growing, growing, start=outputs)
