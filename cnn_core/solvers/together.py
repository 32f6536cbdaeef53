"""Levenberg–Marquardt projections of many waves at once, stacked along a leading axis: what a GPU is for.

Every tick is a step of `Descent` for each wave that is still on its way. Waves have their own damping, weight and end,
and arrive where they would by themselves (`Continuation`), up to rounding. Systems are solved in the space of rows.

Axis names: B waves, P parameters, R rows; by block N points, A all quantities of a pass.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cnn_core.decisions import away_from_host
from cnn_core.linear_algebra import least_squares as steps
from cnn_core.linear_algebra.sides import LARGEST_FORMED, Space, cheaper_space, fits
from cnn_core.linearisation import pure_field_jacobian
from cnn_core.solvers import continuation
from cnn_core.solvers.rows import Block, Rows
from cnn_core.solvers.solver import Course
from cnn_core.solvers.wave import U, Wave


@dataclass(frozen=True, eq=False)
class Waves:
    """The rows of B waves, as those of the first one are, with parameters (B, N, K + E) and targets (B, N, A) by block.

    Evaluated and to first order, everything has the leading axis B.
    """

    rows: Rows
    p: Sequence[Tensor]
    targets: Sequence[Tensor]

    @classmethod
    def of(cls, each: Sequence[Rows]) -> "Waves":
        """Rows of waves of the same problem, at the same points."""
        blocks = [[rows.blocks[place] for rows in each] for place in range(len(each[0].blocks))]
        return cls(
            Rows([_pure(block) for block in each[0].blocks]),
            [torch.stack([block.points.p for block in alike]) for alike in blocks],
            [torch.stack([block.targets for block in alike]) for alike in blocks],
        )

    def at(self, which: Tensor) -> "Waves":
        """Those of some waves, by their positions."""
        return Waves(self.rows, [p[which] for p in self.p], [targets[which] for targets in self.targets])

    def evaluate(self, theta: Tensor) -> list[Tensor]:
        """All quantities (B, N, A) at θ (B, P), by block."""

        def of_wave(theta: Tensor, p: Sequence[Tensor]) -> list[Tensor]:
            return [_quantities(block, theta, own) for block, own in zip(self.rows.blocks, p, strict=True)]

        with away_from_host(stacks=True), torch.no_grad():
            return torch.vmap(of_wave)(theta, list(self.p))

    def linearise(self, theta: Tensor) -> tuple[list[Tensor], Tensor]:
        """All quantities, and J (B, R, P)."""

        def of_wave(theta: Tensor, p: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
            parts = [
                pure_field_jacobian(block.points.model, theta, block.points.x, own, block.start, block.stop)
                for block, own in zip(self.rows.blocks, p, strict=True)
            ]
            return [quantities for quantities, _ in parts], torch.cat([rows.matrix() for _, rows in parts])

        with away_from_host(stacks=True), torch.no_grad():
            return torch.vmap(of_wave)(theta, list(self.p))

    def select(self, quantities: Sequence[Tensor]) -> Tensor:
        """The unweighted rows (B, R) among all quantities."""
        parts = zip(self.rows.blocks, quantities, self.targets, strict=True)
        return torch.cat([(q - t)[..., block.start : block.stop].flatten(1) for block, q, t in parts], dim=1)

    def weights(self, weight: Tensor) -> Tensor:
        """The weights of the rows (B, R) at w (B,)."""
        fixed = self.rows.weights(0.0)
        return fixed + weight[:, None] * (self.rows.weights(1.0) - fixed)


def _pure(block: Block) -> Block:
    return replace(block, points=replace(block.points, model=replace(block.points.model, functional=True)))


def _quantities(block: Block, theta: Tensor, p: Tensor) -> Tensor:
    model, x = block.points.model, block.points.x
    return torch.cat(model.read(model.layer_pass(theta, x, p, model.carried).streams, x, p), dim=1)


@dataclass
class Descents:
    """Where B waves are: θ (B, P) and, (B,) each, μ, w, what the `Continuation` of each counts, and who goes on."""

    theta: Tensor
    damping: Tensor
    weight: Tensor
    idle: Tensor
    last: Tensor
    going: Tensor

    @classmethod
    def begin(cls, theta: Tensor, weight: float, going: Sequence[bool]) -> "Descents":
        """At θ (B, P)."""
        each = theta.new_ones(len(theta))
        return cls(
            theta=theta.clone(),
            damping=steps.FIRST_DAMPING * each,
            weight=weight * each,
            idle=torch.zeros_like(each),
            last=math.inf * each,
            going=torch.tensor(list(going), device=theta.device),
        )

    def at(self, which: Tensor) -> "Descents":
        """Those of some waves, by their positions."""
        return Descents(**{name: held[which] for name, held in vars(self).items()})

    def put(self, which: Tensor, others: "Descents") -> None:
        """The reverse of `at`."""
        for name, held in vars(others).items():
            getattr(self, name)[which] = held


@dataclass(frozen=True, kw_only=True)
class Together:
    """The ways of B waves from the same θ₀ (P,); settings as in `Continuation`, `tolerance` (B,).

    Without `growth` there is one weight, and a wave is done when that is.
    """

    stack: Waves
    start: Tensor
    pull: float
    tolerance: Tensor
    max_steps: int
    first_weight: float
    growth: float | None
    inner_tolerance: float

    def travel(
        self, begin: Tensor, going: Sequence[bool], wave: Wave, courses: Sequence[Course] | None = None
    ) -> Tensor:
        """Where the waves that are `going`, of which one is given, arrive from θ (B, P); their courses note how."""
        state = Descents.begin(begin, self.first_weight, going)
        for step in range(1, self.max_steps + 1):
            which = state.going.nonzero()[:, 0]
            if len(which) == 0:
                break
            after, quantities = self._tick(state.at(which), self.stack.at(which), wave, self.tolerance[which], step)
            state.put(which, after)
            if courses is None:
                continue
            errors, predictions = _errors(wave, quantities).tolist(), quantities[0][..., wave.parts[U]]
            for place, error, prediction in zip(which.tolist(), errors, predictions.unbind(), strict=True):
                courses[place].note(error, prediction.clone())
        return state.theta

    def _tick(
        self, state: Descents, stack: Waves, wave: Wave, tolerance: Tensor, step: int
    ) -> tuple[Descents, list[Tensor]]:
        """A step of each wave, and the quantities where it is then."""
        weights = stack.weights(state.weight)
        at, jacobian = stack.linearise(state.theta)
        values = weights * stack.select(at)
        before = self._cost(state.theta, values)
        tried, promised = self._step(state, stack, weights, values, jacobian.mul_(weights[..., None]))
        quantities = stack.evaluate(tried)
        gain = before - self._cost(tried, weights * stack.select(quantities))
        accepted = torch.isfinite(gain) & (gain > steps.LEAST_GAIN * promised)
        theta = torch.where(accepted[:, None], tried, state.theta)
        quantities = [_where(accepted, new, old) for new, old in zip(quantities, at, strict=True)]
        damping = state.damping * torch.where(accepted, _changes(gain, promised), steps.REFUSED)
        rest = (gain > 0) & (gain < self.inner_tolerance * before)
        rest = rest | (damping >= steps.LARGEST_DAMPING) | (step >= self.max_steps)
        moved = replace(state, theta=theta, damping=damping)
        return self._grown(moved, rest, _errors(wave, quantities), tolerance, step), quantities

    def _grown(self, state: Descents, rest: Tensor, now: Tensor, tolerance: Tensor, step: int) -> Descents:
        """The next weight for those that are at rest, as far as there is one."""
        if self.growth is None:
            return replace(state, going=~rest)
        telling = (state.weight >= continuation.FIRST_TELLING_WEIGHT) & (now > continuation.HARDLY_LOWER * state.last)
        idle = torch.where(rest, torch.where(telling, state.idle + 1, 0.0), state.idle)
        spent = (state.weight > continuation.LARGEST_WEIGHT) | (idle >= continuation.PATIENCE)
        done = rest & ((now <= tolerance) | spent | (step >= self.max_steps))
        return replace(
            state,
            weight=torch.where(rest, state.weight * self.growth, state.weight),
            damping=torch.where(rest, state.damping.clamp(max=1.0), state.damping),
            last=torch.where(rest, now, state.last),
            idle=idle,
            going=~done,
        )

    def _step(
        self, state: Descents, stack: Waves, weights: Tensor, values: Tensor, jacobian: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Where the accelerated steps lead (B, P), and by how much the plain ones should lower the costs (B,)."""
        gram, distance = jacobian @ jacobian.mT, state.theta - self.start
        square = gram.diagonal(dim1=1, dim2=2).mean(dim=1)
        slack = self.pull + state.damping * square
        slack = torch.where(slack == 0, 1.0, slack)
        factor = _factors(gram, slack, square)

        def shortest(values: Tensor) -> tuple[Tensor, Tensor]:
            halfway = torch.linalg.solve_triangular(factor, values[..., None], upper=False)
            y = torch.linalg.solve_triangular(factor.mT, halfway, upper=True)
            return -(jacobian.mT @ y)[..., 0], -(gram @ y)[..., 0]

        shrink = (self.pull / slack)[:, None]
        leaning = (jacobian @ distance[..., None])[..., 0] if self.pull else torch.zeros_like(values)
        step, slope = shortest(values - shrink * leaning)
        step, slope = step - shrink * distance, slope - shrink * leaning
        probe = weights * stack.select(stack.evaluate(state.theta + steps.PROBE * step))
        acceleration = shortest(2 / steps.PROBE * ((probe - values) / steps.PROBE - slope))[0]
        promised = 0.5 * (values.square() - (values + slope).square()).sum(dim=1)
        promised = promised + 0.5 * self.pull * (distance.square() - (distance + step).square()).sum(dim=1)
        bends = acceleration.norm(dim=1) <= steps.LARGEST_BEND * step.norm(dim=1)
        step = torch.where(bends[:, None], step + 0.5 * acceleration, step)
        return state.theta + step, promised

    def _cost(self, theta: Tensor, values: Tensor) -> Tensor:
        pulled = self.pull * (theta - self.start).square().sum(dim=1) if self.pull else 0.0
        return 0.5 * (values.square().sum(dim=1) + pulled)


