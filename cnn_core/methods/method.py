"""What every training method is: a frozen dataclass of hyperparameters that turns one batch into one descent direction.

A method says *where to go*; the optimizer (`cnn_core.optimizers`) says how. Training does θ ← optimizer(θ, direction).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol, cast

import torch
from torch import Tensor

from cnn_core.clock import Clock
from cnn_core.constrained import ConstrainedNetwork, Objective, Pulled
from cnn_core.data_loss import data_loss
from cnn_core.jacobian import Jacobian, StackedJacobian, stacked
from cnn_core.linearisation import Terms, batch_terms
from cnn_core.optimizers import Adam, Optimizer
from cnn_core.problems import PointSet
from cnn_core.reductions import Reduction
from cnn_core.tasks import Need, Task, added, at_once, by_condition, has_objective, objective

Points = Mapping[str, tuple[Tensor, Tensor]]
"""x (N, D) and p (N, K + E) by region."""

State = dict[str, Any]
"""What a method carries from step to step; tensors and plain numbers only, so that a checkpoint can hold it."""


@dataclass(frozen=True)
class MiniBatch:
    """Points of one step on a region: x (N, D), p (N, K + E), u (N, O), and their positions `index` (N,) in its set.

    `weight` (N, O) weighs the data; None: all alike.
    """

    x: Tensor
    p: Tensor
    u: Tensor
    index: Tensor
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Part:
    """A step's points on one region, and what is asked there."""

    task: Task
    batch: MiniBatch

    def __post_init__(self) -> None:
        x, p, u = self.batch.x, self.batch.p, self.batch.u
        outputs = len(self.task.model.problem.outputs)
        if len(x) == 0 or len(p) != len(x) or u.shape != (len(x), outputs):
            raise ValueError(
                f"batch: x, p and u must have one row for each of some points, and u {outputs} columns (outputs), got "
                f"{tuple(x.shape)}, {tuple(p.shape)} and {tuple(u.shape)}"
            )

    @property
    def model(self) -> ConstrainedNetwork:
        """The network, bound to the residuals that teach on this region."""
        return self.task.model

    @property
    def u(self) -> Tensor | None:
        """The data (N, O), if it teaches."""
        return self.batch.u if self.task.learns else None

    def constraints(self, theta: Tensor, clock: Clock) -> Tensor:
        """The constraints g (N, C) here, differentiable in θ."""
        evaluation = self.model.evaluate(theta, self.batch.x, self.batch.p, clock)
        return self.task.constraint_part(evaluation.residuals)


class StepTerms(NamedTuple):
    """A step's constraints g (R,), the gradient ∇f (P,), and J of the constraints (R × P)."""

    residuals: Tensor
    gradient: Tensor
    constraints: Jacobian | StackedJacobian


