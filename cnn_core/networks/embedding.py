"""Embeddings: what of x enters the first layer of a network, by fixed layers that nothing trains.

A `Scaling` maps the domain's box to [−1, 1]; `Waves` replace coordinates by sin(W x + φ). Both act on streams, so all
derivatives in x are carried through them as through any other layer. cos a = sin(a + π/2) is a wave like the others.

* periodic inputs (Dong & Ni 2021): a coordinate x of period L becomes cos(2πx/L), sin(2πx/L), and so u is periodic with
  all its derivatives.
* Fourier features (Tancik et al. 2020): [cos 2πBx, sin 2πBx] with random frequencies B.

Axis names: S streams, N points, D coordinates, W waves.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from cnn_core.networks.activations import ACTIVATIONS
from cnn_core.networks.streams import Carried, Scaling, activate, seed

Box = Sequence[tuple[float, float]]
"""Every coordinate's (low, high)."""

UNIT = (-1.0, 1.0)
"""The side that needs no scaling."""


class Waves(nn.Module):
    """h → (the columns `kept` of h, sin(W h + φ)), for frequencies W (W, in) and phases φ (W,)."""

    frequencies: Tensor
    phases: Tensor

    def __init__(self, frequencies: Tensor, phases: Tensor, kept: Sequence[int] = ()) -> None:
        super().__init__()
        self.kept = tuple(kept)
        self.width = len(self.kept) + len(frequencies)
        self.activation = ACTIVATIONS["sine"]
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.register_buffer("phases", phases, persistent=False)

    def forward(self, streams: Tensor, carried: Carried) -> Tensor:
        """(S, N, in) → (S, N, width)."""
        angles = linear(streams, self.frequencies.to(streams))
        angles = torch.cat([angles[:1] + self.phases.to(streams), angles[1:]])
        waves = activate(angles, self.activation, carried)
        return torch.cat([*(streams[..., one : one + 1] for one in self.kept), waves], dim=-1)


class Embedding(nn.Module):
    """x → the coordinates, scaled to [−1, 1] where a `scaling` is given, then through the `stages` in turn."""

    centre: Tensor | None
    slope: Tensor | None

    def __init__(self, inputs: int, scaling: Scaling | None, stages: Sequence[Waves] = ()) -> None:
        super().__init__()
        self.register_buffer("centre", None if scaling is None else scaling.centre, persistent=False)
        self.register_buffer("slope", None if scaling is None else scaling.slope, persistent=False)
        self.stages = nn.ModuleList(stages)
        self.width = stages[-1].width if stages else inputs

    def forward(self, x: Tensor, constants: Tensor | None, carried: Carried) -> Tensor:
        """The streams (S, N, width + C) that enter the first layer, with constants (N, C) that do not depend on x."""
        scaling = None if self.centre is None or self.slope is None else Scaling(self.centre, self.slope)
        if not self.stages:
            return seed(x, constants, carried, scaling)
        streams = seed(x, None, carried, scaling)
        for stage in self.stages:
            streams = stage(streams, carried)
        if constants is None:
            return streams
        return torch.cat([streams, nn.functional.pad(constants[None], (0, 0, 0, 0, 0, len(streams) - 1))], dim=-1)


def scaling_to_unit(box: Box) -> Scaling | None:
    """The map of a box to [−1, 1]; None where it is that already."""
    if all(tuple(side) == UNIT for side in box):
        return None
    centres, slopes = zip(*(((low + high) / 2, 2 / (high - low)) for low, high in box), strict=True)
    return Scaling(torch.tensor(centres, dtype=torch.float64), torch.tensor(slopes, dtype=torch.float64))


def periodic_waves(inputs: int, periods: Mapping[int, float], scaling: Scaling | None) -> Waves:
    """cos and sin of the coordinates whose periods are given by their places; the others as they are."""
    frequencies = torch.zeros(2 * len(periods), inputs, dtype=torch.float64)
    for place, (axis, period) in enumerate(periods.items()):
        slope = 1.0 if scaling is None else float(scaling.slope[axis])
        frequencies[2 * place : 2 * place + 2, axis] = 2 * math.pi / (period * slope)
    phases = torch.tensor([math.pi / 2, 0.0], dtype=torch.float64).repeat(len(periods))
    return Waves(frequencies, phases, [axis for axis in range(inputs) if axis not in periods])


def fourier_features(inputs: int, features: int, scale: float) -> Waves:
    """cos 2πBx and sin 2πBx for a B (features, inputs) ~ N(0, scale²) from torch's generator."""
    frequencies = 2 * math.pi * scale * torch.randn(features, inputs)
    phases = torch.tensor([math.pi / 2, 0.0], dtype=torch.float64).repeat_interleave(features)
    return Waves(frequencies.repeat(2, 1), phases)
