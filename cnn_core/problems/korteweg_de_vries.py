"""Korteweg and de Vries's equation u_t + u u_x + δ² u_xxx = 0 on [−1, 1] × [0, 1], periodic in x, u(x, 0) = cos πx.

The wave breaks into a train of solitons. u, u_x and u_xx are the same at both ends; these rows have the scales of u₀'s
derivatives, 1, π and π². All is without units.

No formula for u is known. The reference is computed on first use, in seconds, by a spectral method with 512 points and
20,480 steps in time (`spectral`); for δ = 0.022 halving the step changes it by 1e-10 at most. It knows no t > 1.

Reference: N. J. Zabusky, M. D. Kruskal, Interaction of "Solitons" in a Collisionless Plasma and the Recurrence of
Initial States, Phys. Rev. Lett. 15, 1965 (δ = 0.022).
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from cnn_core.derivatives import Field
from cnn_core.domains import Box
from cnn_core.problems.condition import Condition
from cnn_core.problems.problem import Problem
from cnn_core.problems.spectral import PeriodicWave, solve_periodic

POINTS, KEPT, EVERY = 512, 1024, 20
PERIOD = 2.0
LEAST = 0.02


def kdv(dispersion: float = 0.022) -> Problem:
    """Korteweg and de Vries's equation with δ = `dispersion`. Raises ValueError where it is too small."""
    if dispersion < LEAST:
        raise ValueError(
            f"dispersion must be at least {LEAST}, below which the reference is not resolved, got {dispersion}"
        )

    def residual(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        return {"kdv": u["t"][0] + u.value[0] * u["x"][0] + dispersion**2 * u["xxx"][0]}

    def jumps(u: Field, x: Tensor, p: Tensor) -> dict[str, Tensor]:
        there = u.partner
        return {
            "u": u.value[0] - there.value[0],
            "slope": u["x"][0] - there["x"][0],
            "bend": u["xx"][0] - there["xx"][0],
        }

    return Problem(
        name="kdv",
        coordinates=Box({"x": (-1.0, 1.0), "t": (0.0, 1.0)}, time="t"),
        parameters=(),
        outputs=("u",),
        residual=residual,
        solution=lambda x, p: _reference(dispersion)(x[0], x[1])[None],
        conditions={
            "start": Condition("initial", lambda u, x, p: {"start": u.value[0] - (math.pi * x[0]).cos()}),
            "periodic": Condition(
                "x=-1",
                jumps,
                scale=lambda p: {"u": 1.0, "slope": math.pi, "bend": math.pi**2},
                partner=lambda x: torch.stack([x[0] + PERIOD, x[1]]),
            ),
        },
    )


@lru_cache
def _reference(dispersion: float) -> PeriodicWave:
    x = PERIOD * torch.arange(POINTS, dtype=torch.float64) / POINTS
    wavenumbers = math.pi * torch.arange(POINTS // 2 + 1, dtype=torch.float64)
    slopes = torch.where(wavenumbers < 2 / 3 * wavenumbers[-1], -0.5j * wavenumbers, 0)

    def steepening(spectrum: Tensor) -> Tensor:
        return slopes * torch.fft.rfft(torch.fft.irfft(spectrum) ** 2)

    return solve_periodic(
        (math.pi * x).cos(),
        1j * dispersion**2 * wavenumbers**3,
        steepening,
        wavenumber=math.pi,
        step=1 / (KEPT * EVERY),
        kept=KEPT,
        every=EVERY,
    )
