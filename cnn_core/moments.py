"""The steps of torch's Adam and gradient descent for many parameter vectors at once, with rates of their own.

Torch's optimizers move one θ at one rate. What theirs remember is stacked here, moved, and handed back to them.

Axis names: B trainings, P parameters.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from cnn_core.optimizers import Adam, Optimizer, Sgd, Stepper

STACKED = ("adam", "sgd")

Moments = dict[str, Tensor]
"""What optimizers remember, stacked."""


def stacked_moments(steppers: Sequence[tuple[Stepper, Tensor]], optimizer: Optimizer) -> Moments:
    """What the optimizers of these θ remember; zeros of those that have taken no step yet."""
    each = [_nothing_yet(theta.detach(), optimizer) | _remembered(stepper, theta) for stepper, theta in steppers]
    return {name: torch.stack([one[name] for one in each]) for name in each[0]}


def _nothing_yet(theta: Tensor, optimizer: Optimizer) -> Moments:
    """What an optimizer may as well remember before its first step."""
    zeros = torch.zeros_like(theta)
    if isinstance(optimizer, Adam):
        return {"step": zeros[0].float(), "exp_avg": zeros, "exp_avg_sq": zeros}
    return {"momentum_buffer": zeros} if isinstance(optimizer, Sgd) and optimizer.momentum else {}


def _remembered(stepper: Any, theta: Tensor) -> Moments:
    return {name: held for name, held in stepper.state[theta].items() if held is not None}


def unstacked_moments(moments: Moments, place: int, stepper: Any, theta: Tensor) -> None:
    """Hands back what the optimizer of one θ remembers."""
    own = stepper.state[theta]
    for name, held in moments.items():
        if isinstance(own.get(name), Tensor):
            own[name].copy_(held[place])  # in place: recorded steps of that θ read it where it is
        else:
            own[name] = held[place].clone()


def moved(
    theta: Tensor, gradient: Tensor, rate: Tensor, moments: Moments, optimizer: Optimizer
) -> tuple[Tensor, Moments]:
    """θ (B, P) after a step along −∇ (B, P) at rates (B,), and the new moments."""
    if isinstance(optimizer, Adam):
        return _adam(theta, gradient, rate[:, None], moments, optimizer)
    assert isinstance(optimizer, Sgd)
    if optimizer.momentum == 0:
        return theta - rate[:, None] * gradient, moments
    velocity = optimizer.momentum * moments["momentum_buffer"] + gradient
    return theta - rate[:, None] * velocity, {"momentum_buffer": velocity}


def _adam(theta: Tensor, gradient: Tensor, rate: Tensor, moments: Moments, optimizer: Adam) -> tuple[Tensor, Moments]:
    (fade_first, fade_second), step = optimizer.betas, moments["step"] + 1
    first = moments["exp_avg"].lerp(gradient, 1 - fade_first)
    second = fade_second * moments["exp_avg_sq"] + (1 - fade_second) * gradient.square()
    count = step.double()[:, None]
    unbiased = (second / (1 - fade_second**count).to(second)).sqrt() + optimizer.epsilon
    after = theta - rate / (1 - fade_first**count).to(rate) * first / unbiased
    return after, {"step": step, "exp_avg": first, "exp_avg_sq": second}
