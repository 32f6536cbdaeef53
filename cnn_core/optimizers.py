"""Optimizers: how θ moves along the direction that a method gives. Thin descriptions of `torch.optim`, and of SOAP."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from cnn_core.decisions import host_decides
from cnn_core.schedules import Schedule, require_nonnegative, value_at

Moments = dict[str, Any]
"""What an optimizer remembers of earlier gradients; tensors and plain numbers."""


Group = dict[str, Any]
"""Settings of an optimizer's step, `lr` among them."""


class Stepper(Protocol):
    """What moves θ along θ.grad, in place."""

    @property
    def param_groups(self) -> list[Group]: ...
    def step(self, closure: Any = None, /) -> Any: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any], /) -> None: ...


class Optimizer(Protocol):
    """A description of an optimizer; `learning_rate` may be a schedule in epochs.

    `searches` says whether a step looks along a line for lower values, for which it asks for value and gradient anew;
    those of an optimizer with a `switch` do so from that time on. One whose steps cannot be recorded has `unrecorded`,
    a text that says what these do.
    """

    searches: ClassVar[bool]

    @property
    def name(self) -> str: ...
    @property
    def learning_rate(self) -> Schedule: ...
    def build(self, theta: Tensor, shapes: Sequence[torch.Size] = ()) -> Stepper:
        """What moves θ (P,), which is made of tensors of these shapes, one after the other, and of what is left."""
        ...

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
    searches: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require_moments(self.learning_rate, self.betas, self.epsilon)

    def build(self, theta: Tensor, shapes: Sequence[torch.Size] = ()) -> torch.optim.Optimizer:
        rate = value_at(self.learning_rate, 0.0)
        return torch.optim.Adam([theta], lr=rate, betas=self.betas, eps=self.epsilon, fused=True)

    def precondition(self, gradient: Tensor, state: Moments) -> tuple[Tensor, Tensor | None, Moments]:
        """M m̂ with M = 1/(√v̂ + ε): the moments m and v are those of ∇f alone."""
        (fade_first, fade_second), count = self.betas, _counted(state.get("count", 0), gradient) + 1
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
    searches: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_nonnegative(learning_rate=self.learning_rate)
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")

    def build(self, theta: Tensor, shapes: Sequence[torch.Size] = ()) -> torch.optim.Optimizer:
        return torch.optim.SGD([theta], lr=value_at(self.learning_rate, 0.0), momentum=self.momentum, fused=True)

    def precondition(self, gradient: Tensor, state: Moments) -> tuple[Tensor, Tensor | None, Moments]:
        """The momentum of ∇f, in the identity metric."""
        velocity = self.momentum * state.get("velocity", torch.zeros_like(gradient)) + gradient
        return velocity, None, {"velocity": velocity}


@dataclass(frozen=True)
class Soap:
    """SOAP (Vyas et al. 2024): Adam in the eigenbases of Shampoo's two factors of every matrix, vectors by Adam alone.

    The eigenbases are computed anew after every `refresh_interval` steps. The first step only looks at the gradient.
    """

    learning_rate: Schedule = 3e-3
    betas: tuple[float, float] = (0.95, 0.95)
    epsilon: float = 1e-8
    refresh_interval: int = 10
    name: Literal["soap"] = "soap"
    searches: ClassVar[bool] = False
    unrecorded: ClassVar[str] = "decompose matrices"

    def __post_init__(self) -> None:
        _require_moments(self.learning_rate, self.betas, self.epsilon)
        if self.refresh_interval < 1:
            raise ValueError(f"refresh_interval must be at least 1, got {self.refresh_interval}")

    def build(self, theta: Tensor, shapes: Sequence[torch.Size] = ()) -> Stepper:
        from pytorch_optimizer import SOAP  # takes two seconds, which only those who use it should pay

        rate = value_at(self.learning_rate, 0.0)

        def make(tensors: Sequence[Tensor]) -> torch.optim.Optimizer:
            interval = self.refresh_interval
            return SOAP(
                tensors, lr=rate, betas=self.betas, eps=self.epsilon, precondition_frequency=interval, weight_decay=0.0
            )

        return OnTensors(theta, shapes, make)

    def precondition(self, gradient: Tensor, state: Moments) -> tuple[Tensor, Tensor | None, Moments]:
        """Raises ValueError: its metric is no diagonal one."""
        raise ValueError("soap has no diagonal metric; use the metric of adam, or the identity")


@dataclass(frozen=True)
class Lbfgs:
    """L-BFGS with a line search for the strong Wolfe conditions (Nocedal & Wright 2006, ch. 7), as torch has it.

    A step of a training is at most `max_iterations` of its own, on one batch: give it large ones, best all points at
    once. `history` pairs of steps and gradients make its metric.
    """

    learning_rate: Schedule = 1.0
    max_iterations: int = 20
    history: int = 50
    name: Literal["lbfgs"] = "lbfgs"
    searches: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_nonnegative(learning_rate=self.learning_rate)
        if self.max_iterations < 1 or self.history < 1:
            raise ValueError(
                f"max_iterations and history must be at least 1, got {self.max_iterations} and {self.history}"
            )

    def build(self, theta: Tensor, shapes: Sequence[torch.Size] = ()) -> torch.optim.Optimizer:
        smallest = torch.finfo(theta.dtype).tiny  # a training ends after its epochs, not by tolerances
        return torch.optim.LBFGS(
            [theta], lr=value_at(self.learning_rate, 0.0), max_iter=self.max_iterations, history_size=self.history,
            tolerance_grad=smallest, tolerance_change=smallest, line_search_fn="strong_wolfe",
        )  # fmt: skip

    def precondition(self, gradient: Tensor, state: Moments) -> tuple[Tensor, Tensor | None, Moments]:
        """Raises ValueError: its metric is no diagonal one."""
        raise ValueError("lbfgs has no diagonal metric; use the metric of adam, or the identity")


