"""Optimizers: how θ moves along the direction that a method gives. Thin descriptions of `torch.optim`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from cnn_core.schedules import Schedule, require_nonnegative, value_at


class Optimizer(Protocol):
    """A description of an optimizer; `learning_rate` may be a schedule in epochs."""

    @property
    def name(self) -> str: ...
    @property
    def learning_rate(self) -> Schedule: ...
    def build(self, theta: Tensor) -> torch.optim.Optimizer: ...


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
        return torch.optim.Adam([theta], lr=rate, betas=self.betas, eps=self.epsilon)


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
        return torch.optim.SGD([theta], lr=value_at(self.learning_rate, 0.0), momentum=self.momentum)


OPTIMIZERS: Mapping[str, type[Optimizer]] = {"adam": Adam, "sgd": Sgd}