def _changes(gain: Tensor, promised: Tensor) -> Tensor:
    """The factors by which the damping changes after steps that were taken."""
    poor = torch.where(gain < steps.POOR * promised, steps.RAISED, 1.0)
    return torch.where(gain > steps.GOOD * promised, steps.EASED, poor)


def _where(condition: Tensor, then: Tensor, otherwise: Tensor) -> Tensor:
    return torch.where(condition[:, None, None], then, otherwise)


def _errors(wave: Wave, quantities: Sequence[Tensor]) -> Tensor:
    """What `Wave.error` is of each wave (B,), of which this is one."""
    errors = quantities[0][..., wave.parts["constraints"]].square().mean(dim=(1, 2))
    for block, own in zip(wave.conditions, quantities[1:], strict=False):
        errors = errors + (own - block.targets)[..., block.start : block.stop].square().mean(dim=(1, 2))
    return errors


def _factors(gram: Tensor, slack: Tensor, square: Tensor) -> Tensor:
    """The Cholesky factors of G + slack·I, each with the least more slack that makes it positive definite."""
    while True:
        factor, info = torch.linalg.cholesky_ex(gram + torch.diag_embed(slack[:, None].expand(gram.shape[:2])))
        failed = (info != 0) & torch.isfinite(slack)
        if not failed.any():
            return factor
        slack = torch.where(failed, torch.maximum(4 * slack, 1e-15 * square), slack)


