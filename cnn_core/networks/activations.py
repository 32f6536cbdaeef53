"""Activations with the derivatives that a Taylor-mode pass and its transpose need, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Activation:
    """An activation φ, elementwise: `value(a)`, and `derivatives(a, n)` = [φ, φ', … n-th derivative] for n ≤ 5."""

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
    if highest >= 4:
        second, third = derivatives[2:]
        derivatives += [second * (4 - 12 * first), third * (4 - 12 * first) - 12 * second.square()]
    return derivatives[: highest + 1]


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
    if highest >= 4:
        derivatives += _higher_swish(a, slope, 1 - 2 * gate)
    return derivatives[: highest + 1]


def _higher_swish(a: Tensor, slope: Tensor, tilt: Tensor) -> list[Tensor]:
    """φ and φ' of φ = a σ(a), from σ' and 1 − 2σ: φ⁽ⁿ⁾ = a σ⁽ⁿ⁾ + n σ⁽ⁿ⁻¹⁾."""
    square = tilt.square()
    third = slope * (square - 2 * slope)
    fourth = slope * tilt * (square - 8 * slope)
    fifth = third * (square - 8 * slope) - 12 * slope.square() * square
    return [a * fourth + 4 * third, a * fifth + 5 * fourth]


def _sine_value(omega: float, a: Tensor) -> Tensor:
    return torch.sin(a if omega == 1 else omega * a)


def _sine(omega: float, a: Tensor, highest: int) -> list[Tensor]:
    angle = a if omega == 1 else omega * a
    sine, cosine = torch.sin(angle), torch.cos(angle)
    turns = [sine, cosine, -sine, -cosine]
    return [turns[n % 4] if omega == 1 or n == 0 else omega**n * turns[n % 4] for n in range(highest + 1)]


@cache
def sine(omega: float) -> Activation:
    """φ(a) = sin(ω a); φ' turns it by a quarter and multiplies it by ω."""
    return Activation(partial(_sine_value, omega), partial(_sine, omega))


ACTIVATIONS: Mapping[str, Activation] = {
    "tanh": Activation(torch.tanh, _tanh),
    "swish": Activation(nn.functional.silu, _swish),
    "sine": sine(1.0),
}