@dataclass(frozen=True)
class Step:
    """What a method sees: a batch on every region that teaches, θ (P,), the time in epochs, the optimizer, a clock.

    The objective is f = Σ over regions of the mean over their points. Rows of g and of J stand by region, point and
    condition.
    """

    parts: Sequence[Part]
    theta: Tensor
    epoch: float
    optimizer: Optimizer = field(default_factory=Adam)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        for part in self.parts:
            x, p, u = part.batch.x, part.batch.p, part.batch.u
            if not self.theta.dtype == x.dtype == p.dtype == u.dtype:
                raise ValueError(
                    f"theta and the batch must have the same dtype, got {self.theta.dtype} and {x.dtype}, {p.dtype}, "
                    f"{u.dtype}"
                )
        if not (self.theta.requires_grad or self.functional):
            raise ValueError("theta must require its gradient; write theta.requires_grad_()")

    @property
    def functional(self) -> bool:
        """Whether passes are pure functions of tensors, without a graph."""
        return all(part.model.functional for part in self.parts)

    @property
    def constrained(self) -> list[Part]:
        """The parts that have constraints."""
        return [part for part in self.parts if part.task.constraints]

    def warms_up(self, epochs: float) -> bool:
        """Whether training is unconstrained yet, as in so many first epochs; never where there is no objective."""
        return self.epoch < epochs and has_objective(part.task for part in self.parts)

    def gradient(self, part: Part, objective: Objective, *arguments: Any) -> Pulled:
        """The gradient of objective(predictions, residuals, *arguments) on one part, with predictions and residuals."""
        return part.model.gradient(self.theta, part.batch.x, part.batch.p, objective, *arguments, clock=self.clock)

    def objective_gradient(self, rate: float = 1.0) -> Tensor:
        """rate·∇f (P,); takes passes of the values alone wherever the data is all of f."""
        return torch.zeros_like(self.theta) if _vanishes(rate) else self.objective(rate)[1]

    def objective(self, rate: float = 1.0) -> tuple[Tensor, Tensor]:
        """rate·f, a scalar, and its gradient in θ (P,)."""
        found = [self._objective_of(part, rate) for part in self.parts if part.task.aims]
        zeros = self.theta.new_zeros(()), torch.zeros_like(self.theta)
        return added([value for value, _ in found], zeros[0]), added([gradient for _, gradient in found], zeros[1])

    def _objective_of(self, part: Part, rate: float) -> tuple[Tensor, Tensor]:
        if not part.task.by_values:
            shares = part.task.shares(self.theta)
            pulled = self.gradient(part, objective, part.u, part.batch.weight, shares)
            return rate * pulled.value, rate * pulled.gradient
        if part.model.functional:
            batch = part.batch
            pulled = part.task.of_values.gradient(
                self.theta, batch.x, batch.p, objective, batch.u, batch.weight, None, clock=self.clock
            )
            return rate * pulled.value, rate * pulled.gradient
        with self.clock.section("forward"):
            prediction = part.model.predict(self.theta, part.batch.x, part.batch.p)
        loss = rate * data_loss(prediction, part.batch.u, part.batch.weight)
        with self.clock.section("step"):
            return loss.detach(), torch.autograd.grad(loss, self.theta)[0]

    def slope(self, loss: Tensor, rate: float) -> Tensor:
        """rate·∇loss (P,) for a scalar with a graph, which is kept."""
        if _vanishes(rate) or not loss.requires_grad:
            return torch.zeros_like(self.theta)
        with self.clock.section("step"):
            return torch.autograd.grad(rate * loss, self.theta, retain_graph=True)[0]

    def values(self, reduction: Reduction) -> tuple[Tensor, Tensor]:
        """f, a scalar, and the constraints' reduced numbers (C,), one for each condition; both differentiable in θ."""
        losses, numbers = [], []
        for part in self.parts:
            evaluation = part.model.evaluate(self.theta, part.batch.x, part.batch.p, self.clock)
            task = part.task
            if task.aims:
                shares = task.shares(self.theta)
                losses.append(objective(evaluation.prediction, evaluation.residuals, part.u, part.batch.weight, shares))
            if task.constraints:
                numbers.append(by_condition(task, reduction(task.constraint_part(evaluation.residuals))))
        return added(losses, 0 * self.theta.sum()), at_once(numbers) if numbers else self.theta.new_zeros(0)

    def value_gradients(self, reduction: Reduction) -> tuple[Tensor, Tensor, Tensor]:
        """∇f (P,), the constraints' reduced numbers (C,), and their gradients (C, P), by `functional` passes."""
        slopes, numbers, rows = [torch.zeros_like(self.theta)], [], []
        for part in self.parts:
            task, batch = part.task, part.batch
            found, gradients = part.model.gradients(
                self.theta, batch.x, batch.p, _values, task, reduction, part.u, batch.weight, task.shares(self.theta)
            )
            slopes.append(gradients[0])
            numbers.append(found[1:])
            rows.append(gradients[1:])
        return added(slopes, self.theta), torch.cat(numbers), torch.cat(rows)

    def pull(self, multipliers: Tensor, points: Points) -> Tensor:
        """Jᵀλ (P,) for λ (R,) and the constraints at any points by region, by one backward pass."""
        tasks = {part.task.region: part.task for part in self.constrained}
        residuals = [
            tasks[region].constraint_part(tasks[region].model.evaluate(self.theta, x, p, self.clock).residuals)
            for region, (x, p) in points.items()
        ]
        with self.clock.section("step"):
            return torch.autograd.grad(at_once([one.flatten() for one in residuals]) @ multipliers, self.theta)[0]

    def constraints(self, theta: Tensor) -> Tensor:
        """The constraints (R,) of the batch at another θ (P,), without a graph."""
        with torch.no_grad():
            return at_once([part.constraints(theta, self.clock).flatten() for part in self.constrained])

    def terms_of(self, part: Part) -> Terms:
        """The constraints of one part, its share of ∇f, and the Jacobians of its points' losses and constraints."""
        batch, task = part.batch, part.task
        shares = task.shares(self.theta)
        return batch_terms(
            part.model, self.theta, batch.x, batch.p, part.u, weight=batch.weight, shares=shares, clock=self.clock
        )

    def terms(self) -> StepTerms:
        """The constraints of all parts, ∇f, and the Jacobian of the constraints."""
        each = [self.terms_of(part) if part.task.constraints else None for part in self.parts]
        gradients = [
            self._objective_of(part, 1.0)[1] if terms is None else terms.gradient
            for part, terms in zip(self.parts, each, strict=True)
        ]
        known = [terms for terms in each if terms is not None]
        residuals = [terms.residuals.flatten() for terms in known]
        jacobians = [cast(Jacobian, terms.constraints) for terms in known]
        return StepTerms(
            at_once(residuals),
            added(gradients, torch.zeros_like(self.theta)),
            stacked(jacobians, list(map(len, residuals))),
        )