def gradients_of(stack: Waves, theta: Tensor) -> Tensor:
    """|JᵀF| / (|J| |F|) of each (B,) at θ (B, P), at w = 1."""
    weights = stack.weights(theta.new_ones(len(theta)))
    quantities, jacobian = stack.linearise(theta)
    jacobian, values = jacobian.mul_(weights[..., None]), weights * stack.select(quantities)
    size = jacobian.flatten(1).norm(dim=1) * values.norm(dim=1)
    return (values[:, None] @ jacobian).flatten(1).norm(dim=1) / size.clamp(min=1e-300)


def why_one_by_one(rows: Rows, space: Space) -> str | None:
    """Why waves with rows like these are not stacked, if so."""
    models = [block.points.model for block in rows.blocks]
    if not all(model.pure for model in models):
        return "passes are no pure functions: another network's, or with partners of points"
    count, parameters = len(rows.weights(1.0)), models[0].layout.size
    if (cheaper_space(count, parameters) if space == "auto" else space) != "rows":
        return "steps are solved in the space of parameters"
    if not fits(count, parameters):
        return "the Jacobian of a single one is too large to be formed"
    return None


def most_at_once(rows: Rows) -> int:
    """How many waves with rows like these have their J formed at once."""
    return LARGEST_FORMED // (len(rows.weights(1.0)) * rows.blocks[0].points.model.layout.size)
