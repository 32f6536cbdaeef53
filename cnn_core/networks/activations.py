"""Activations with the derivatives that a Taylor-mode pass and its transpose need, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Activation:
    """An activation φ, elementwise: `value(a)`, and `derivatives(a, n)` = [φ, φ', … n-th derivative] for n ≤ 3."""

    value: Callable[[Tensor], Tensor]
    derivatives: Callable[[Tensor, int], list[Tensor]]


def _tanh(a: Tensor, highest: int) -> list[Tensor]:
    value = torch.tanh(a)
    first = 1 - value.square()
    derivatives = [value, first]
    if highest >= 2:
        derivatives.append(-2 * value * first)
    if highest >= 3:
        derivatives.append(first * (4 - 6 * first))
    return derivatives


def _swish(a: Tensor, highest: int) -> list[Tensor]:
    gate = torch.sigmoid(a)
    value = a * gate
    slope = gate - gate.square()
    derivatives = [value, torch.addcmul(gate, a, slope)]
    if highest >= 2:
        tilt = 1 - 2 * gate
        bend = 2 + a * tilt
        derivatives.append(slope * bend)
        if highest >= 3:
            derivatives.append(slope * (tilt * (bend + 1) - 2 * a * slope))
    return derivatives


ACTIVATIONS: Mapping[str, Activation] = {
    "tanh": Activation(torch.tanh, _tanh),
    "swish": Activation(nn.functional.silu, _swish),
}