def _values(
    prediction: Tensor,
    residuals: Tensor,
    task: Task,
    reduction: Reduction,
    u: Tensor | None,
    weight: Tensor | None,
    shares: Tensor | None,
) -> Tensor:
    """What a part adds to f, and the reduced numbers of its conditions, (1 + C,)."""
    loss = objective(prediction, residuals, u, weight, shares)
    if not task.constraints:
        return loss[None]
    return torch.cat([loss[None], by_condition(task, reduction(task.constraint_part(residuals)))])


Watch = Callable[[], Mapping[str, float]]
"""Works out values worth watching. A training asks once an epoch, so they may cost something."""


class Direction(NamedTuple):
    """A method's answer: the direction (P,) to descend along, its new state, and what is worth watching, if anything.

    `complete` says that the direction is the step itself, θ ← θ − direction: the optimizer is not asked. `value` is the
    scalar whose gradient the direction is, where it is one.
    """

    gradient: Tensor
    state: State
    watch: Watch | None = None
    complete: bool = False
    value: Tensor | None = None

    @property
    def watched(self) -> Mapping[str, float]:
        """The values worth watching."""
        return {} if self.watch is None else self.watch()


class Method(Protocol):
    """A training method. `start` makes the state; `direction` is pure: same step and state, same answer.

    `needs` says without which role there is nothing for it to do, `has_value` whether its directions have a value: an
    objective function that a line search can look at. Those whose steps cannot be recorded have `unrecorded`, a text
    that says what these do.
    """

    needs: ClassVar[Need]
    has_value: ClassVar[bool]

    @property
    def name(self) -> str: ...
    def start(self, tasks: Sequence[Task], points: Mapping[str, PointSet]) -> State: ...
    def direction(self, step: Step, state: State) -> Direction: ...


def _vanishes(rate: float | Tensor) -> bool:
    """Whether a rate is 0 for sure; one that is a tensor is there for being another number at times."""
    return not isinstance(rate, Tensor) and rate == 0


def require_value(optimizer: Optimizer, method: Method) -> None:
    """Raises ValueError where an optimizer needs values that a method's directions do not have."""
    if optimizer.searches and not method.has_value:
        raise ValueError(
            f"optimizer {optimizer.name} searches along lines for lower values, and method {method.name} gives "
            "directions that have none; write method soft, augmented-lagrangian or unconstrained, or optimizer adam"
        )
