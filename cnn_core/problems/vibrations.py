"""Vibrations of a string and of a beam, both held at their ends, on x ∈ [0, 1], t ∈ [0, 1].

* `wave`: u_tt = c² u_xx, u = 0 at both ends, from rest, u(x, 0) = sin πx + ½ sin 4πx; solved by
  u* = sin πx cos cπt + ½ sin 4πx cos 4cπt.
* `beam` (Euler–Bernoulli): u_tt + u_xxxx = 0, simply supported: u = u_xx = 0 at both ends; from rest,
  u(x, 0) = sin πx; solved by u* = sin πx cos π²t.

Lengths are in units of the string's or the beam's length L. Times of the beam are in units of √(m L⁴/(E I)), with its
mass m by length and its stiffness E I. Every row has the scale that its derivative has in u*, so that scaled rows are
as large as u.

References: S. Timoshenko, Vibration Problems in Engineering, ch. V; S. Wang, X. Yu, P. Perdikaris, When and why PINNs
fail to train, J. Comput. Phys. 449, 2022 (the wave, c = 2).
"""

import math

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.domains import Box
from cnn_core.problems.condition import Condition
from cnn_core.problems.problem import Problem

DOMAIN = Box({"x": (0.0, 1.0), "t": (0.0, 1.0)}, time="t")


def wave(speed: float = 2.0) -> Problem:
    """A string's two modes. Raises ValueError unless its waves have a speed c > 0."""
    if speed <= 0:
        raise ValueError(f"speed must be positive, got {speed}")
    fast = 4 * math.pi * speed

    def solution(x: Tensor, p: Tensor) -> Tensor:
        along, angle = math.pi * x[:1], math.pi * speed * x[1:]
        return along.sin() * angle.cos() + 0.5 * (4 * along).sin() * (4 * angle).cos()

    def start(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        rest = torch.stack([x[0], torch.zeros_like(x[0])])
        return {"position": u.value[0] - solution(rest, p)[0], "velocity": u["t"][0]}

    return Problem(
        name="wave",
        coordinates=DOMAIN,
        parameters=(),
        outputs=("u",),
        residual=lambda u, x, p: {"wave": u["tt"][0] - speed**2 * u["xx"][0]},
        solution=solution,
        scale=lambda p: {"wave": 0.5 * fast**2},
        conditions={
            "start": Condition("initial", start, scale=lambda p: {"position": 1.0, "velocity": 0.5 * fast}),
            "ends": Condition("boundary", lambda u, x, p: {"ends": u.value[0]}),
        },
    )


def beam() -> Problem:
    """A beam's first mode: an equation of the fourth order, with two conditions at each end."""

    def solution(x: Tensor, p: Tensor) -> Tensor:
        return (math.pi * x[:1]).sin() * (math.pi**2 * x[1:]).cos()

    def start(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"position": u.value[0] - (math.pi * x[0]).sin(), "velocity": u["t"][0]}

    def ends(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"deflection": u.value[0], "moment": u["xx"][0]}

    return Problem(
        name="beam",
        coordinates=DOMAIN,
        parameters=(),
        outputs=("u",),
        residual=lambda u, x, p: {"beam": u["tt"][0] + u["xxxx"][0]},
        solution=solution,
        scale=lambda p: {"beam": math.pi**4},
        conditions={
            "start": Condition("initial", start, scale=lambda p: {"position": 1.0, "velocity": math.pi**2}),
            "ends": Condition("boundary", ends, scale=lambda p: {"deflection": 1.0, "moment": math.pi**2}),
        },
    )
