"""Optimizers: how θ moves along the direction that a method gives. Thin descriptions of `torch.optim`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from cnn_core.schedules import Schedule, require_nonnegative, value_at

Moments = dict[str, Any]
"""What an optimizer remembers of earlier gradients; tensors and plain numbers."""


class Optimizer(Protocol):
    """A description of an optimizer; `learning_rate` may be a schedule in epochs."""

    @property
    def name(self) -> str: ...
    @property
    def learning_rate(self) -> Schedule: ...
    def build(self, theta: Tensor) -> torch.optim.Optimizer: ...
    def precondition(self, gradient: Tensor, state: Moments) -> tuple[Tensor, Tensor | None, Moments]:
        """Its step at learning rate 1 for ∇f (P,), its metric M (P,) (None: the identity) and its new moments."""
        ...


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015)."""

    learning_rate: Schedule = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    name: Literal["adam"] = "adam"

    def __post_init__(self) -> None:
        require_nonnegative(learning_rate=self.learning_rate)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must lie in [0, 1), got {list(self.betas)}")
        if self.epsilon <= 0:
            raise ValueError(f"epsilon must be positive, got {self.epsilon}")

    def build(self, theta: Tensor) -> torch.optim.Optimizer:
        rate = value_at(self.learning_rate, 0.0)
        return torch.optim.Adam([theta], lr=rate, betas=self.betas, eps=self.epsilon, fused=True)

    def precondition(self, gradient: Tensor, state: Moments) -> tuple[Tensor, Tensor | None, Moments]:
        """M m̂ with M = 1/(√v̂ + ε): the moments m and v are those of ∇f alone."""
        (fade_first, fade_second), count = self.betas, int(state.get("count", 0)) + 1
        zero = torch.zeros_like(gradient)
        first = fade_first * state.get("first", zero) + (1 - fade_first) * gradient
        second = fade_second * state.get("second", zero) + (1 - fade_second) * gradient.square()
        metric = 1 / ((second / (1 - fade_second**count)).sqrt() + self.epsilon)
        return metric * first / (1 - fade_first**count), metric, {"first": first, "second": second, "count": count}


@dataclass(frozen=True)
class Sgd:
    """Gradient descent, with heavy-ball momentum if asked for."""

    learning_rate: Schedule = 1e-2
    momentum: float = 0.0
    name: Literal["sgd"] = "sgd"

    def __post_init__(self) -> None:
        require_nonnegative(learning_rate=self.learning_rate)
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")

    def build(self, theta: Tensor) -> torch.optim.Optimizer:
        return torch.optim.SGD([theta], lr=value_at(self.learning_rate, 0.0), momentum=self.momentum, fused=True)

    def precondition(self, gradient: Tensor, state: Moments) -> tuple[Tensor, Tensor | None, Moments]:
        """The momentum of ∇f, in the identity metric."""
        velocity = self.momentum * state.get("velocity", torch.zeros_like(gradient)) + gradient
        return velocity, None, {"velocity": velocity}


OPTIMIZERS: Mapping[str, type[Optimizer]] = {"adam": Adam, "sgd": Sgd}
