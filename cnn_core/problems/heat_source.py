"""A source of heat that is looked for: u_t = ((4 + x²) u_x)_x + 4π² f(x) e^(−3t) on [0, 1]², u and f unknown functions.

u(x, 0) = sin πx and u = 0 at x = 0, 1 are given, and what u is at the end, t = 1, is observed. Solved by

    u = e^(−3t) sin πx,    4π² f = (π² (4 + x²) − 3) sin πx − 2πx cos πx.

f is the network's second output, which reads x and t like every output and is told not to change with t. u is in units
of its first amplitude, f in units that make it about 1. Without observations f is anything: every f has its own u.

Reference: PECANN-CAPU, 2025, where u is five times and f twenty π² times as large, and the noise of the observations,
5 % of u, is drawn anew at every evaluation.
"""

import math

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.domains import Box
from cnn_core.problems.condition import Condition
from cnn_core.problems.problem import Problem

STRENGTH = 4 * math.pi**2


def heat_source() -> Problem:
    """The heat equation with a source that depends on x alone, in a rod that conducts better at its far end."""

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        flux = (4 + x[0] ** 2) * u["xx"][0] + 2 * x[0] * u["x"][0]
        return {"heat": u["t"][0] - flux - STRENGTH * u.value[1] * torch.exp(-3 * x[1]), "steady": u["t"][1]}

    def solution(x: Tensor, p: Tensor) -> Tensor:
        wave, slope = torch.sin(math.pi * x[0]), math.pi * torch.cos(math.pi * x[0])
        source = (math.pi**2 * (4 + x[0] ** 2) - 3) * wave - 2 * x[0] * slope
        return torch.stack([torch.exp(-3 * x[1]) * wave, source / STRENGTH])

    return Problem(
        name="heat-source",
        coordinates=Box({"x": (0.0, 1.0), "t": (0.0, 1.0)}, time="t"),
        parameters=(),
        outputs=("u", "f"),
        residual=residual,
        solution=solution,
        scale=lambda p: {"heat": STRENGTH, "steady": 1.0},
        conditions={
            "start": Condition("initial", lambda u, x, p: {"start": u.value[0] - torch.sin(math.pi * x[0])}),
            "walls": Condition("boundary", lambda u, x, p: {"walls": u.value[0]}),
        },
    )