@dataclass(frozen=True)
class AdamLbfgs:
    """Adam for the first `switch` epochs, then L-BFGS, as many train networks to obey a PDE (Raissi, Perdikaris &
    Karniadakis 2019): far from a minimum noise does no harm, near it curvature is worth its price.

    `learning_rate` is Adam's; L-BFGS begins every search at 1, without memory of what was before.
    """

    learning_rate: Schedule = 1e-3
    switch: float = 20.0
    max_iterations: int = 20
    history: int = 50
    name: Literal["adam-lbfgs"] = "adam-lbfgs"
    searches: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _ = self.phases  # which refuse what cannot be
        if self.switch < 0:
            raise ValueError(f"switch must be 0 or more epochs, got {self.switch}")

    @property
    def phases(self) -> tuple[Adam, Lbfgs]:
        """What is one after the other."""
        return Adam(self.learning_rate), Lbfgs(max_iterations=self.max_iterations, history=self.history)

    def build(self, theta: Tensor, shapes: Sequence[torch.Size] = ()) -> "Phases":
        walking, searching = self.phases
        return Phases(walking.build(theta), searching.build(theta))

    def precondition(self, gradient: Tensor, state: Moments) -> tuple[Tensor, Tensor | None, Moments]:
        """Raises ValueError: its metric is no diagonal one."""
        raise ValueError("adam-lbfgs has no diagonal metric; use the metric of adam, or the identity")


class Phases:
    """Two steppers of one θ: the second moves it when it may ask for values, the first when it may not."""

    def __init__(self, walking: Stepper, searching: Stepper) -> None:
        self._walking, self._searching = walking, searching

    @property
    def param_groups(self) -> list[Group]:
        return self._walking.param_groups

    def step(self, closure: Any = None, /) -> None:
        if closure is None:
            self._walking.step()
        else:
            self._searching.step(closure)

    def state_dict(self) -> dict[str, Any]:
        return {"walking": self._walking.state_dict(), "searching": self._searching.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self._walking.load_state_dict(state_dict["walking"])
        self._searching.load_state_dict(state_dict["searching"])


def _counted(count: float | Tensor, like: Tensor) -> int | Tensor:
    """A number of steps where the moments are: one that the host keeps would be another one in a recorded step."""
    if host_decides(like):
        return int(count)
    return count if isinstance(count, Tensor) else like.new_full((), count, dtype=torch.float64)


def searches_at(optimizer: Optimizer, epoch: float) -> bool:
    """Whether a step at this time in epochs asks for values."""
    return optimizer.searches and epoch >= getattr(optimizer, "switch", 0.0)


class OnTensors:
    """An optimizer of the tensors that θ (P,) is made of: they are views of θ, so that what it moves is θ itself.

    A gradient that is not finite, or whose products overflow, makes θ so, as it does with every optimizer.
    """

    def __init__(
        self, theta: Tensor, shapes: Sequence[torch.Size], make: Callable[[Sequence[Tensor]], torch.optim.Optimizer]
    ) -> None:
        rest = len(theta) - sum(map(math.prod, shapes))
        self._theta, self._shapes = theta, [*shapes, *([torch.Size([rest])] if rest else [])]
        self._tensors = [tensor.requires_grad_() for tensor in self._cut(theta.detach())]
        self._inner = make(self._tensors)

    @property
    def param_groups(self) -> list[Group]:
        return self._inner.param_groups

    @torch.no_grad()
    def step(self, closure: Any = None, /) -> None:
        gradient = self._theta.grad
        if gradient is None or not torch.isfinite(gradient).all():
            self._theta.fill_(math.nan)
            return
        for tensor, own in zip(self._tensors, self._cut(gradient), strict=True):
            tensor.grad = own
        try:
            self._inner.step()
        except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage]
            self._theta.fill_(math.nan)

    def state_dict(self) -> dict[str, Any]:
        return self._inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._inner.load_state_dict(state_dict)

    def _cut(self, vector: Tensor) -> list[Tensor]:
        pieces = vector.split([math.prod(shape) for shape in self._shapes])
        return [piece.view(shape) for piece, shape in zip(pieces, self._shapes, strict=True)]


def _require_moments(learning_rate: Schedule, betas: tuple[float, float], epsilon: float) -> None:
    require_nonnegative(learning_rate=learning_rate)
    if not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas must lie in [0, 1), got {list(betas)}")
    if epsilon <= 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}")


OPTIMIZERS: Mapping[str, type[Optimizer]] = {
    "adam": Adam,
    "sgd": Sgd,
    "soap": Soap,
    "lbfgs": Lbfgs,
    "adam-lbfgs": AdamLbfgs,
}

WITHOUT_METRIC = ("soap", "lbfgs", "adam-lbfgs")
"""Optimizers whose metric is no diagonal matrix, so that `precondition` has none to give."""
