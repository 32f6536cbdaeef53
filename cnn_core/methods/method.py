"""What every training method is: a frozen dataclass of hyperparameters that turns one batch into one descent direction.

A method says *where to go*; the optimizer (`cnn_core.optimizers`) says how. Training does θ ← optimizer(θ, direction).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from cnn_core.clock import Clock
from cnn_core.constrained import ConstrainedNetwork, Evaluation, Objective, Pulled
from cnn_core.data_loss import data_loss
from cnn_core.linearisation import Terms, batch_terms
from cnn_core.optimizers import Adam, Optimizer
from cnn_core.problems import PointSet

State = dict[str, Any]
"""What a method carries from step to step; tensors and plain numbers only, so that a checkpoint can hold it."""


@dataclass(frozen=True)
class MiniBatch:
    """Points of one step: x (N, D), p (N, K), u (N, O), and their positions `index` (N,) in the training set."""

    x: Tensor
    p: Tensor
    u: Tensor
    index: Tensor


@dataclass(frozen=True)
class Step:
    """What a method sees: the constrained network at θ (P,), a batch, the time in epochs, the optimizer, a clock."""

    model: ConstrainedNetwork
    theta: Tensor
    batch: MiniBatch
    epoch: float
    optimizer: Optimizer = field(default_factory=Adam)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        x, p, u = self.batch.x, self.batch.p, self.batch.u
        outputs = len(self.model.problem.outputs)
        if len(x) == 0 or len(p) != len(x) or u.shape != (len(x), outputs):
            raise ValueError(
                f"batch: x, p and u must have one row for each of some points, and u {outputs} columns (outputs), got "
                f"{tuple(x.shape)}, {tuple(p.shape)} and {tuple(u.shape)}"
            )
        if not self.theta.dtype == x.dtype == p.dtype == u.dtype:
            raise ValueError(
                f"theta and the batch must have the same dtype, got {self.theta.dtype} and {x.dtype}, {p.dtype}, "
                f"{u.dtype}"
            )
        if not self.theta.requires_grad:
            raise ValueError("theta must require its gradient; write theta.requires_grad_()")

    def evaluate(self) -> Evaluation:
        """Predictions and residuals of the batch, differentiable in θ."""
        return self.model.evaluate(self.theta, self.batch.x, self.batch.p, self.clock)

    def gradient(self, objective: Objective, *arguments: Any) -> Pulled:
        """The gradient of objective(predictions, residuals, *arguments), with predictions and residuals."""
        return self.model.gradient(self.theta, self.batch.x, self.batch.p, objective, *arguments, clock=self.clock)

    def data_gradient(self, rate: float = 1.0, *, prediction: Tensor | None = None) -> Tensor:
        """rate·∇f (P,) for f = the mean point loss of the batch.

        Takes a pass of the values alone, unless a `prediction` (N, O) is at hand, whose graph is then kept.
        """
        if rate == 0:
            return torch.zeros_like(self.theta)
        if prediction is None:
            with self.clock.section("forward"):
                prediction = self.model.predict(self.theta, self.batch.x, self.batch.p)
        loss = rate * data_loss(prediction, self.batch.u)
        with self.clock.section("step"):
            return torch.autograd.grad(loss, self.theta, retain_graph=True)[0]

    def pull(self, multipliers: Tensor, x: Tensor, p: Tensor) -> Tensor:
        """Jᵀλ (P,) for λ (N·C,) and the residuals at any points x (N, D), p (N, K), by one backward pass."""
        residuals = self.model.evaluate(self.theta, x, p, self.clock).residuals
        with self.clock.section("step"):
            return torch.autograd.grad(residuals.flatten() @ multipliers, self.theta)[0]

    def terms(self) -> Terms:
        """Residuals of the batch, and the Jacobians of its points' data losses and residuals."""
        return batch_terms(self.model, self.theta, self.batch.x, self.batch.p, self.batch.u, clock=self.clock)


Watch = Callable[[], Mapping[str, float]]
"""Works out figures worth watching. A training asks once an epoch, so they may cost something."""


class Direction(NamedTuple):
    """A method's answer: the direction (P,) to descend along, its new state, and what is worth watching, if anything.

    `complete` says that the direction is the step itself, θ ← θ − direction: the optimizer is not asked.
    """

    gradient: Tensor
    state: State
    watch: Watch | None = None
    complete: bool = False

    @property
    def figures(self) -> Mapping[str, float]:
        """The figures worth watching."""
        return {} if self.watch is None else self.watch()


class Method(Protocol):
    """A training method. `start` makes the state; `direction` is pure: same step and state, same answer."""

    @property
    def name(self) -> str: ...
    def start(self, model: ConstrainedNetwork, points: PointSet) -> State: ...
    def direction(self, step: Step, state: State) -> Direction: ...
